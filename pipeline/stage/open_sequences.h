// The sequences that the last stage knows: opened, fed with the tokens that pass by, closed, as batches say.
//
// Owns:      a State for each open sequence. State(const SequenceOpening&) has seen the opening's history; it has
//            append(tokens), num_tokens(), prompt_tokens().
// Confined:  to the stage's thread.
// Errors:    check(): kProtocolViolation for an entry of a sequence that is not open, or that does not go on where its
//            tokens ended.
// Invariant: the state of an open sequence has seen exactly the tokens that passed by, and its history.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "base/error.h"
#include "base/messages/pipeline.h"

namespace sluice {

// Prompt log-probabilities that the entry yields: of the tokens that follow its own, as far as the prompt goes.
inline std::uint32_t num_prompt_logprobs(const BatchEntry& entry, std::uint32_t prompt_tokens) {
  if (!entry.wants_prompt_logprobs) return 0;
  const std::uint32_t end = std::min(entry.first_position + entry.num_tokens, prompt_tokens - 1);
  return end > entry.first_position ? end - entry.first_position : 0;
}

template <class State>
class OpenSequences {
 public:
  explicit OpenSequences(std::uint32_t max_open) : max_open_(max_open) {}

  // Whether the batch, which batch_check.h has accepted, fits the open sequences. Changes nothing.
  Result<void> check(const StageBatch& batch) const;

  // Closes and opens what the batch says, and takes in its tokens. After check().
  void update(const StageBatch& batch);

  const State& at(SequenceId sequence) const { return open_.at(sequence); }
  void clear() { open_.clear(); }

 private:
  static Error violation(SequenceId sequence, const std::string& what) {
    return {ErrorCode::kProtocolViolation, "entry of sequence " + std::to_string(sequence.value) + " " + what};
  }

  static Result<void> check_entry(const BatchEntry& entry, std::size_t num_tokens, std::uint32_t prompt_tokens);

  std::uint32_t max_open_;
  std::unordered_map<SequenceId, State> open_;
};

template <class State>
Result<void> OpenSequences<State>::check(const StageBatch& batch) const {
  const std::unordered_set<SequenceId> closed(batch.closed.begin(), batch.closed.end());
  std::unordered_map<SequenceId, const SequenceOpening*> opened;
  for (const auto& opening : batch.opened) opened[opening.sequence] = &opening;

  std::size_t num_open = open_.size();
  for (const SequenceId sequence : closed) num_open -= open_.count(sequence);
  for (const auto& [sequence, opening] : opened) {
    if (!open_.contains(sequence) || closed.contains(sequence)) ++num_open;
  }
  if (num_open > max_open_) {
    return Error{ErrorCode::kProtocolViolation,
                 std::to_string(num_open) + " open sequences, limit " + std::to_string(max_open_)};
  }

  for (const auto& entry : batch.entries) {
    Result<void> checked;
    if (const auto opening = opened.find(entry.sequence); opening != opened.end()) {
      checked = check_entry(entry, opening->second->history.size(), opening->second->prompt_tokens);
    } else if (const auto known = open_.find(entry.sequence);
               known != open_.end() && !closed.contains(entry.sequence)) {
      checked = check_entry(entry, known->second.num_tokens(), known->second.prompt_tokens());
    } else {
      checked = violation(entry.sequence, "that is not open");
    }
    if (!checked.ok()) return checked;
  }
  return {};
}

template <class State>
Result<void> OpenSequences<State>::check_entry(const BatchEntry& entry, std::size_t num_tokens,
                                               std::uint32_t prompt_tokens) {
  if (entry.first_position != num_tokens) {
    return violation(entry.sequence, "begins at position " + std::to_string(entry.first_position) + " after " +
                                         std::to_string(num_tokens) + " tokens");
  }
  const bool needs_next = num_prompt_logprobs(entry, prompt_tokens) == entry.num_tokens;
  if (entry.wants_prompt_logprobs && needs_next && entry.next_prompt_token < 0) {
    return violation(entry.sequence, "wants prompt log-probabilities and does not name the next prompt token");
  }
  return {};
}

template <class State>
void OpenSequences<State>::update(const StageBatch& batch) {
  for (const SequenceId sequence : batch.closed) open_.erase(sequence);
  for (const auto& opening : batch.opened) open_.insert_or_assign(opening.sequence, State(opening));
  std::span<const TokenId> tokens(batch.token_ids);
  for (const auto& entry : batch.entries) {
    open_.at(entry.sequence).append(tokens.first(entry.num_tokens));
    tokens = tokens.subspan(entry.num_tokens);
  }
}

}  // namespace sluice
