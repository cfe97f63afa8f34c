#include "pipeline/stage/batch_check.h"

#include <algorithm>
#include <string>

#include "pipeline/sampling/sampler_state.h"

namespace sluice {
namespace {

Error violation(std::string what) {
  return Error{ErrorCode::kProtocolViolation, std::move(what)};
}

std::string name_of(const BatchEntry& entry) {
  return "entry of sequence " + std::to_string(entry.sequence.value);
}

// Sorts; whether two are equal.
bool has_duplicate(std::vector<std::uint64_t>& values) {
  std::sort(values.begin(), values.end());
  return std::adjacent_find(values.begin(), values.end()) != values.end();
}

}  // namespace

BatchCheck::BatchCheck(const BatchLimits& limits) : limits_(limits) {
  seen_.reserve(limits.max_batch_tokens);
}

Result<void> BatchCheck::check(const StageBatch& batch) {
  if (batch.token_ids.size() > limits_.max_batch_tokens) {
    return violation("batch has " + std::to_string(batch.token_ids.size()) + " tokens, limit " +
                     std::to_string(limits_.max_batch_tokens));
  }
  if (batch.stage_times.size() >= kStageTimesMax) {
    return violation("batch has the times of " + std::to_string(batch.stage_times.size()) + " stages, limit " +
                     std::to_string(kStageTimesMax - 1));
  }
  std::uint64_t num_tokens = 0;
  for (const auto& entry : batch.entries) {
    if (auto checked = check_entry(entry); !checked.ok()) return checked;
    num_tokens += entry.num_tokens;
  }
  if (num_tokens != batch.token_ids.size()) {
    return violation("batch has " + std::to_string(batch.token_ids.size()) + " tokens, its entries ask for " +
                     std::to_string(num_tokens));
  }
  if (auto checked = check_tokens(batch.token_ids); !checked.ok()) return checked;
  for (const auto& opening : batch.opened) {
    if (auto checked = check_opening(opening); !checked.ok()) return checked;
  }
  if (auto checked = check_hidden(batch); !checked.ok()) return checked;
  return check_disjoint(batch);
}

Result<void> BatchCheck::check_entry(const BatchEntry& entry) const {
  if (entry.num_tokens == 0) return violation(name_of(entry) + " has no tokens");
  const std::uint64_t end = std::uint64_t{entry.first_position} + entry.num_tokens;
  if (end > limits_.context_tokens) {
    return violation(name_of(entry) + " ends at position " + std::to_string(end) + ", the context has " +
                     std::to_string(limits_.context_tokens));
  }
  const std::uint64_t blocks_needed = (end + limits_.block_tokens - 1) / limits_.block_tokens;
  const std::uint64_t blocks_max =
      (std::uint64_t{limits_.context_tokens} + limits_.block_tokens - 1) / limits_.block_tokens;
  if (entry.block_table.size() < blocks_needed || entry.block_table.size() > blocks_max) {
    return violation(name_of(entry) + " has " + std::to_string(entry.block_table.size()) + " blocks, needs " +
                     std::to_string(blocks_needed));
  }
  for (const BlockId block : entry.block_table) {
    if (block.value >= limits_.num_blocks) {
      return violation(name_of(entry) + " names block " + std::to_string(block.value) + " of " +
                       std::to_string(limits_.num_blocks));
    }
  }
  if (entry.next_prompt_token != -1) {
    if (auto checked = check_tokens({&entry.next_prompt_token, 1}); !checked.ok()) return checked;
  }
  return {};
}

Result<void> BatchCheck::check_opening(const SequenceOpening& opening) const {
  const std::string name = "opening of sequence " + std::to_string(opening.sequence.value);
  if (auto checked = check_sampling_params(opening.sampling, limits_.vocab_size); !checked.ok()) {
    return violation(name + ": " + checked.error().message);
  }
  if (opening.logprobs.top > BatchLimits::kTopLogprobsMax) {
    return violation(name + " asks for " + std::to_string(opening.logprobs.top) + " top log-probabilities, limit " +
                     std::to_string(BatchLimits::kTopLogprobsMax));
  }
  if (opening.prompt_tokens == 0 || opening.prompt_tokens > limits_.context_tokens) {
    return violation(name + " has a prompt of " + std::to_string(opening.prompt_tokens) + " tokens, limit " +
                     std::to_string(limits_.context_tokens));
  }
  if (opening.history.size() > limits_.context_tokens) {
    return violation(name + " has a history of " + std::to_string(opening.history.size()) + " tokens, limit " +
                     std::to_string(limits_.context_tokens));
  }
  return check_tokens(opening.history);
}

Result<void> BatchCheck::check_tokens(std::span<const TokenId> tokens) const {
  for (const TokenId token : tokens) {
    if (token < 0 || static_cast<std::uint32_t>(token) >= limits_.vocab_size) {
      return violation("token " + std::to_string(token) + " is outside the vocabulary of " +
                       std::to_string(limits_.vocab_size));
    }
  }
  return {};
}

Result<void> BatchCheck::check_hidden(const StageBatch& batch) const {
  const auto& hidden = batch.hidden;
  const bool is_expected = !limits_.is_first && !batch.token_ids.empty();
  const std::uint64_t rows = is_expected ? batch.token_ids.size() : 0;
  const std::uint64_t columns = is_expected ? limits_.hidden_size : 0;
  if (hidden.values.size() != rows * columns || hidden.rows != rows || (is_expected && hidden.columns != columns)) {
    return violation("hidden states are [" + std::to_string(hidden.rows) + ", " + std::to_string(hidden.columns) +
                     "] with " + std::to_string(hidden.values.size()) + " values, expected are [" +
                     std::to_string(rows) + ", " + std::to_string(columns) + "]");
  }
  return {};
}

Result<void> BatchCheck::check_disjoint(const StageBatch& batch) {
  seen_.clear();
  for (const auto& entry : batch.entries) seen_.push_back(entry.sequence.value);
  if (has_duplicate(seen_)) return violation("two entries of one sequence in a batch");
  seen_.clear();
  for (const auto& entry : batch.entries) {
    for (std::uint32_t i = 0; i < entry.num_tokens; ++i) {
      const std::uint32_t position = entry.first_position + i;
      const BlockId block = entry.block_table[position / limits_.block_tokens];
      seen_.push_back(std::uint64_t{block.value} * limits_.block_tokens + position % limits_.block_tokens);
    }
  }
  if (has_duplicate(seen_)) return violation("two tokens of a batch are written to one slot");
  return {};
}

}  // namespace sluice
