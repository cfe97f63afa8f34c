// The parts of a topology file that are about several replicas: [[replica]], copies and [router].
//
// Errors:  kInvalidConfig with file, line and column.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "pipeline/topology/config_schema.h"
#include "pipeline/topology/stage_section.h"
#include "pipeline/topology/topology.h"

namespace sluice::topology {

// On its way to a Topology, with the places that checks across keys have to point at.
struct ReplicaDraft {
  std::vector<StageDraft> stages;
  std::uint32_t weight = 1;
  MockCosts mock;
  Position at;
  std::optional<Position> mock_at;
};

struct ReplicasDraft {
  std::vector<ReplicaDraft> replicas;
  std::uint32_t copies = 1;
  std::optional<Position> copies_at;
  Position replicas_at;
};

std::vector<Field<ReplicaDraft>> replica_fields();
std::vector<Field<RouterTopology>> router_fields();
Result<void> check_router(const FieldPlace& place, const ConfigNode& node, const RouterTopology& router);

// Whether the file says one thing: [[stage]]s, perhaps in copies, or [[replica]]s; and what each replica says.
Result<void> check_replicas(std::string_view file_name, const std::vector<StageDraft>& stages,
                            const ReplicasDraft& draft);

}  // namespace sluice::topology
