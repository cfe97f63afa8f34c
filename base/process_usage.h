// What this process takes of its host: for metrics.
#pragma once

#include "base/messages/stats.h"

namespace sluice {

// Read from /proc; what cannot be read is 0. Takes tens of microseconds: not for hot paths. Any thread.
ProcessUsage read_process_usage();

}  // namespace sluice
