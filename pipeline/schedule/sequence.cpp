#include "pipeline/schedule/sequence.h"

#include <algorithm>
#include <string>
#include <utility>

namespace sluice {
namespace {

std::uint32_t limit_of(const SequenceStart& start, const SchedulerConfig& config) {
  const std::uint64_t wanted = std::uint64_t{start.prompt_ids.size()} + start.spec.max_tokens;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(wanted, config.context_tokens));
}

std::uint32_t slots_of(std::uint32_t limit_tokens, const SchedulerConfig& config) {
  const std::uint64_t slots = std::uint64_t{config.num_blocks} * config.block_tokens;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(slots, limit_tokens - 1));
}

Duration ageing_of(std::int32_t priority, const SchedulerConfig& config) {
  constexpr std::int64_t kPriorityMax = 100;  // As in Generate. More is cut: products must not overflow.
  return std::clamp<std::int64_t>(priority, -kPriorityMax, kPriorityMax) * std::chrono::milliseconds(config.ageing_ms);
}

std::uint64_t us_between(TimePoint from, TimePoint to) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(to - from).count();
  return us > 0 ? static_cast<std::uint64_t>(us) : 0;
}

}  // namespace

Sequence::Sequence(SequenceStart start, const SchedulerConfig& config, BlockPool& pool, std::uint64_t arrival_index,
                   TimePoint now)
    : id(start.sequence),
      prompt_tokens(static_cast<std::uint32_t>(start.prompt_ids.size())),
      limit_tokens(limit_of(start, config)),
      slots_max(slots_of(limit_tokens, config)),
      spec(std::move(start.spec)),
      arrival(arrival_index),
      tokenize_us(start.tokenize_us),
      deadline(start.time_left.deadline(now)),
      started_at(now),
      due_at(now - ageing_of(spec.priority, config)),
      tokens(std::move(start.prompt_ids)),
      blocks(pool) {}

std::uint32_t Sequence::tokens_to_admit() const {
  return std::max(num_tokens(), std::min(num_tokens() + 1, slots_max));
}

std::span<const TokenId> Sequence::reusable_tokens(const SchedulerConfig& config) const {
  if (!config.prefix_cache || spec.logprobs.prompt) return {};
  return std::span(tokens).first(tokens.size() - 1);
}

bool Sequence::is_end_token(TokenId token, const SchedulerConfig& config) const {
  const auto contains = [token](const std::vector<TokenId>& ids) {
    return std::find(ids.begin(), ids.end(), token) != ids.end();
  };
  return contains(spec.stop_token_ids) || (!spec.ignore_eos && contains(config.eos_ids));
}

std::uint32_t Sequence::chunk_tokens(std::uint32_t budget) const {
  const auto known = static_cast<std::uint32_t>(prompt_logprobs.size());
  const std::uint32_t end = planned_tokens < known ? known : prefill_tokens;
  return std::min(budget, end - planned_tokens);
}

std::uint32_t Sequence::prompt_logprobs_of(std::uint32_t first, std::uint32_t count) const {
  if (!spec.logprobs.prompt || first < prompt_logprobs.size()) return 0;
  const std::uint32_t last = std::min(first + count, prompt_tokens - 1);
  return last > first ? last - first : 0;
}

StreamEnd Sequence::make_end(std::variant<FinishReason, Error> outcome, TimePoint now) {
  StreamEnd end;
  end.sequence = id;
  end.outcome = std::move(outcome);
  end.usage.prompt_tokens = prompt_tokens;
  end.usage.output_tokens = output_tokens();
  end.usage.cached_tokens = cached_tokens;
  end.times.tokenize_us = tokenize_us;
  end.times.queue_us = us_between(started_at, first_planned_at.value_or(now));
  if (first_planned_at) end.times.prefill_us = us_between(*first_planned_at, first_sample_at.value_or(now));
  if (first_sample_at && output_tokens() > 0) end.times.decode_us = us_between(*first_sample_at, last_output_at);
  end.prompt_logprobs = std::move(prompt_logprobs);
  return end;
}

std::optional<Error> find_start_error(const SequenceStart& start, const SchedulerConfig& config) {
  const std::size_t prompt_tokens = start.prompt_ids.size();
  if (prompt_tokens == 0) return Error{ErrorCode::kInvalidRequest, "the prompt is empty"};
  if (prompt_tokens >= config.context_tokens) {
    return Error{ErrorCode::kPromptTooLong, "the prompt has " + std::to_string(prompt_tokens) +
                                                " tokens, which leaves no room in the context of " +
                                                std::to_string(config.context_tokens)};
  }
  if (start.spec.max_tokens == 0) return Error{ErrorCode::kInvalidRequest, "max_tokens is 0, it must be at least 1"};
  for (const TokenId token : start.prompt_ids) {
    if (token >= 0 && static_cast<std::uint32_t>(token) < config.vocab_size) continue;
    return Error{ErrorCode::kInvalidRequest, "prompt token " + std::to_string(token) +
                                                 " is outside the vocabulary of " + std::to_string(config.vocab_size)};
  }
  return std::nullopt;
}

}  // namespace sluice
