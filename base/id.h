// Strong identifiers: a SequenceId is no BlockId, and neither is a number one can add to.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <ostream>

namespace sluice {

template <class Tag, class Rep>
struct Id {
  Rep value{};

  friend auto operator<=>(const Id&, const Id&) = default;
  friend std::ostream& operator<<(std::ostream& out, Id id) { return out << id.value; }
};

// Drawn by the ingress, unique while the head process lives, never reused. 0 is no sequence.
using SequenceId = Id<struct SequenceTag, std::uint64_t>;
// Counts incarnations of the pipeline: bumped whenever a stage or the batcher is replaced. Starts at 1.
using Epoch = Id<struct EpochTag, std::uint64_t>;
// Numbers the micro-batches of one epoch, from 1.
using StepId = Id<struct StepTag, std::uint64_t>;
// Index of a KV block, the same on every stage of a replica: 0 <= value < num_blocks.
using BlockId = Id<struct BlockTag, std::uint32_t>;

// A vocabulary index. Plain because kernels and tokenizers do arithmetic on it.
using TokenId = std::int32_t;

}  // namespace sluice

template <class Tag, class Rep>
struct std::hash<sluice::Id<Tag, Rep>> {
  std::size_t operator()(sluice::Id<Tag, Rep> id) const noexcept { return std::hash<Rep>{}(id.value); }
};
