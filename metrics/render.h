// From a snapshot of the engine to metric families: every name, unit and label of docs/METRICS.md.
//
// Thread:    a pure function.
// Invariant: the label values are ours, never a client's, so the number of series is bounded by the topology.
#pragma once

#include <prometheus/metric_family.h>

#include <vector>

#include "metrics/snapshot.h"

namespace sluice::metrics {

std::vector<prometheus::MetricFamily> render(const EngineSnapshot& snapshot);

}  // namespace sluice::metrics
