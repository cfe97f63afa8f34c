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

  // How many decodes one of `pipeline_depth` micro-batches takes at most: its share of all sequences that decode, those
  // in flight included, rounded up.
  std::uint32_t decode_share(std::uint32_t pipeline_depth) const;

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
