// What this process takes of its host, for metrics, and what the host has.
#pragma once

#include <cstdint>

#include "base/messages/stats.h"

namespace sluice {

// Read from /proc; what cannot be read is 0. Takes tens of microseconds: not for hot paths. Any thread.
ProcessUsage read_process_usage();

// Of the host. The system promises more than that, and kills who touches it.
std::uint64_t physical_memory_bytes();

}  // namespace sluice
