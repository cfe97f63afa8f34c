// A status as text for people: a few lines of facts, then tables of replicas, stages and standbys. Whatever workers
// say, a row stays a line.
#pragma once

#include <string>

#include "base/clock.h"
#include "pipeline/membership/engine_status.h"

namespace sluice {

std::string render_status_table(const EngineStatus& status, TimePoint now);

}  // namespace sluice
