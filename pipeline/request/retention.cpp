#include "pipeline/request/retention.h"

#include <chrono>

#include "base/check.h"

namespace sluice {

bool Retention::admits(std::uint64_t result_bytes) const {
  return limits_.max_streams > 0 && limits_.keep_ms > 0 && limits_.max_bytes > 0 && result_bytes <= limits_.max_bytes;
}

void Retention::add(SequenceId sequence, std::uint64_t result_bytes, TimePoint now) {
  SLUICE_CHECK(admits(result_bytes));
  kept_.push_back({sequence, result_bytes, now + std::chrono::milliseconds(limits_.keep_ms)});
  bytes_ += result_bytes;
}

std::optional<SequenceId> Retention::pop_excess() {
  if (kept_.size() <= limits_.max_streams && bytes_ <= limits_.max_bytes) return std::nullopt;
  return pop_front();
}

std::optional<SequenceId> Retention::pop_expired(TimePoint now) {
  if (kept_.empty() || kept_.front().end > now) return std::nullopt;
  return pop_front();
}

SequenceId Retention::pop_front() {
  const Kept oldest = kept_.front();
  kept_.pop_front();
  bytes_ -= oldest.result_bytes;
  return oldest.sequence;
}

}  // namespace sluice
