// The keys of the tables that say how the engine around the stages works: [model], [mock], [ingress], [batcher],
// [kernels], [links], [supervisor], [metrics], [tokenizer], [responder].
//
// Errors:  kInvalidConfig with file, line and column.
#pragma once

#include <cstdint>
#include <vector>

#include "pipeline/topology/config_schema.h"
#include "pipeline/topology/topology.h"

namespace sluice::topology {

// [tokenizer], [responder]: one of each, in the head, is what there is.
struct ServiceDraft {
  std::uint32_t count = 1;
};

std::vector<Field<ModelTopology>> model_fields();
std::vector<Field<MockCosts>> mock_fields();
std::vector<Field<IngressTopology>> ingress_fields();
std::vector<Field<BatcherTopology>> batcher_fields();
std::vector<Field<KernelsTopology>> kernels_fields();
std::vector<Field<LinksTopology>> links_fields();
std::vector<Field<SupervisorTopology>> supervisor_fields();
std::vector<Field<MetricsTopology>> metrics_fields();
std::vector<Field<ServiceDraft>> service_fields();

// What concerns two keys of [links].
Result<void> check_links(const FieldPlace& place, const ConfigNode& node, const LinksTopology& links);

}  // namespace sluice::topology
