#include "tests/pipeline/schedule/fake_pipeline.h"

#include <algorithm>
#include <utility>

#include "tests/pipeline/schedule/fake_model.h"

namespace sluice {

FakePipeline::FakePipeline(const SchedulerConfig& config)
    : config_(config), slots_(std::size_t{config.num_blocks} * config.block_tokens) {}

void FakePipeline::expect(bool condition, const std::string& what, SequenceId sequence) {
  if (!condition && failure_.empty()) failure_ = what + " (sequence " + std::to_string(sequence.value) + ")";
}

void FakePipeline::send(StageBatch batch) {
  expect(!batch.entries.empty(), "a batch without entries");
  expect(batch.token_ids.size() <= config_.max_batch_tokens, "more tokens than the budget");
  expect(in_flight_.size() < config_.pipeline_depth, "more steps in flight than the pipeline is deep");
  std::set<SequenceId> seen;
  std::size_t tokens = 0;
  for (const BatchEntry& entry : batch.entries) {
    expect(entry.num_tokens >= 1, "an entry without tokens", entry.sequence);
    expect(seen.insert(entry.sequence).second, "a sequence is twice in one batch", entry.sequence);
    for (const BlockId block : entry.block_table) {
      expect(block.value < config_.num_blocks, "a block that does not exist", entry.sequence);
    }
    for (const BatchEntry& other : batch.entries) {
      if (&other != &entry) check_blocks(entry, other);
    }
    check_against_in_flight(entry);
    tokens += entry.num_tokens;
  }
  expect(tokens == batch.token_ids.size(), "tokens and entries differ");
  for (const SequenceId id : batch.closed) open_after_last_.erase(id);
  for (const SequenceOpening& opening : batch.opened) open_after_last_.insert(opening.sequence);
  in_flight_.push_back(std::move(batch));
}

bool FakePipeline::is_in_flight(SequenceId sequence) const {
  for (const StageBatch& batch : in_flight_) {
    for (const BatchEntry& entry : batch.entries) {
      if (entry.sequence == sequence) return true;
    }
  }
  return false;
}

void FakePipeline::check_against_in_flight(const BatchEntry& entry) {
  for (const StageBatch& batch : in_flight_) {
    for (const BatchEntry& other : batch.entries) {
      if (other.sequence == entry.sequence) {
        expect(!other.wants_sample, "scheduled while its sample is in flight", entry.sequence);
        expect(entry.first_position >= other.first_position + other.num_tokens, "started over with a step in flight",
               entry.sequence);
        continue;
      }
      check_blocks(entry, other);
      check_blocks(other, entry);
    }
  }
}

// What one of two entries under way at a time writes, the other has nothing to do with.
void FakePipeline::check_blocks(const BatchEntry& entry, const BatchEntry& other) {
  for (const BlockId block : blocks_written(other)) {
    const bool is_shared =
        std::find(entry.block_table.begin(), entry.block_table.end(), block) != entry.block_table.end();
    expect(!is_shared, "has a block that another sequence writes", entry.sequence);
  }
}

std::set<BlockId> FakePipeline::blocks_written(const BatchEntry& entry) const {
  std::set<BlockId> blocks;
  for (std::uint32_t i = 0; i < entry.num_tokens; ++i) {
    blocks.insert(entry.block_table.at((entry.first_position + i) / config_.block_tokens));
  }
  return blocks;
}

StepResult FakePipeline::run_next() {
  const StageBatch batch = std::move(in_flight_.front());
  in_flight_.pop_front();
  for (const SequenceId id : batch.closed) expect(open_.erase(id) == 1, "closed, but not open", id);
  for (const SequenceOpening& opening : batch.opened) {
    const bool has_start = std::any_of(batch.entries.begin(), batch.entries.end(), [&](const BatchEntry& entry) {
      return entry.sequence == opening.sequence && entry.first_position == opening.history.size();
    });
    expect(has_start, "opened without its first chunk", opening.sequence);
    open_.insert_or_assign(opening.sequence, opening);
  }
  for (const BatchEntry& entry : batch.entries) check_history(batch, entry);
  std::set<const Slot*> written;
  const TokenId* tokens = batch.token_ids.data();
  for (const BatchEntry& entry : batch.entries) {
    write(entry, tokens, written);
    tokens += entry.num_tokens;
  }
  StepResult result{batch.epoch, batch.step, {}, {}};
  for (const BatchEntry& entry : batch.entries) answer(entry, result);
  return result;
}

void FakePipeline::restart() {
  in_flight_.clear();
  open_.clear();
  open_after_last_.clear();
  std::fill(slots_.begin(), slots_.end(), Slot{});
}

// What the sampler has seen and what is in the slots is the same: the tokens before the entry.
void FakePipeline::check_history(const StageBatch& batch, const BatchEntry& entry) {
  const auto opening = std::find_if(batch.opened.begin(), batch.opened.end(),
                                    [&](const SequenceOpening& each) { return each.sequence == entry.sequence; });
  if (opening != batch.opened.end()) {
    expect(opening->history == read(entry, entry.first_position), "history is not what the blocks hold",
           entry.sequence);
    next_position_[entry.sequence] = entry.first_position;
  }
  expect(next_position_[entry.sequence] == entry.first_position, "a gap or repetition of tokens", entry.sequence);
  next_position_[entry.sequence] += entry.num_tokens;
}

FakePipeline::Slot& FakePipeline::slot_of(const BatchEntry& entry, std::uint32_t position) {
  const BlockId block = entry.block_table.at(position / config_.block_tokens);
  return slots_.at(std::size_t{block.value} * config_.block_tokens + position % config_.block_tokens);
}

void FakePipeline::write(const BatchEntry& entry, const TokenId* tokens, std::set<const Slot*>& written) {
  std::uint64_t history = 0;
  for (const TokenId token : read(entry, entry.first_position)) history = fake_model::fold(history, token);
  for (std::uint32_t i = 0; i < entry.num_tokens; ++i) {
    Slot& slot = slot_of(entry, entry.first_position + i);
    expect(written.insert(&slot).second, "two tokens of a batch are written to one slot", entry.sequence);
    slot = {tenants_[entry.sequence], fake_model::fold(history, tokens[i]), entry.first_position + i, tokens[i]};
    history = slot.history;
    const auto promised = promised_.find({entry.sequence, slot.position});
    if (promised != promised_.end())
      expect(promised->second == slot.token, "next_prompt_token did not come", entry.sequence);
  }
}

std::vector<TokenId> FakePipeline::read(const BatchEntry& entry, std::uint32_t end) {
  std::vector<TokenId> tokens;
  std::uint64_t history = 0;
  for (std::uint32_t position = 0; position < end; ++position) {
    const Slot& slot = slot_of(entry, position);
    history = fake_model::fold(history, slot.token);
    expect(slot.position == position, "reads a slot of another position", entry.sequence);
    expect(slot.tenant == tenants_[entry.sequence], "reads a slot of another tenant", entry.sequence);
    expect(slot.history == history, "reads a slot that continues other tokens", entry.sequence);
    tokens.push_back(slot.token);
  }
  return tokens;
}

void FakePipeline::answer(const BatchEntry& entry, StepResult& result) {
  const auto found = open_.find(entry.sequence);
  expect(found != open_.end(), "scheduled, but not open", entry.sequence);
  if (found == open_.end()) return;
  const SequenceOpening& opening = found->second;
  const std::uint32_t end = entry.first_position + entry.num_tokens;
  const std::uint32_t blocks = (end + config_.block_tokens - 1) / config_.block_tokens;
  expect(entry.block_table.size() == blocks, "a block table of the wrong length", entry.sequence);
  const std::vector<TokenId> tokens = read(entry, end);
  if (entry.wants_sample) {
    Sample sample{entry.sequence, end, fake_model::next_token(opening.seed, tokens, config_.vocab_size), {}};
    if (opening.logprobs.output) sample.logprobs = TokenLogprobs{fake_model::prompt_logprob(opening.seed, end), {}, 0};
    result.samples.push_back(std::move(sample));
  }
  if (!entry.wants_prompt_logprobs) return;
  expect(opening.logprobs.prompt, "asked for log-probabilities nobody wants", entry.sequence);
  expect((entry.next_prompt_token == -1) == (end >= opening.prompt_tokens), "next_prompt_token is wrong",
         entry.sequence);
  if (entry.next_prompt_token != -1) promised_[{entry.sequence, end}] = entry.next_prompt_token;
  PromptLogprobs piece{entry.sequence, entry.first_position + 1, {}};
  for (std::uint32_t position = piece.first_position; position <= end && position < opening.prompt_tokens; ++position) {
    expect(logprobs_asked_[entry.sequence].insert(position).second, "asked twice for a log-probability",
           entry.sequence);
    piece.values.push_back(fake_model::prompt_logprob(opening.seed, position));
  }
  expect(!piece.values.empty(), "asked for no log-probability at all", entry.sequence);
  result.prompt_logprobs.push_back(std::move(piece));
}

}  // namespace sluice
