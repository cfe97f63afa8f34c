// Who runs which stage: the supervisor's state as a pure machine, without sockets, threads or time of its own.
//
// What is said of a stage here holds for each rank of one: ranks are assigned one by one, to any workers.
//
// A worker is a process that runs stages; the head process is one as well ("head"), always present. Each stage belongs
// to one worker by name, or to any: such a one has no owner until it is given a worker (take_worker()), and none again
// when that one is lost or fails to load.
//
// A pipeline comes up in one order: every stage is assigned for the current epoch, reports ready, is connected to its
// successor; then the batcher may send. When a worker is lost that has a stage to load or to run, the epoch is bumped,
// so that nothing it still says is taken for its successor's, and all stages are assigned anew: survivors keep their
// weights and start over with empty sequences.
//
// One of several replicas has a machine of its own: its stages have the numbers from first_stage on, in what goes in
// and in what comes out.
//
// Owns:       which worker is present, the state of each stage, the epoch, retry times of spawned workers.
// Confined:   to the supervisor; not thread-safe.
// Errors:     none of its own; failures of workers are inputs, what the engine lacks is unavailable().
// Invariant:  kUp exactly while every stage is ready in the current epoch with its worker present; a stage has at most
//             one owner (check_invariants()).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/id.h"
#include "base/messages/control.h"
#include "pipeline/membership/engine_status.h"
#include "pipeline/model/shard.h"

namespace sluice {

// One rank of a stage. They come in the order of the pipeline, the ranks of a stage in theirs.
struct StagePlace {
  std::string worker;  // kAny: who has it, or empty.
  WorkerKind kind = WorkerKind::kHead;
  std::uint32_t first_layer = 0;
  std::uint32_t num_layers = 0;
  std::uint32_t stage = 0;  // Of the pipeline.
  Shard shard = {};
  std::string device = "cpu:0";
};

struct MembershipLimits {
  Duration relaunch_delay_min = std::chrono::milliseconds(50);  // Doubles with each failure in a row,
  Duration relaunch_delay_max = std::chrono::seconds(5);  // up to this; back to the minimum when the pipeline is up.
  std::uint32_t launch_failures_max = 5;  // So many in a row of a spawned worker are reported as LoadFailed.
  Duration launch_timeout = std::chrono::seconds(20);   // A spawned worker that has not said hello is killed.
  Duration silence_timeout = std::chrono::seconds(60);  // A loading stage that shows no progress is lost.
};

// ---- what the supervisor has to do ----------------------------------------------------------------------------------

struct LaunchWorker {
  std::string worker;
};
struct KillWorker {
  std::string worker;
};
// A stage on any worker is taken from one that failed: it drops the stage and stands by.
struct ReleaseStage {
  WorkerHello worker;
  std::uint32_t stage = 0;
};
struct AssignStage {
  std::string worker;
  std::uint32_t stage = 0;
  Epoch epoch;
};
// To each stage when all are ready: where its output goes. Rank 0 sends it to every rank of the next stage, that of the
// last stage to the batcher.
struct ConnectStage {
  std::string worker;
  std::uint32_t stage = 0;
  Epoch epoch;
  bool feeds_batcher = false;
  std::vector<std::string> output_addresses = {};
  std::vector<std::string> exchange_addresses = {};  // By rank: where it takes this one's partial results.
};
struct PipelineUp {
  Epoch epoch;
  std::vector<std::string> input_addresses;  // Of the first stage's ranks.
};
// Whatever of `epoch` comes later is stale. The error is what requests in flight fail with.
struct PipelineDown {
  Epoch epoch;
  Error error;
};
// A stage could not be loaded, or its spawned worker dies again and again. We go on trying; whoever started an engine
// that was never up may give up.
struct LoadFailed {
  std::uint32_t stage = 0;
  Error error;
};

using MembershipAction = std::variant<LaunchWorker, KillWorker, ReleaseStage, AssignStage, ConnectStage, PipelineUp,
                                      PipelineDown, LoadFailed>;

// What a hello is refused with, and why.
Result<void> check_version(const WorkerHello& hello);
bool has_device(const WorkerHello& hello, const std::string& device);
Error missing_device(const WorkerHello& hello, const std::string& device, const std::string& what_is_on_it);
Error taken_name(const std::string& name);

// What a worker is told whose name no stage has.
Error unknown_worker(const std::string& name, const std::vector<std::string>& known);

class Membership {
 public:
  Membership(std::vector<StagePlace> stages, MembershipLimits limits, std::uint32_t first_stage = 0);

  // Launches spawned workers and assigns the head's own stages.
  void start(TimePoint now);

