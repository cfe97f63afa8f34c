// One stage, or one rank of it: its layers over the micro-batches that come in, hidden states or samples out. The work
// is StageExecutor's (pipeline/stage/stage_executor.h).
//
// Told by its owner (supervisor or worker actor): StageAssign (load, bind, answer StageReady), StageConnect,
// StageRelease. A StageAssign of a new epoch for the same layers keeps the weights and forgets every sequence.
//
// Owns:    the executor with weights and KV blocks, its two link ends.
// Thread:  its own, at nice +10: it computes on it.
// Ranks:   those of a stage get the same micro-batches and meet in each (docs/decisions/0018); rank 0 alone sends on.
// Errors:  a failure to load or run becomes one StageFailed to the owner; the stage then waits for a new assignment.
// Pressure: takes the next micro-batch only when its output has room.
#pragma once

#include <memory>
#include <optional>

#include "actors/control_messages.h"
#include "actors/link_communicator.h"
#include "actors/local_groups.h"
#include "actors/out_group.h"
#include "actors/polling_actor.h"
#include "actors/ports.h"
#include "pipeline/stage/stage_executor.h"
#include "pipeline/stage/stage_meter.h"
#include "transport/zmq/context.h"

namespace sluice::actors {

class StageActor final : public PollingActor {
 public:
  StageActor(caf::actor_config& config, transport::Context context, caf::actor owner);

 protected:
  void begin() override { make_compute_thread(); }
  caf::message_handler make_behavior() override;
  void watch(transport::Poller& poller) const override;
  TimePoint next_timer() const override { return TimePoint::never(); }
  void advance(TimePoint now) override;
  void close() override;
  void report(TimePoint now) override;

 private:
  void assign(const StageAssign& assign);
  Result<void> join_ranks(const StageAssign& assign);
  Result<StageReady> set_up(const StageAssign& assign);
  Result<void> load(const StageAssign& assign);
  void connect(const StageConnect& connect);
  void release();
  void fail(Error error);
  bool run_step(TimePoint now);

  transport::Context context_;
  caf::actor owner_;
  std::optional<StageAssign> assigned_;  // While set up.
  std::optional<StageAssign> loaded_;    // What the executor was made for.
  std::unique_ptr<StageExecutor> executor_;
  std::optional<InPort> input_;
  OutGroup output_;  // Of rank 0.
  bool is_connected_ = false;
  bool is_exchanging_ = false;                         // Only the other ranks matter.
  std::shared_ptr<kernels::SharedMemoryGroup> group_;  // For the next assignment.
  std::unique_ptr<kernels::Communicator> ranks_;       // Null: alone. Outlives the executor's use of it.
  LinkCommunicator* rank_links_ = nullptr;             // ranks_, where they meet over links.
  StageMeter meter_;
  StageStats former_;  // The totals of links of earlier epochs, and of snapshots.
};

}  // namespace sluice::actors
