// The sequences that hold blocks and are scheduled, in rank order: who decodes next, who prefills next, who has to go.
//
// Owns:      nothing: the Scheduler owns the sequences.
// Bound:     SchedulerConfig::max_sequences, kept by admission.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "pipeline/schedule/sequence.h"

namespace sluice {

class RunningSet {
 public:
  void insert(Sequence& sequence);
  void remove(Sequence& sequence);
  void clear() { sequences_.clear(); }

  // Those whose next token can be fed now, the longest not scheduled first, then by rank: with a token budget below
  // their number nobody is left behind. A snapshot: it stays valid while the set changes.
  std::vector<Sequence*> ready_to_decode() const;
  // Those with prompt left to compute, in rank order. A snapshot.
  std::vector<Sequence*> prefilling() const;

  // Those that decode, in flight or not.
  std::uint32_t num_decoding() const;
  // Tokens that the prefilling ones have left to plan.
  std::uint32_t prefill_tokens_left() const;

  // Whether a sequence that ranks before `other` could decode, and has no slot for its next token.
  bool is_short_of_blocks(const Sequence& other) const;

  // Who is preempted next: the paused one of the lowest rank, else the one of the lowest rank. The set is not empty.
  Sequence& victim() const;
  // The same among paused ones only; null if none is paused.
  Sequence* paused_victim() const;
  // Those that give way to a waiting one: of lower rank and, as its client gave it, lower priority. The last in rank
  // comes first.
  std::vector<Sequence*> outranked_by(const Sequence& waiting) const;

  std::uint32_t size() const { return static_cast<std::uint32_t>(sequences_.size()); }
  auto begin() const { return sequences_.begin(); }
  auto end() const { return sequences_.end(); }

 private:
  std::set<Sequence*, RankBefore> sequences_;
};

}  // namespace sluice
