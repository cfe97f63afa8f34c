// How long a prompt of the context's length holds up those that decode, in virtual time: a pipeline whose stages take
// their micro-batches one after the other, each for a fixed time and a time for every token.
#include <algorithm>
#include <deque>
#include <map>

#include "tests/pipeline/schedule/scheduler_fixture.h"

namespace sluice {
namespace {

constexpr std::uint32_t kDecoders = 16;
constexpr std::uint64_t kLongId = 100;
constexpr Duration kTokenTime = std::chrono::microseconds(10);  // Of one token in one stage.

SchedulerConfig deep_config(std::uint32_t pipeline_depth) {
  SchedulerConfig config = make_config();
  config.pipeline_depth = pipeline_depth;
  config.max_batch_tokens = 256;
  config.max_sequences = kDecoders + 1;
  config.max_waiting = kDecoders + 1;
  config.num_blocks = 3000;
  config.context_tokens = 4000;
  config.vocab_size = 5000;
  return config;
}

// The longest times between two tokens of a sequence: of those that begin before the first chunk has returned, and of
// the others.
struct Measured {
  Duration gap_filling{0};
  Duration gap_filled{0};
  std::uint32_t longest_chunk = 0;
  bool has_long_one_begun = false;
};

class TimedPipeline {
 public:
  TimedPipeline(const SchedulerConfig& config, Duration step_time)
      : fixture(config), stage_time_(step_time), free_at_(config.pipeline_depth) {}

  void plan_all() {
    while (auto batch = fixture.scheduler.plan(fixture.now)) {
      TimePoint done = fixture.now;
      for (TimePoint& free_at : free_at_) {
        done = std::max(done, free_at) + stage_time_ + static_cast<int>(batch->token_ids.size()) * kTokenTime;
        free_at = done;
      }
      for (const BatchEntry& entry : batch->entries) {
        if (entry.sequence != SequenceId{kLongId}) continue;
        measured.longest_chunk = std::max(measured.longest_chunk, entry.num_tokens);
      }
      in_flight_.push_back({std::move(*batch), done});
    }
  }

  // The oldest step returns.
  void step() {
    const auto [batch, done] = std::move(in_flight_.front());
    in_flight_.pop_front();
    fixture.now = done;
    fixture.complete(batch);
    if (!first_chunk_at_ && has_chunk(batch)) first_chunk_at_ = done;
    fixture.read();
    for (const StreamTokens& tokens : std::exchange(fixture.tokens, {})) {
      note_gap(std::exchange(last_token_at_[tokens.sequence], done), done);
      if (tokens.sequence == SequenceId{kLongId}) measured.has_long_one_begun = true;
    }
    plan_all();
  }

  void forget_gaps() { measured = {}; }

  SchedulerFixture fixture;
  Measured measured;

 private:
  struct Flight {
    StageBatch batch;
    TimePoint done;
  };

  static bool has_chunk(const StageBatch& batch) {
    return std::any_of(batch.entries.begin(), batch.entries.end(),
                       [](const BatchEntry& entry) { return entry.sequence == SequenceId{kLongId}; });
  }

  void note_gap(TimePoint begin, TimePoint end) {
    if (begin == TimePoint{}) return;
    Duration& longest = first_chunk_at_ && begin >= *first_chunk_at_ ? measured.gap_filled : measured.gap_filling;
    longest = std::max(longest, end - begin);
  }

  const Duration stage_time_;
  std::vector<TimePoint> free_at_;
  std::deque<Flight> in_flight_;
  std::map<SequenceId, TimePoint> last_token_at_;
  std::optional<TimePoint> first_chunk_at_;
};

// Sixteen that decode, and after some steps a prompt of the context's length.
Measured run(std::uint32_t depth, Duration step_time, int steps_before, bool with_long_prompt) {
  TimedPipeline pipeline(deep_config(depth), step_time);
  for (std::uint64_t id = 1; id <= kDecoders; ++id) pipeline.fixture.start(id, {.prompt_tokens = 2, .max_tokens = 400});
  pipeline.plan_all();
  for (int i = 0; i < steps_before; ++i) pipeline.step();
  pipeline.forget_gaps();
  if (with_long_prompt) pipeline.fixture.start(kLongId, {.prompt_tokens = 3999, .max_tokens = 1});
  for (int i = 0; i < 100; ++i) pipeline.step();
  return pipeline.measured;
}

TEST_SUITE("pipeline/schedule/prefill_delay") {
  TEST_CASE("a prefill of the context's length delays no decode by more than one chunk takes, at any depth") {
    for (std::uint32_t depth = 1; depth <= 6; ++depth) {
      for (const int step_time_us : {0, 200, 3000}) {
        for (const int steps_before : {0, 1, 2, 40, 41, 42, 43, 44}) {
          CAPTURE(depth);
          CAPTURE(step_time_us);
          CAPTURE(steps_before);
          const Duration step_time = std::chrono::microseconds(step_time_us);
          const Measured alone = run(depth, step_time, steps_before, false);
          const Measured beside = run(depth, step_time, steps_before, true);
          REQUIRE(beside.has_long_one_begun);
          CHECK(beside.longest_chunk > 64);
          CHECK(beside.longest_chunk <= 256);
          const Duration in_a_stage = static_cast<int>(beside.longest_chunk) * kTokenTime;
          const Duration in_all_stages = static_cast<int>(depth) * in_a_stage;
          CHECK(beside.gap_filled > Duration{0});
          CHECK((beside.gap_filled - alone.gap_filling).count() <= in_all_stages.count());
          // While the pipeline fills, micro-batches that came back one behind the other queue up before the first
          // stage, and there may be one more of them: 16 decodes do not fill five slots.
          const Duration queued = static_cast<int>(depth - 1) * in_a_stage + step_time;
          CHECK((beside.gap_filling - alone.gap_filling).count() <= (in_all_stages + queued).count());
        }
      }
    }
  }
}

}  // namespace
}  // namespace sluice
