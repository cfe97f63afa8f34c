// The heart of a replica: sequences in, micro-batches out to the first stage, results in from the last, tokens out to
// the responder.
// What is computed when is Scheduler's (pipeline/schedule/scheduler.h). Be paranoid about adding lines here.
//
// Owns:    the Scheduler (sequences, block tables), its link ends, the times of the steps in flight.
// Thread:  its own.
// Errors:  a result that breaks the rules, an overdue step or a lost link of the pipeline is reported to the supervisor
//          once per epoch; it answers with PipelineLost and, when the pipeline is set up anew, PipelineReady.
// Pressure: plans and takes results only while the responder (and the router, which always reads) has room; always
//          reads the responder's signals.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "actors/control_messages.h"
#include "actors/out_group.h"
#include "actors/polling_actor.h"
#include "actors/ports.h"
#include "pipeline/schedule/idle_time.h"
#include "pipeline/schedule/scheduler.h"
#include "pipeline/trace/batch_tracer.h"
#include "transport/zmq/context.h"

namespace sluice::actors {

struct BatcherPorts {
  InPort from_front;  // The tokenizer, or the router of several replicas.
  InPort from_responder;
  InPort from_last_stage;
  OutPort to_responder;
  std::optional<OutPort> to_router;  // Where there is one.
  OutGroup to_first_stage;           // While the pipeline is up.
};

struct BatcherSettings {
  SchedulerConfig scheduler;
  transport::LinkLimits link_limits;  // Toward the first stage.
  Duration step_timeout = std::chrono::seconds(30);
  std::uint32_t replica = 0;
  std::string name = "batcher";         // Of its end of links.
  std::string first_stage = "stage-0";  // At the other ends, for metrics.
  std::string last_stage = "stage-0";
};

class BatcherActor final : public PollingActor {
 public:
  // `front` gets Availability: the ingress, or the router.
  BatcherActor(caf::actor_config& config, std::unique_ptr<BatcherPorts> ports, BatcherSettings settings,
               transport::Context context, caf::actor front);

 protected:
  caf::message_handler make_behavior() override;
  void watch(transport::Poller& poller) const override;
  TimePoint next_timer() const override;
  void advance(TimePoint now) override;
  void close() override;
  void report(TimePoint now) override;

 private:
  struct StepInFlight {
    StepId step;
    TimePoint overdue;
  };

  bool is_up() const { return !ports_->to_first_stage.empty(); }
  bool has_room() const {
    return ports_->to_responder.has_room() && (!ports_->to_router || ports_->to_router->has_room());
  }
  const char* front_name() const { return ports_->to_router ? "router" : "tokenizer"; }
  void attach(const PipelineReady& ready);
  void detach(const PipelineLost& lost);
  void report_broken(const std::string& reason);

  bool take_signal(TimePoint now);
  bool take_sequence(TimePoint& now);
  bool take_result(TimePoint now);
  bool dispatch_step(TimePoint now);
  void start(SequenceStart start, TimePoint now);
  void flush_outputs(TimePoint now);
  void send_end(const StreamEnd& end, TimePoint now);

  std::unique_ptr<BatcherPorts> ports_;
  BatcherSettings settings_;
  transport::Context context_;
  caf::actor front_;
  caf::actor supervisor_;  // Whoever sent the last PipelineReady.
  Scheduler scheduler_;
  BatchTracer tracer_;
  std::deque<StepInFlight> in_flight_;
  bool is_broken_ = false;  // Reported in this epoch.
  IdleTime idle_;
  LinkSenderStats former_stats_;  // Of the links to the first stages of earlier epochs.
  std::uint64_t snapshots_total_ = 0;
  Error down_error_{ErrorCode::kUnavailable, "the pipeline is not up yet", 1000};
};

}  // namespace sluice::actors
