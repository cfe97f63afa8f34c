// An engine for tests of statuses: two replicas, one up, of which one stage has two ranks; the other lacks a worker.
#pragma once

#include "pipeline/membership/engine_status.h"

namespace sluice::test {

// As it looks at this moment.
inline constexpr TimePoint kStatusTime{std::chrono::hours(30)};
EngineStatus sample_status();

}  // namespace sluice::test
