// Whether a micro-batch keeps the rules of base/messages/pipeline.h. It came from a peer: nothing in it is believed
// before this has accepted it, and after it every index in it is within its bounds.
//
// Errors: kProtocolViolation, naming entry, value and limit.
#pragma once

#include <cstdint>
#include <vector>

#include "base/error.h"
#include "base/messages/pipeline.h"

namespace sluice {

struct BatchLimits {
  std::uint32_t vocab_size = 0;
  std::uint32_t hidden_size = 0;
  std::uint32_t context_tokens = 0;
  std::uint32_t block_tokens = 0;
  std::uint32_t num_blocks = 0;
  std::uint32_t max_batch_tokens = 0;
  bool is_first = false;  // Hidden states must be absent, else present.

  static constexpr std::uint32_t kTopLogprobsMax = 20;
};

class BatchCheck {
 public:
  explicit BatchCheck(const BatchLimits& limits);

  // Whether every entry, token, opening and hidden state is within bounds, no sequence has two entries, and no slot
  // gets written twice.
  Result<void> check(const StageBatch& batch);

 private:
  Result<void> check_entry(const BatchEntry& entry) const;
  Result<void> check_opening(const SequenceOpening& opening) const;
  Result<void> check_tokens(std::span<const TokenId> tokens) const;
  Result<void> check_hidden(const StageBatch& batch) const;
  Result<void> check_disjoint(const StageBatch& batch);

  BatchLimits limits_;
  std::vector<std::uint64_t> seen_;  // Scratch: sequences, or slots, to be sorted.
};

}  // namespace sluice
