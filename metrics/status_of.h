// From a snapshot of the engine to its status: what the supervisor told last, and the ingress's count of requests.
//
// Thread:  a pure function.
#pragma once

#include "metrics/snapshot.h"

namespace sluice::metrics {

EngineStatus status_of(const EngineSnapshot& snapshot);

}  // namespace sluice::metrics
