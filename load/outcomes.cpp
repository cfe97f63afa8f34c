#include "load/outcomes.h"

namespace sluice::load {

std::uint64_t Outcomes::finished_total() const {
  std::uint64_t total = 0;
  for (const std::uint64_t count : finished) total += count;
  return total;
}

std::uint64_t Outcomes::failed_total() const {
  std::uint64_t total = 0;
  for (const auto& [code, count] : failed) total += count;
  return total;
}

}  // namespace sluice::load