  // A worker introduces itself. Error: unknown name, another version, a device that it lacks (final), or the name is
  // taken (retryable).
  Result<void> on_hello(const WorkerHello& hello, TimePoint now);
  // Gives a worker, of a name that no stage has and that nobody else of that name owns, the first stage that waits for
  // any and is on a device of its own. False: there is none.
  bool take_worker(const WorkerHello& hello, TimePoint now);
  // Its process died, or its connection is gone. Unknown or absent workers are ignored.
  void on_worker_lost(const std::string& worker, const std::string& reason, TimePoint now);

  // Reports of a stage. Those of another epoch (except progress of an earlier one), or of a stage that `worker` does
  // not have, are ignored.
  void on_ready(const std::string& worker, const StageReady& ready, TimePoint now);
  void on_failed(const std::string& worker, const StageFailed& failed, TimePoint now);
  void on_progress(const std::string& worker, const LoadProgress& progress, TimePoint now);

  // The batcher saw no result of a micro-batch, or lost its link, in this epoch: the pipeline is set up anew.
  void on_pipeline_broken(Epoch epoch, const std::string& reason, TimePoint now);

  void on_timer(TimePoint now);
  TimePoint next_timer() const;

  std::vector<MembershipAction> take_actions();

  Epoch epoch() const { return epoch_; }
  bool is_up() const { return is_up_; }
  // What the pipeline lacks at the moment, e.g. "stage 1 (layers 3-5) waits for worker-a"; nothing while it is up.
  std::optional<Error> unavailable() const;

  bool has_worker(const std::string& name) const { return workers_.contains(name); }
  // Whose the stage is; empty: nobody's.
  const std::string& owner_of(std::uint32_t stage) const { return stages_[stage - first_stage_].place.worker; }
  // All of it, for whoever looks on (membership_status.cpp).
  ReplicaStatus status() const;
  // The workers that are waited for.
  std::vector<std::string> named_workers() const;

  void check_invariants() const;

 private:
  enum class StageState : std::uint8_t { kUnassigned, kAssigned, kReady };
  struct Stage {
    StagePlace place;
    StageState state = StageState::kUnassigned;
    std::string input_address;                    // While ready.
    std::vector<std::string> exchange_addresses;  // While ready, by rank.
    TimePoint silent_until = TimePoint::never();  // While assigned: lost after this.
    TimePoint retry_at{};                         // While unassigned after a failed load: not before this.
    std::uint32_t failures = 0;                   // Of loads in a row.
    std::string last_error;                       // Of the last failed load.
    // What is told of it: nothing depends on it.
    RankState shown = RankState::kWaiting;
    TimePoint shown_since{};
    RankMemory memory;
    std::uint64_t losses_total = 0;
    std::uint64_t failures_total = 0;
  };
  enum class WorkerState : std::uint8_t { kAbsent, kLaunching, kPresent };
  struct Worker {
    WorkerKind kind = WorkerKind::kHead;
    WorkerState state = WorkerState::kAbsent;
    WorkerHello hello;                              // While present, except of the head.
    std::uint32_t failures = 0;                     // In a row.
    TimePoint launch_at{};                          // While absent and spawned: not before this.
    TimePoint launched_until = TimePoint::never();  // While launching: killed after this.
  };

  // The stage of this number, if it is the worker's.
  Stage* find(const std::string& worker, std::uint32_t stage);
  bool is_present(const Stage& stage) const;  // Whether its owner is.
  void give_up(Stage& stage, const std::string& worker);
  void go_down(Error error);
  void launch_absent(TimePoint now);
  void assign_unassigned(TimePoint now);
  void connect_if_all_ready();
  std::vector<std::string> input_addresses(std::size_t first) const;  // Of all ranks of the stage that begins there.
  ConnectStage connection_of(std::uint32_t index) const;
  void reconcile(TimePoint now);
  RankState state_of(const Stage& stage) const;
  void note_states(TimePoint now);
  Duration relaunch_delay(std::uint32_t failures) const;
  std::string describe(std::uint32_t index) const;
  std::uint32_t number_of(std::size_t index) const { return first_stage_ + static_cast<std::uint32_t>(index); }

  MembershipLimits limits_;
  std::uint32_t first_stage_;
  std::vector<Stage> stages_;
  std::map<std::string, Worker> workers_;
  std::vector<MembershipAction> actions_;
  Epoch epoch_{1};
  bool is_up_ = false;
  bool was_up_ = false;  // When the states were noted last.
  TimePoint up_or_down_since_{};
};

}  // namespace sluice
