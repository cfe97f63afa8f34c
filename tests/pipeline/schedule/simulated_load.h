// One seeded run of a Scheduler against a FakePipeline: random limits, arrivals, lengths, tenants, common beginnings,
// conversations, priorities, cancels, pauses, stop strings, deadlines, delays, hostile results and lost stages.
// Whatever happens, every sequence gets the tokens that it would get alone, and exactly one end. The first thing that
// is wrong stays in failure(); coverage() tells which ends were met in which phases.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "pipeline/schedule/scheduler.h"
#include "tests/pipeline/schedule/fake_model.h"
#include "tests/pipeline/schedule/fake_pipeline.h"

namespace sluice {

// In what phase an end from outside met a sequence, by what changed in the scheduler's counts.
enum class MetIn : std::uint8_t { kWaiting, kPrefilling, kDecoding, kIdle, kDraining, kPreempted, kParked };
inline constexpr std::array<std::string_view, 7> kMetInNames = {"waiting",  "prefilling", "decoding", "not in flight",
                                                                "draining", "preempted",  "parked"};

struct Coverage {
  using Counts = std::array<std::uint64_t, kMetInNames.size()>;
  Counts cancels{};
  Counts deadlines{};
};

class SimulatedLoad {
 public:
  explicit SimulatedLoad(std::uint64_t seed);

  // Runs until every sequence has ended, or something is wrong.
  void run();

  const std::string& failure() const { return failure_.empty() ? pipeline_.failure() : failure_; }
  const SchedulerStats& final_stats() const { return final_stats_; }
  const Coverage& coverage() const { return coverage_; }

 private:
  // What the ingress and the responder know of a sequence.
  struct Stream {
    SequenceStart start;
    fake_model::Expected expected;
    std::vector<TokenId> received;
    TimePoint deadline = TimePoint::never();
    std::optional<std::uint32_t> stop_at;  // A stop string matches there.
    bool is_stopped = false;
    bool is_cancelled = false;
    bool is_paused = false;
    bool is_opened = false;
    bool is_ended = false;
  };

  void expect(bool condition, const std::string& what, SequenceId sequence = {});
  bool chance(std::uint32_t percent) { return random_.below(100) < percent; }
  std::uint32_t between(std::uint32_t low, std::uint32_t high);

  void step();
  void arrive();
  std::vector<TokenId> make_prompt(std::uint32_t tokens, std::uint32_t tokens_max);
  void disturb();
  void disturb_preempted();
  void cancel(Stream& stream);
  void expire();
  void note(Coverage::Counts& counts, const Stream& stream, const SchedulerStats& before);
  void lose_a_stage();
  void return_result();
  void return_hostile_result(const StepResult& good);
  void plan_all();
  void check_closed();
  void read_outputs();
  void send_stops();
  void check_end(Stream& stream, const StreamEnd& end);
  void check_finished(const Stream& stream, const StreamEnd& end, FinishReason reason);
  void check_failed(const Stream& stream, const Error& error);
  Stream* any_live();

  SplitMix64 random_;
  SchedulerConfig config_;
  Scheduler scheduler_;
  FakePipeline pipeline_;
  ManualClock clock_;
  std::map<SequenceId, Stream> streams_;
  std::vector<SequenceId> live_;
  std::deque<StepResult> stale_;  // Results of earlier epochs, still on their way.
  std::uint32_t arrivals_left_;
  std::uint32_t disturbance_percent_;  // Per step; 0 at the end of the run.
  std::uint32_t deadline_percent_;     // Of the sequences.
  bool is_losing_stages_;
  bool is_failing_all_ = false;
  std::uint64_t next_id_ = 1;
  SchedulerStats final_stats_;
  Coverage coverage_;
  std::string failure_;
};

}  // namespace sluice
