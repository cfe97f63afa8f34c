#include "pipeline/schedule/running_set.h"

#include <algorithm>

#include "base/check.h"

namespace sluice {

void RunningSet::insert(Sequence& sequence) {
  const bool is_new = sequences_.insert(&sequence).second;
  SLUICE_CHECK(is_new);
}

void RunningSet::remove(Sequence& sequence) {
  SLUICE_CHECK_EQ(sequences_.erase(&sequence), 1u);
}

std::vector<Sequence*> RunningSet::ready_to_decode() const {
  std::vector<Sequence*> ready;
  for (Sequence* sequence : sequences_) {
    if (!sequence->is_paused && sequence->is_ready_to_decode()) ready.push_back(sequence);
  }
  std::stable_sort(ready.begin(), ready.end(),
                   [](const Sequence* a, const Sequence* b) { return a->last_step < b->last_step; });
  return ready;
}

std::vector<Sequence*> RunningSet::prefilling() const {
  std::vector<Sequence*> found;
  for (Sequence* sequence : sequences_) {
    if (!sequence->is_paused && sequence->is_prefilling()) found.push_back(sequence);
  }
  return found;
}

std::uint32_t RunningSet::num_decoding() const {
  return static_cast<std::uint32_t>(std::count_if(sequences_.begin(), sequences_.end(), [](const Sequence* sequence) {
    return !sequence->is_paused && sequence->is_decoding();
  }));
}

std::uint32_t RunningSet::prefill_tokens_left() const {
  std::uint32_t tokens = 0;
  for (const Sequence* sequence : prefilling()) tokens += sequence->prefill_tokens - sequence->planned_tokens;
  return tokens;
}

bool RunningSet::is_short_of_blocks(const Sequence& other) const {
  return std::any_of(sequences_.begin(), sequences_.end(), [&other](const Sequence* sequence) {
    return RankBefore()(sequence, &other) && !sequence->is_paused && sequence->is_ready_to_decode() &&
           !sequence->blocks.covers(sequence->planned_tokens + 1);
  });
}

Sequence& RunningSet::victim() const {
  if (Sequence* paused = paused_victim()) return *paused;
  SLUICE_CHECK(!sequences_.empty());
  return **sequences_.rbegin();
}

Sequence* RunningSet::paused_victim() const {
  const auto found = std::find_if(sequences_.rbegin(), sequences_.rend(),
                                  [](const Sequence* sequence) { return sequence->is_paused; });
  return found == sequences_.rend() ? nullptr : *found;
}

std::vector<Sequence*> RunningSet::outranked_by(const Sequence& waiting) const {
  std::vector<Sequence*> found;
  for (auto next = sequences_.rbegin(); next != sequences_.rend() && RankBefore()(&waiting, *next); ++next) {
    if ((*next)->spec.priority < waiting.spec.priority) found.push_back(*next);
  }
  return found;
}

}  // namespace sluice
