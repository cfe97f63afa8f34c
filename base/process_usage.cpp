#include "base/process_usage.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace sluice {

ProcessUsage read_process_usage() {
  ProcessUsage usage;
  std::uint64_t pages_total = 0;
  std::uint64_t pages_resident = 0;
  if (std::ifstream statm("/proc/self/statm"); statm >> pages_total >> pages_resident) {
    usage.resident_bytes = pages_resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  }
  std::error_code error;
  std::filesystem::directory_iterator descriptors("/proc/self/fd", error);
  while (!error && descriptors != std::filesystem::directory_iterator()) {
    ++usage.open_descriptors;
    descriptors.increment(error);
  }
  if (usage.open_descriptors > 0) --usage.open_descriptors;  // That of the listing itself.
  return usage;
}

std::uint64_t physical_memory_bytes() {
  return static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace sluice
