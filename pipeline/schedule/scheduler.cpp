#include "pipeline/schedule/scheduler.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/check.h"
#include "pipeline/schedule/preemption.h"

namespace sluice {
namespace {

constexpr std::uint32_t kRetryAfterOverloadMs = 1000;

Error out_of_blocks(std::uint32_t tokens, const BlockPool& pool) {
  return {ErrorCode::kOutOfBlocks, std::to_string(tokens) + " tokens need " + std::to_string(pool.blocks_for(tokens)) +
                                       " KV blocks, there are " + std::to_string(pool.num_blocks())};
}

}  // namespace

Scheduler::Scheduler(SchedulerConfig config, Epoch epoch)
    : config_(std::move(config)), epoch_(epoch), pool_(config_.num_blocks, config_.block_tokens, config_.block_hash) {
  SLUICE_CHECK_GE(config_.max_batch_tokens, 1u);
  SLUICE_CHECK_GE(config_.max_sequences, 1u);
  SLUICE_CHECK_GE(config_.max_waiting, 1u);
  SLUICE_CHECK_GE(config_.pipeline_depth, 1u);
  SLUICE_CHECK_GE(config_.context_tokens, 2u);
  SLUICE_CHECK_GE(config_.vocab_size, 1u);
  SLUICE_CHECK_GE(config_.ageing_ms, 1u);
  SLUICE_CHECK_GE(config_.chunk_tokens_min, 1u);
}

// -- messages ---------------------------------------------------------------------------------------------------------

Result<void> Scheduler::start(SequenceStart start, TimePoint now) {
  const SequenceId id = start.sequence;
  if (id == SequenceId{} || sequences_.contains(id)) {
    return Error{ErrorCode::kProtocolViolation,
                 "start of sequence " + std::to_string(id.value) + ", which is live or none"};
  }
  ++totals_.started_total;
  auto error = find_start_error(start, config_);
  if (!error && waiting_.size() >= config_.max_waiting) {
    error = Error{ErrorCode::kOverloaded, std::to_string(waiting_.size()) + " sequences are waiting already",
                  kRetryAfterOverloadMs};
  }
  auto sequence = std::make_unique<Sequence>(std::move(start), config_, pool_, next_arrival_++, now);
  if (!error && pool_.blocks_for(sequence->tokens_to_admit()) > pool_.num_blocks()) {
    error = out_of_blocks(sequence->tokens_to_admit(), pool_);
  }
  if (error) {
    outputs_.push_back(sequence->make_end(std::move(*error), now));
    ++totals_.ended_total;
    return {};
  }
  deadlines_.insert(sequence->deadline, id);
  waiting_.insert(*sequence);
  sequences_.emplace(id, std::move(sequence));
  return {};
}

void Scheduler::cancel(SequenceId id, TimePoint now) {
  if (Sequence* sequence = find_live(id)) end(*sequence, FinishReason::kCancelled, now);
}

void Scheduler::stop(const StreamStop& stop, TimePoint now) {
  Sequence* sequence = find_live(stop.sequence);
  if (sequence == nullptr) return;
  // What overran the stop string was never output.
  sequence->tokens.resize(sequence->prompt_tokens + std::min(stop.output_tokens, sequence->output_tokens()));
  end(*sequence, FinishReason::kStop, now);
}

void Scheduler::pause(const StreamPause& pause) {
  if (Sequence* sequence = find_live(pause.sequence)) sequence->is_paused = pause.paused;
}

Result<void> Scheduler::complete(const StepResult& result, TimePoint now) {
  if (result.epoch < epoch_) return {};
  if (result.epoch > epoch_) {
    return Error{ErrorCode::kProtocolViolation,
                 "result of epoch " + std::to_string(result.epoch.value) + " in epoch " + std::to_string(epoch_.value)};
  }
  if (auto checked = in_flight_.check(result, config_); !checked) return checked;

  auto sample = result.samples.begin();
  auto prompt_logprobs = result.prompt_logprobs.begin();
  const PlannedStep step = in_flight_.pop();
  for (const PlannedEntry& entry : step.entries) {
    Sequence& sequence = *entry.sequence;
    if (entry.prompt_logprobs > 0) {
      const std::vector<float>& values = (prompt_logprobs++)->values;
      if (sequence.phase != SequencePhase::kEnded) {
        sequence.prompt_logprobs.insert(sequence.prompt_logprobs.end(), values.begin(), values.end());
      }
    }
    share_blocks(entry);
    if (entry.wants_sample) accept_sample(sequence, *sample++, now);
    --sequence.steps_in_flight;
    settle(sequence);
  }
  return {};
}

void Scheduler::fail_all(const Error& error, Epoch next, TimePoint now) {
  SLUICE_CHECK_GT(next, epoch_);
  in_flight_.clear();
  std::vector<Sequence*> all;
  for (const auto& [id, sequence] : sequences_) all.push_back(sequence.get());
  for (Sequence* sequence : all) {
    sequence->steps_in_flight = 0;
    if (sequence->phase == SequencePhase::kEnded) {
      settle(*sequence);
    } else {
      end(*sequence, error, now);
    }
  }
  SLUICE_CHECK(sequences_.empty());
  SLUICE_CHECK_EQ(pool_.num_used(), 0u);
  pool_.drop_cached();  // Stages of the next epoch have empty caches.
  closed_.clear();
  epoch_ = next;
  last_step_ = {};
}

void Scheduler::expire(TimePoint now) {
  while (const auto id = deadlines_.first_expired(now)) {
    Sequence* sequence = find_live(*id);
    SLUICE_CHECK(sequence != nullptr);
    if (sequence->output_tokens() > 0) {
      end(*sequence, FinishReason::kDeadline, now);
    } else {
      end(*sequence, Error{ErrorCode::kDeadlineExceeded, "the deadline passed before the first token"}, now);
    }
  }
}

std::vector<SchedulerOutput> Scheduler::take_outputs() {
  return std::exchange(outputs_, {});
}

// -- planning ---------------------------------------------------------------------------------------------------------

std::optional<StageBatch> Scheduler::plan(TimePoint now) {
  expire(now);
  if (in_flight_.size() >= config_.pipeline_depth) return std::nullopt;
  BatchBuilder batch(epoch_, StepId{last_step_.value + 1}, config_);
  plan_decodes(batch, now);
  admit(now);
  plan_prefills(batch, now);
  if (batch.is_empty()) return std::nullopt;
  return dispatch(batch, now);
}

void Scheduler::plan_decodes(BatchBuilder& batch, TimePoint now) {
  const std::vector<Sequence*> ready = running_.ready_to_decode();
  ScheduledWork work = scheduled_work();
  work.ready = static_cast<std::uint32_t>(ready.size());
  std::uint32_t share = decode_share(work, config_);
  for (Sequence* sequence : ready) {
    if (share == 0 || batch.budget() == 0) return;
    if (sequence->phase != SequencePhase::kRunning) continue;  // Preempted by one before it.
    if (!secure_next_slot(*sequence, now)) continue;
    batch.add(*sequence, 1, now);
    --share;
  }
}

void Scheduler::admit(TimePoint now) {
  while (Sequence* head = waiting_.head()) {
    // What is free belongs to the running one that asks for it next: else it would have to preempt what is admitted
    // now.
    if (running_.is_short_of_blocks(*head)) return;
    const std::uint32_t tokens = head->tokens_to_admit();
    if (pool_.blocks_for(tokens) > pool_.num_blocks()) {
      end(*head, out_of_blocks(tokens, pool_), now);
    } else if (!try_run(*head) && !reclaim_for(*head)) {
      return;
    }
  }
}

// Admits a waiting sequence if there is a place and there are blocks for it.
bool Scheduler::try_run(Sequence& sequence) {
  if (running_.size() >= config_.max_sequences) return false;
  const auto reusable = sequence.reusable_tokens(config_);
  if (!sequence.blocks.fill(sequence.tokens_to_admit(), reusable, sequence.spec.tenant)) return false;
  waiting_.remove(sequence);
  running_.insert(sequence);
  sequence.phase = SequencePhase::kRunning;
  sequence.needs_opening = true;
  sequence.prefill_tokens = sequence.num_tokens();
  sequence.planned_tokens = sequence.blocks.shared_tokens();
  totals_.cached_tokens_total += sequence.planned_tokens;
  counts_.lookup_tokens_total += reusable.size();
  if (!sequence.first_planned_at) {
    sequence.cached_tokens = std::min(sequence.planned_tokens, sequence.prompt_tokens);
  }
  return true;
}

void Scheduler::plan_prefills(BatchBuilder& batch, TimePoint now) {
  std::uint32_t share = std::min(batch.budget(), prompt_share(scheduled_work(), batch.num_tokens(), config_));
  for (Sequence* sequence : running_.prefilling()) {
    if (share == 0 || !batch.has_room_for_history(*sequence)) return;
    const std::uint32_t tokens = sequence->chunk_tokens(share);
    batch.add(*sequence, tokens, now);
    share -= tokens;
  }
}

ScheduledWork Scheduler::scheduled_work() const {
  ScheduledWork work;
  work.decoding = running_.num_decoding();
  work.prompt_left = running_.prefill_tokens_left();
  work.prompt_in_flight = in_flight_.prefill_tokens();
  work.free_slots = config_.pipeline_depth - in_flight_.size();
  return work;
}

StageBatch Scheduler::dispatch(BatchBuilder& batch, TimePoint now) {
  ++last_step_.value;
  ++totals_.steps_total;
  totals_.tokens_total += batch.num_tokens();
  PlannedStep step = batch.take_step();
  counts_.add_step(step, now);
  in_flight_.push(std::move(step));
  return batch.take_batch(std::exchange(closed_, {}));
}

// -- blocks -----------------------------------------------------------------------------------------------------------

// Whether the next token of a decoding sequence has a slot. If not, the sequence was ended or preempted, or has to wait
// for the blocks of a draining one.
bool Scheduler::secure_next_slot(Sequence& sequence, TimePoint now) {
  const std::uint32_t tokens = sequence.planned_tokens + 1;
  if (pool_.blocks_for(tokens) > pool_.num_blocks()) {
    end(sequence, out_of_blocks(tokens, pool_), now);
    return false;
  }
  while (!sequence.blocks.grow_to_cover(tokens)) {
    if (num_draining() > 0) return false;
    Sequence& victim = running_.victim();
    preempt(victim);
    if (&victim == &sequence) return false;
  }
  return true;
}

// Preempts a sequence in favour of a waiting one: a paused one, else the last of those that have to give way to it, if
// it could run without all of these. False if there is none, or if blocks are on their way anyway.
bool Scheduler::reclaim_for(const Sequence& waiting) {
  if (num_draining() > 0) return false;
  Sequence* victim = running_.paused_victim();
  if (victim == nullptr) {
    const std::vector<Sequence*> outranked = running_.outranked_by(waiting);
    const auto staying = running_.size() - static_cast<std::uint32_t>(outranked.size());
    if (outranked.empty() || staying >= config_.max_sequences) return false;
    if (!has_blocks_without(outranked, waiting, pool_, config_)) return false;
    victim = outranked.front();
  }
  preempt(*victim);
  return true;
}

void Scheduler::preempt(Sequence& sequence) {
  SLUICE_CHECK(sequence.phase == SequencePhase::kRunning);
  running_.remove(sequence);
  sequence.phase = SequencePhase::kPreempted;
  ++totals_.preempted_total;
  settle(sequence);
}

// Lets others find what a step that has just returned has computed, as far as it counts: a stop string may have cut it.
void Scheduler::share_blocks(const PlannedEntry& entry) {
  if (!config_.prefix_cache) return;
  Sequence& sequence = *entry.sequence;
  const std::uint32_t computed = std::min(entry.first_position + entry.num_tokens, sequence.num_tokens());
  const bool is_read_in_flight = sequence.steps_in_flight > 1;
  sequence.blocks.share(std::span(sequence.tokens).first(computed), sequence.spec.tenant, !is_read_in_flight);
}

// -- life of a sequence -----------------------------------------------------------------------------------------------

Sequence* Scheduler::find_live(SequenceId id) {
  const auto found = sequences_.find(id);
  if (found == sequences_.end() || found->second->phase == SequencePhase::kEnded) return nullptr;
  return found->second.get();
}

void Scheduler::accept_sample(Sequence& sequence, const Sample& sample, TimePoint now) {
  if (sequence.phase == SequencePhase::kEnded) return;
  SLUICE_CHECK_EQ(sample.position, sequence.num_tokens());
  if (!sequence.first_sample_at) sequence.first_sample_at = now;
  if (sequence.is_end_token(sample.token, config_)) return end(sequence, FinishReason::kStop, now);

  StreamTokens tokens{sequence.id, sequence.output_tokens(), {sample.token}, {}};
  if (sample.logprobs && sequence.spec.logprobs != LogprobOptions{.prompt = sequence.spec.logprobs.prompt}) {
    tokens.logprobs.push_back(*sample.logprobs);
  }
  outputs_.push_back(std::move(tokens));
  ++counts_.output_tokens_total;
  sequence.tokens.push_back(sample.token);
  sequence.last_output_at = now;
  if (sequence.num_tokens() == sequence.limit_tokens) end(sequence, FinishReason::kLength, now);
}

void Scheduler::end(Sequence& sequence, std::variant<FinishReason, Error> outcome, TimePoint now) {
  SLUICE_CHECK(sequence.phase != SequencePhase::kEnded);
  outputs_.push_back(sequence.make_end(std::move(outcome), now));
  ++totals_.ended_total;
  deadlines_.remove(sequence.deadline, sequence.id);
  if (sequence.phase == SequencePhase::kWaiting) waiting_.remove(sequence);
  if (sequence.phase == SequencePhase::kRunning) running_.remove(sequence);
  sequence.phase = SequencePhase::kEnded;
  settle(sequence);
}

// Lets go of a preempted or ended sequence once none of its steps is in flight; an ended one is gone afterwards.
void Scheduler::settle(Sequence& sequence) {
  if (sequence.steps_in_flight > 0) return;
  if (sequence.phase == SequencePhase::kPreempted) {
    sequence.blocks.release();
    sequence.planned_tokens = 0;
    sequence.prefill_tokens = 0;
    sequence.phase = SequencePhase::kWaiting;
    waiting_.insert(sequence);
  } else if (sequence.phase == SequencePhase::kEnded) {
    if (sequence.is_open_at_stages) closed_.push_back(sequence.id);
    sequences_.erase(sequence.id);
  }
}

std::uint32_t Scheduler::num_draining() const {
  return static_cast<std::uint32_t>(sequences_.size()) - waiting_.size() - running_.size();
}

// -- inspection -------------------------------------------------------------------------------------------------------

std::uint32_t Scheduler::num_paused() const {
  return static_cast<std::uint32_t>(std::count_if(sequences_.begin(), sequences_.end(), [](const auto& entry) {
    return entry.second->is_paused && entry.second->phase != SequencePhase::kEnded;
  }));
}

SchedulerStats Scheduler::stats() const {
  SchedulerStats stats = totals_;
  stats.waiting = waiting_.size();
  stats.running = running_.size();
  stats.draining = num_draining();
  stats.steps_in_flight = in_flight_.size();
  stats.blocks_free = pool_.num_free();
  stats.blocks_cached = pool_.num_cached();
  stats.blocks_total = pool_.num_blocks();
  return stats;
}

}  // namespace sluice
