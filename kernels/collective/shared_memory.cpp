#include "kernels/collective/shared_memory.h"

#include <algorithm>

#include "base/check.h"
#include "kernels/collective/rank_order_sum.h"

namespace sluice::kernels {
namespace {

constexpr std::uint32_t kAbandoned = 1;
constexpr std::uint32_t kOneMeeting = 2;
constexpr int kSpins = 4'000;  // Some tens of microseconds.

Error abandoned() {
  return Error{ErrorCode::kTransportLost, "the group of tensor-parallel ranks is over", 100};
}

}  // namespace

class SharedMemoryGroup::Member final : public Communicator {
 public:
  Member(std::shared_ptr<SharedMemoryGroup> group, std::uint32_t rank) : group_(std::move(group)), rank_(rank) {}
  // Whoever is waiting for this rank would wait for ever.
  ~Member() override { group_->abandon(); }

  std::uint32_t rank() const override { return rank_; }
  std::uint32_t num_ranks() const override { return static_cast<std::uint32_t>(group_->shown_.size()); }

  Result<void> all_reduce_sum(std::span<float> values) override {
    if (!show(values)) return abandoned();
    sum_.resize(values.size());
    add_in_rank_order(
        num_ranks(), [&](std::uint32_t rank) { return group_->shown_[rank].values; }, sum_);
    group_->end();
    std::copy(sum_.begin(), sum_.end(), values.begin());
    return {};
  }

  Result<void> all_gather(std::span<const float> part, std::span<float> all) override {
    SLUICE_CHECK_EQ(all.size(), part.size() * num_ranks());
    if (!show(part)) return abandoned();
    for (std::uint32_t rank = 0; rank < num_ranks(); ++rank) {
      const std::span<const float> theirs = group_->shown_[rank].values;
      std::copy(theirs.begin(), theirs.end(), all.begin() + static_cast<std::ptrdiff_t>(rank * part.size()));
    }
    group_->end();
    return {};
  }

 private:
  bool show(std::span<const float> values) {
    group_->shown_[rank_].values = values;
    if (!group_->begin()) return false;
    for (const Shown& shown : group_->shown_) SLUICE_CHECK_EQ(shown.values.size(), values.size());
    return true;
  }

  std::shared_ptr<SharedMemoryGroup> group_;
  std::uint32_t rank_;
  std::vector<float> sum_;
};

std::shared_ptr<SharedMemoryGroup> SharedMemoryGroup::create(std::uint32_t num_ranks) {
  SLUICE_CHECK_GT(num_ranks, 0u);
  return std::shared_ptr<SharedMemoryGroup>(new SharedMemoryGroup(num_ranks));
}

std::unique_ptr<Communicator> SharedMemoryGroup::join(std::uint32_t rank) {
  SLUICE_CHECK_LT(rank, shown_.size());
  return std::make_unique<Member>(shared_from_this(), rank);
}

void SharedMemoryGroup::abandon() {
  state_.fetch_or(kAbandoned, std::memory_order_acq_rel);
  state_.notify_all();
}

bool SharedMemoryGroup::begin() {
  const std::uint32_t before = state_.load(std::memory_order_acquire);
  if ((before & kAbandoned) != 0) return false;
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == shown_.size()) {
    arrived_.store(0, std::memory_order_relaxed);
    // Either all go on or none: an abandonment before this ends the meeting, one after it the next.
    std::uint32_t expected = before;
    const bool is_on = state_.compare_exchange_strong(expected, before + kOneMeeting, std::memory_order_acq_rel);
    state_.notify_all();
    return is_on;
  }
  return (wait_for_change(before) ^ before) >= kOneMeeting;
}

void SharedMemoryGroup::end() {
  std::uint32_t before = state_.load(std::memory_order_acquire);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == shown_.size()) {
    arrived_.store(0, std::memory_order_relaxed);
    state_.fetch_add(kOneMeeting, std::memory_order_acq_rel);
    state_.notify_all();
    return;
  }
  // Not for an abandonment: others may still be reading.
  for (std::uint32_t now = before; (now ^ before) < kOneMeeting;) now = wait_for_change(now);
}

std::uint32_t SharedMemoryGroup::wait_for_change(std::uint32_t from) const {
  for (int i = 0; i < kSpins; ++i) {
    if (const std::uint32_t now = state_.load(std::memory_order_acquire); now != from) return now;
  }
  state_.wait(from, std::memory_order_acquire);
  return state_.load(std::memory_order_acquire);
}

}  // namespace sluice::kernels
