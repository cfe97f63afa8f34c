// The parts of a topology file that are about several replicas: [[replica]], copies and [router]. Stages are read by
// whoever reads those of [[stage]].
//
// Errors:  kInvalidConfig with file, line and column.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "pipeline/topology/config_schema.h"
#include "pipeline/topology/topology.h"

namespace sluice::topology {

// On their way to a Topology, with the places that checks across keys have to point at.
struct StageDraft {
  StageTopology stage;
  Position layers_at;
  Position ranks_at;
};

struct ReplicaDraft {
  std::vector<StageDraft> stages;
  std::uint32_t weight = 1;
  MockCosts mock;
  std::optional<Position> mock_at;
};

struct ReplicasDraft {
  std::vector<ReplicaDraft> replicas;
  std::uint32_t copies = 1;
  std::optional<Position> copies_at;
  std::optional<Position> replicas_at;
};

// What the reader of the whole file lends: how a list of stages and [mock] are read.
struct SectionReaders {
  Result<void> (*stages)(const FieldPlace&, const ConfigNode&, std::vector<StageDraft>&) = nullptr;
  std::vector<Field<MockCosts>> (*mock_fields)() = nullptr;
};

Result<void> read_replicas(const FieldPlace& place, const ConfigNode& node, const SectionReaders& readers,
                           ReplicasDraft& draft);
Result<void> read_copies(const FieldPlace& place, const ConfigNode& node, ReplicasDraft& draft);

std::vector<Field<RouterTopology>> router_fields();
Result<void> check_router(std::string_view file_name, Position position, const RouterTopology& router);

// Whether the file says one thing: [[stage]]s, perhaps in copies, or [[replica]]s.
Result<void> check_replicas(std::string_view file_name, const std::vector<StageDraft>& stages,
                            const ReplicasDraft& draft);

}  // namespace sluice::topology
