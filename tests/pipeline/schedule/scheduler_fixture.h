// A Scheduler in the hands of a test that plays all of its neighbours: valid defaults, and answers for its batches.
#pragma once

#include <doctest/doctest.h>

#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/schedule/scheduler.h"

namespace sluice {

inline constexpr TokenId kEos = 2;

inline SchedulerConfig make_config() {
  SchedulerConfig config;
  config.max_batch_tokens = 64;
  config.max_sequences = 8;
  config.max_waiting = 8;
  config.block_tokens = 4;
  config.num_blocks = 64;
  config.pipeline_depth = 1;
  config.context_tokens = 100;
  config.vocab_size = 1000;
  config.eos_ids = {kEos};
  config.prefix_cache = false;  // Prompts are alike here: scheduler_prefix_test.cpp.
  return config;
}

struct StartOptions {
  std::uint32_t prompt_tokens = 3;
  std::uint32_t max_tokens = 20;
  std::int32_t priority = 0;
};

// Prompt tokens are 100, 101, ...
inline SequenceStart make_start(std::uint64_t id, StartOptions options = {}) {
  SequenceStart start;
  start.sequence = {id};
  for (std::uint32_t i = 0; i < options.prompt_tokens; ++i) start.prompt_ids.push_back(static_cast<TokenId>(100 + i));
  start.spec.max_tokens = options.max_tokens;
  start.spec.priority = options.priority;
  return start;
}

// What a last stage that always samples `token` says to `batch`.
inline StepResult make_result(const StageBatch& batch, TokenId token = 7) {
  StepResult result{batch.epoch, batch.step, {}, {}};
  for (const BatchEntry& entry : batch.entries) {
    const std::uint32_t end = entry.first_position + entry.num_tokens;
    if (entry.wants_sample) result.samples.push_back({entry.sequence, end, token, {}});
    if (!entry.wants_prompt_logprobs) continue;
    PromptLogprobs piece{entry.sequence, entry.first_position + 1, {}};
    const std::uint32_t count = entry.next_prompt_token == -1 ? entry.num_tokens - 1 : entry.num_tokens;
    for (std::uint32_t i = 0; i < count; ++i) piece.values.push_back(-static_cast<float>(piece.first_position + i));
    result.prompt_logprobs.push_back(std::move(piece));
  }
  return result;
}

struct SchedulerFixture {
  explicit SchedulerFixture(const SchedulerConfig& config = make_config()) : scheduler(config, Epoch{1}) {}

  void start(std::uint64_t id, StartOptions options = {}) { start(make_start(id, options)); }
  void start(SequenceStart message) { CHECK(scheduler.start(std::move(message), now).ok()); }

  StageBatch plan() {
    auto batch = scheduler.plan(now);
    scheduler.check_invariants();
    REQUIRE(batch.has_value());
    return std::move(*batch);
  }
  bool plans_nothing() {
    const bool is_nothing = !scheduler.plan(now).has_value();
    scheduler.check_invariants();
    return is_nothing;
  }
  void complete(const StageBatch& batch, TokenId token = 7) {
    const auto completed = scheduler.complete(make_result(batch, token), now);
    CHECK_MESSAGE(completed.ok(), (completed.ok() ? "" : to_string(completed.error())));
    scheduler.check_invariants();
  }
  // Plans a batch and answers it.
  StageBatch run(TokenId token = 7) {
    StageBatch batch = plan();
    complete(batch, token);
    return batch;
  }

  std::vector<StreamTokens> tokens;
  std::vector<StreamEnd> ends;
  void read() {
    for (auto& output : scheduler.take_outputs()) {
      if (auto* end = std::get_if<StreamEnd>(&output))
        ends.push_back(std::move(*end));
      else
        tokens.push_back(std::move(std::get<StreamTokens>(output)));
    }
  }
  // The one end that has come since the last call.
  StreamEnd take_end() {
    read();
    REQUIRE(ends.size() == 1);
    return std::exchange(ends, {}).front();
  }
  void advance(std::chrono::milliseconds by) { now = now + by; }

  TimePoint now{std::chrono::seconds(5)};
  Scheduler scheduler;
};

inline std::vector<std::uint64_t> ids(const StageBatch& batch) {
  std::vector<std::uint64_t> found;
  for (const BatchEntry& entry : batch.entries) found.push_back(entry.sequence.value);
  return found;
}

inline ErrorCode code_of(const StreamEnd& end) {
  REQUIRE(std::holds_alternative<Error>(end.outcome));
  return std::get<Error>(end.outcome).code;
}

inline FinishReason reason_of(const StreamEnd& end) {
  REQUIRE(std::holds_alternative<FinishReason>(end.outcome));
  return std::get<FinishReason>(end.outcome);
}

}  // namespace sluice
