// Stages without weights: they keep the contents of every KV slot and of the samplers as real stages would, run batches
// in the order in which they were sent, and sample from fake_model. What real stages would compute wrongly, they
// report: the first thing that is wrong stays in failure().
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/messages/pipeline.h"
#include "pipeline/schedule/scheduler_config.h"

namespace sluice {

class FakePipeline {
 public:
  explicit FakePipeline(const SchedulerConfig& config);

  // Whose a sequence is: it may read what sequences of the same tenant have written, nothing else.
  void declare(SequenceId sequence, const std::string& tenant) { tenants_[sequence] = tenant; }
  // Takes a batch in flight; checks it against the limits and against all others in flight.
  void send(StageBatch batch);
  // Runs the oldest batch in flight.
  StepResult run_next();
  // What stages of a new epoch know: nothing. The batches in flight are lost.
  void restart();

  std::size_t in_flight() const { return in_flight_.size(); }
  bool is_in_flight(SequenceId sequence) const;
  // The sequences that stages know once they have run everything that was sent.
  const std::set<SequenceId>& open_after_last() const { return open_after_last_; }
  const std::string& failure() const { return failure_; }

 private:
  // Keys and values depend on all tokens up to theirs, which `history` stands for.
  struct Slot {
    std::string tenant;
    std::uint64_t history = 0;
    std::uint32_t position = 0;
    TokenId token = -1;
  };

  void expect(bool condition, const std::string& what, SequenceId sequence = {});
  void check_against_in_flight(const BatchEntry& entry);
  void check_history(const StageBatch& batch, const BatchEntry& entry);
  void check_blocks(const BatchEntry& entry, const BatchEntry& other);
  std::set<BlockId> blocks_written(const BatchEntry& entry) const;
  Slot& slot_of(const BatchEntry& entry, std::uint32_t position);
  void write(const BatchEntry& entry, const TokenId* tokens, std::set<const Slot*>& written);
  std::vector<TokenId> read(const BatchEntry& entry, std::uint32_t end);
  void answer(const BatchEntry& entry, StepResult& result);

  const SchedulerConfig& config_;
  std::deque<StageBatch> in_flight_;
  std::vector<Slot> slots_;
  std::map<SequenceId, std::string> tenants_;
  std::map<SequenceId, SequenceOpening> open_;
  std::map<SequenceId, std::uint32_t> next_position_;
  std::set<SequenceId> open_after_last_;
  std::map<SequenceId, std::set<std::uint32_t>> logprobs_asked_;      // Positions, per sequence; kept over preemptions.
  std::map<std::pair<SequenceId, std::uint32_t>, TokenId> promised_;  // next_prompt_token by its position.
  std::string failure_;
};

}  // namespace sluice
