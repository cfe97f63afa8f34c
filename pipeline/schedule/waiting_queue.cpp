#include "pipeline/schedule/waiting_queue.h"

#include <algorithm>

#include "base/check.h"

namespace sluice {

void WaitingQueue::insert(Sequence& sequence) {
  const bool is_new = sequences_.insert(&sequence).second;
  SLUICE_CHECK(is_new);
}

void WaitingQueue::remove(Sequence& sequence) {
  SLUICE_CHECK_EQ(sequences_.erase(&sequence), 1u);
}

Sequence* WaitingQueue::head() const {
  const auto found =
      std::find_if(sequences_.begin(), sequences_.end(), [](const Sequence* sequence) { return !sequence->is_paused; });
  return found == sequences_.end() ? nullptr : *found;
}

}  // namespace sluice
