#include "tests/pipeline/schedule/simulated_load.h"

#include <algorithm>
#include <utility>

namespace sluice {
namespace {

std::uint32_t pick(SplitMix64& random, std::uint32_t low, std::uint32_t high) {
  return low + static_cast<std::uint32_t>(random.below(high - low + 1));
}

SchedulerConfig random_config(SplitMix64& random) {
  SchedulerConfig config;
  config.block_tokens = pick(random, 1, 6);
  config.num_blocks = pick(random, 2, 30);
  config.context_tokens = pick(random, 4, 60);
  config.max_batch_tokens = pick(random, 1, 24);
  config.max_sequences = pick(random, 1, 8);
  config.pipeline_depth = pick(random, 1, 4);
  config.max_waiting = pick(random, 1, 30);
  config.vocab_size = pick(random, 20, 60);
  config.eos_ids = {1, 2};
  config.chunk_tokens_min = pick(random, 1, 24);
  config.ageing_ms = pick(random, 1, 20);
  config.prefix_cache = random.below(5) > 0;
  if (random.below(4) == 0)
    config.block_hash = [](std::uint64_t, std::span<const TokenId>) -> std::uint64_t { return 7; };
  return config;
}

std::uint32_t blocks_for(std::uint64_t tokens, const SchedulerConfig& config) {
  return static_cast<std::uint32_t>((tokens + config.block_tokens - 1) / config.block_tokens);
}

}  // namespace

SimulatedLoad::SimulatedLoad(std::uint64_t seed)
    : random_(seed),
      config_(random_config(random_)),
      scheduler_(config_, Epoch{1}),
      pipeline_(config_),
      arrivals_left_(pick(random_, 1, 40)),
      disturbance_percent_(pick(random_, 0, 2) * 10),
      deadline_percent_(pick(random_, 0, 2) * 40),
      is_losing_stages_(random_.below(4) == 0) {}

void SimulatedLoad::expect(bool condition, const std::string& what, SequenceId sequence) {
  if (!condition && failure_.empty()) failure_ = what + " (sequence " + std::to_string(sequence.value) + ")";
}

std::uint32_t SimulatedLoad::between(std::uint32_t low, std::uint32_t high) {
  return pick(random_, low, high);
}

void SimulatedLoad::run() {
  constexpr int kStepsMax = 50'000;  // Some hundred are usual: more is a livelock.
  for (int i = 0; failure().empty() && (arrivals_left_ > 0 || !scheduler_.is_idle()); ++i) {
    expect(i < kStepsMax, "the run does not end");
    step();
  }
  read_outputs();
  final_stats_ = scheduler_.stats();
  if (!failure().empty()) return;
  expect(live_.empty(), "idle, but a sequence has no end");
  expect(final_stats_.blocks_free + final_stats_.blocks_cached == final_stats_.blocks_total, "blocks are lost");
  expect(final_stats_.steps_in_flight == 0, "idle, but steps are in flight");
  expect(scheduler_.next_deadline() == TimePoint::never(), "idle, but a deadline is pending");
}

void SimulatedLoad::step() {
  clock_.advance(std::chrono::microseconds(between(0, 2000)));
  if (arrivals_left_ > 0 && chance(30)) arrive();
  if (chance(disturbance_percent_)) disturb();
  if (is_losing_stages_ && arrivals_left_ > 0 && chance(1)) lose_a_stage();
  if (pipeline_.in_flight() > 0 && chance(60)) return_result();
  if (!stale_.empty() && chance(20)) {
    expect(scheduler_.complete(stale_.front(), clock_.now()).ok(), "a stale result is an error");
    stale_.pop_front();
  }
  if (chance(20)) expire();
  read_outputs();
  send_stops();
  const std::uint64_t preempted_before = scheduler_.stats().preempted_total;
  if (chance(80)) plan_all();
  if (scheduler_.stats().preempted_total > preempted_before && chance(disturbance_percent_)) disturb_preempted();
  scheduler_.check_invariants();

  if (arrivals_left_ == 0 && disturbance_percent_ > 0 && chance(5)) {
    disturbance_percent_ = 0;
    for (const SequenceId id : live_) scheduler_.pause({id, false});
    for (const SequenceId id : live_) streams_.at(id).is_paused = false;
  }
}

void SimulatedLoad::arrive() {
  --arrivals_left_;
  Stream stream;
  stream.start.sequence = {next_id_++};
  const std::uint32_t prompt_max = chance(5) ? config_.context_tokens + 2 : config_.context_tokens - 1;
  const std::uint32_t prompt_tokens = between(1, chance(50) ? std::min(prompt_max, 8u) : prompt_max);
  stream.start.prompt_ids = make_prompt(prompt_tokens, prompt_max);
  GenerationSpec& spec = stream.start.spec;
  spec.seed = random_.next();
  spec.max_tokens = chance(10) ? 1 : between(1, 40);
  spec.ignore_eos = chance(40);
  if (chance(20)) spec.stop_token_ids = {3};
  spec.priority = static_cast<std::int32_t>(between(0, 4)) - 2;
  if (chance(5)) spec.priority *= 50;
  spec.tenant = chance(70) ? "" : "another";
  spec.logprobs.prompt = chance(30);
  spec.logprobs.output = chance(20);
  if (chance(deadline_percent_)) {
    stream.start.time_left.us = between(0, 100'000);
    stream.deadline = clock_.now() + std::chrono::microseconds(*stream.start.time_left.us);
  }
  stream.expected = fake_model::generate_alone(stream.start, config_);
  if (chance(20)) stream.stop_at = between(0, 20);

  const SequenceId id = stream.start.sequence;
  read_outputs();
  pipeline_.declare(id, spec.tenant);
  live_.push_back(id);
  const SequenceStart& start = streams_.emplace(id, std::move(stream)).first->second.start;
  expect(scheduler_.start(start, clock_.now()).ok(), "a start is an error", id);
  read_outputs();
  if (streams_.at(id).is_ended || !chance(5)) return;
  const auto repeated = scheduler_.start(start, clock_.now());
  expect(!repeated.ok() && repeated.error().code == ErrorCode::kProtocolViolation, "a live id was started again", id);
}

// Often begins like another sequence: a common text before a question, or a conversation that goes on.
std::vector<TokenId> SimulatedLoad::make_prompt(std::uint32_t tokens, std::uint32_t tokens_max) {
  std::vector<TokenId> prompt;
  if (!streams_.empty() && chance(60)) {
    const Stream& other = streams_.at({between(1, static_cast<std::uint32_t>(streams_.size()))});
    prompt = other.start.prompt_ids;
    prompt.insert(prompt.end(), other.received.begin(), other.received.end());
    if (chance(30)) prompt.resize(between(0, static_cast<std::uint32_t>(prompt.size())));
    tokens = std::min(static_cast<std::uint32_t>(prompt.size()) + between(0, 4), tokens_max);
  }
  const std::size_t known = std::min<std::size_t>(prompt.size(), tokens);
  prompt.resize(std::max(tokens, 1u));
  for (std::size_t i = known; i < prompt.size(); ++i)
    prompt[i] = static_cast<TokenId>(random_.below(config_.vocab_size));
  return prompt;
}

void SimulatedLoad::disturb() {
  Stream* stream = any_live();
  if (stream == nullptr) return;
  const SequenceId id = stream->start.sequence;
  if (chance(70)) {
    stream->is_paused = !stream->is_paused;
    scheduler_.pause({id, stream->is_paused});
  } else {
    cancel(*stream);
  }
}

// A sequence that was preempted a moment ago is among those that are cancelled, or whose deadline comes, before its
// steps have returned.
void SimulatedLoad::disturb_preempted() {
  const bool is_cancelling = chance(50);
  for (std::uint32_t count = between(1, 10); count > 0; --count) {
    read_outputs();
    if (is_cancelling) {
      if (Stream* stream = any_live()) cancel(*stream);
    } else if (const TimePoint deadline = scheduler_.next_deadline(); deadline != TimePoint::never()) {
      if (deadline > clock_.now()) clock_.advance(deadline - clock_.now());
      expire();
    }
  }
}

void SimulatedLoad::cancel(Stream& stream) {
  const SchedulerStats before = scheduler_.stats();
  stream.is_cancelled = true;
  scheduler_.cancel(stream.start.sequence, clock_.now());
  note(coverage_.cancels, stream, before);
}

void SimulatedLoad::expire() {
  const SchedulerStats before = scheduler_.stats();
  const TimePoint deadline = scheduler_.next_deadline();
  scheduler_.expire(clock_.now());
  if (scheduler_.stats().ended_total != before.ended_total + 1) return;
  for (const SequenceId id : live_) {
    if (streams_.at(id).deadline == deadline) return note(coverage_.deadlines, streams_.at(id), before);
  }
}

// The one sequence, if any, has just been ended from outside.
void SimulatedLoad::note(Coverage::Counts& counts, const Stream& stream, const SchedulerStats& before) {
  const SchedulerStats after = scheduler_.stats();
  if (after.ended_total == before.ended_total) return;  // It had ended before.
  MetIn met = stream.received.empty() ? MetIn::kPrefilling : MetIn::kDecoding;
  if (after.waiting < before.waiting) {
    met = stream.is_opened ? MetIn::kPreempted : MetIn::kWaiting;
  } else if (after.running == before.running) {
    met = MetIn::kDraining;
  } else if (after.draining == before.draining) {
    met = MetIn::kIdle;
  }
  if (stream.is_paused) met = MetIn::kParked;
  ++counts[static_cast<std::size_t>(met)];
}

void SimulatedLoad::lose_a_stage() {
  read_outputs();
  while (pipeline_.in_flight() > 0 && chance(70)) stale_.push_back(pipeline_.run_next());
  const Epoch next{scheduler_.epoch().value + 1};
  scheduler_.fail_all({ErrorCode::kStageLost, "stage 1 died"}, next, clock_.now());
  pipeline_.restart();
  is_failing_all_ = true;
  read_outputs();
  is_failing_all_ = false;
  expect(live_.empty(), "survived the loss of a stage");
  expect(scheduler_.is_idle(), "not idle after the loss of a stage");
  expect(scheduler_.stats().blocks_free == config_.num_blocks, "blocks of lost stages are still trusted");
}

void SimulatedLoad::return_result() {
  const StepResult result = pipeline_.run_next();
  if (chance(5)) return_hostile_result(result);
  const auto completed = scheduler_.complete(result, clock_.now());
  expect(completed.ok(), completed.ok() ? "" : to_string(completed.error()));
}

void SimulatedLoad::return_hostile_result(const StepResult& good) {
  StepResult bad = good;
  switch (between(0, 5)) {
    case 0: ++bad.step.value; break;
    case 1: ++bad.epoch.value; break;
    case 2: bad.samples.push_back({SequenceId{1}, 0, 0, {}}); break;
    case 3: bad.prompt_logprobs.push_back({SequenceId{1}, 1, {0.0f}}); break;
    case 4:
      if (bad.samples.empty()) return;
      bad.samples[0].token = static_cast<TokenId>(config_.vocab_size);
      break;
    case 5:
      if (bad.samples.empty()) return;
      bad.samples.pop_back();
      break;
  }
  const SchedulerStats before = scheduler_.stats();
  const auto completed = scheduler_.complete(bad, clock_.now());
  expect(!completed.ok() && completed.error().code == ErrorCode::kProtocolViolation, "a hostile result was taken");
  expect(scheduler_.stats() == before, "a hostile result changed something");
}

void SimulatedLoad::plan_all() {
  while (auto batch = scheduler_.plan(clock_.now())) {
    expect(batch->epoch == scheduler_.epoch(), "a batch of another epoch");
    for (const SequenceOpening& opening : batch->opened) streams_.at(opening.sequence).is_opened = true;
    pipeline_.send(std::move(*batch));
    check_closed();
    scheduler_.check_invariants();
    if (!failure().empty() || chance(10)) return;
  }
  expect(pipeline_.in_flight() == scheduler_.stats().steps_in_flight, "steps in flight are not those that were sent");
  if (pipeline_.in_flight() > 0) return;
  read_outputs();
  for (const SequenceId id : live_) expect(streams_.at(id).is_paused, "stalled: neither planned nor paused", id);
}

// Stages forget what has ended: with the first batch after its last step has returned.
void SimulatedLoad::check_closed() {
  read_outputs();
  for (const SequenceId id : pipeline_.open_after_last()) {
    expect(!streams_.at(id).is_ended || pipeline_.is_in_flight(id), "ended, but not closed", id);
  }
}

void SimulatedLoad::read_outputs() {
  for (const SchedulerOutput& output : scheduler_.take_outputs()) {
    if (const auto* end = std::get_if<StreamEnd>(&output)) {
      check_end(streams_.at(end->sequence), *end);
      continue;
    }
    const auto& tokens = std::get<StreamTokens>(output);
    Stream& stream = streams_.at(tokens.sequence);
    expect(!stream.is_ended, "a token after the end", tokens.sequence);
    expect(tokens.first_index == stream.received.size(), "a gap or repetition in the output", tokens.sequence);
    expect(tokens.logprobs.size() == (stream.start.spec.logprobs.output ? tokens.token_ids.size() : 0),
           "log-probabilities are missing or unwanted", tokens.sequence);
    for (const TokenId token : tokens.token_ids) {
      const std::size_t index = stream.received.size();
      expect(index < stream.expected.output.size() && stream.expected.output[index] == token,
             "token " + std::to_string(index) + " differs from that of a run alone", tokens.sequence);
      stream.received.push_back(token);
    }
  }
}

void SimulatedLoad::send_stops() {
  for (auto& [id, stream] : streams_) {
    if (stream.is_ended || !stream.stop_at || stream.received.size() <= *stream.stop_at || !chance(30)) continue;
    stream.is_stopped = true;
    scheduler_.stop({id, *stream.stop_at}, clock_.now());
  }
}

void SimulatedLoad::check_end(Stream& stream, const StreamEnd& end) {
  expect(!stream.is_ended, "a second end", end.sequence);
  stream.is_ended = true;
  live_.erase(std::remove(live_.begin(), live_.end(), end.sequence), live_.end());

  const std::size_t output = stream.is_stopped ? *stream.stop_at : stream.received.size();
  expect(end.usage.output_tokens == output, "usage.output_tokens is wrong", end.sequence);
  expect(end.usage.prompt_tokens == stream.start.prompt_ids.size(), "usage.prompt_tokens is wrong", end.sequence);
  expect(end.usage.cached_tokens < end.usage.prompt_tokens && end.usage.cached_tokens % config_.block_tokens == 0,
         "usage.cached_tokens is wrong", end.sequence);
  expect(end.usage.cached_tokens == 0 || (config_.prefix_cache && !stream.start.spec.logprobs.prompt),
         "found in a cache that it should not look into", end.sequence);
  const std::size_t prompt_logprobs_max = stream.start.spec.logprobs.prompt ? stream.start.prompt_ids.size() - 1 : 0;
  expect(end.prompt_logprobs.size() <= prompt_logprobs_max, "too many prompt log-probabilities", end.sequence);
  if (!stream.received.empty()) {
    expect(end.prompt_logprobs.size() == prompt_logprobs_max, "prompt log-probabilities are missing", end.sequence);
  }
  for (std::size_t i = 0; i < end.prompt_logprobs.size(); ++i) {
    expect(
        end.prompt_logprobs[i] == fake_model::prompt_logprob(stream.start.spec.seed, static_cast<std::uint32_t>(i + 1)),
        "a prompt log-probability is of another position", end.sequence);
  }
  if (const auto* reason = std::get_if<FinishReason>(&end.outcome)) {
    check_finished(stream, end, *reason);
  } else {
    check_failed(stream, std::get<Error>(end.outcome));
  }
}

void SimulatedLoad::check_finished(const Stream& stream, const StreamEnd& end, FinishReason reason) {
  switch (reason) {
    case FinishReason::kCancelled: expect(stream.is_cancelled, "cancelled by nobody", end.sequence); break;
    case FinishReason::kDeadline:
      expect(stream.deadline <= clock_.now(), "ended before its deadline", end.sequence);
      expect(!stream.received.empty(), "finished by its deadline without a token", end.sequence);
      break;
    case FinishReason::kStop:
      if (stream.is_stopped) break;
      [[fallthrough]];
    case FinishReason::kLength:
      expect(stream.expected.reason == reason, "ended for another reason than alone", end.sequence);
      expect(stream.received == stream.expected.output, "ended with less output than alone", end.sequence);
      break;
  }
}

void SimulatedLoad::check_failed(const Stream& stream, const Error& error) {
  const SequenceId id = stream.start.sequence;
  const std::uint64_t tokens = stream.start.prompt_ids.size() + stream.received.size();
  switch (error.code) {
    case ErrorCode::kDeadlineExceeded:
      expect(stream.deadline <= clock_.now() && stream.received.empty(), "the deadline has not passed, or too late",
             id);
      break;
    case ErrorCode::kOutOfBlocks:
      expect(blocks_for(tokens, config_) > config_.num_blocks, "would fit alone: " + to_string(error), id);
      break;
    case ErrorCode::kPromptTooLong: expect(tokens >= config_.context_tokens, "the prompt is not too long", id); break;
    case ErrorCode::kOverloaded:
      expect(scheduler_.stats().waiting >= config_.max_waiting, "refused with room to wait", id);
      break;
    case ErrorCode::kStageLost: expect(is_failing_all_, "no stage was lost", id); break;
    default: expect(false, "fails without a cause: " + to_string(error), id);
  }
}

SimulatedLoad::Stream* SimulatedLoad::any_live() {
  if (live_.empty()) return nullptr;
  return &streams_.at(live_[random_.below(live_.size())]);
}

}  // namespace sluice
