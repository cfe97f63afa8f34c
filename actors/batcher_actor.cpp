#include "actors/batcher_actor.h"

#include <algorithm>

#include "actors/log.h"
#include "actors/snapshot_messages.h"
#include "base/check.h"

namespace sluice::actors {

BatcherActor::BatcherActor(caf::actor_config& config, std::unique_ptr<BatcherPorts> ports, BatcherSettings settings,
                           transport::Context context, caf::actor front)
    : PollingActor(config),
      ports_(std::move(ports)),
      settings_(std::move(settings)),
      context_(std::move(context)),
      front_(std::move(front)),
      scheduler_(settings_.scheduler, Epoch{1}) {}

caf::message_handler BatcherActor::make_behavior() {
  return {[this](const PipelineReady& ready) { attach(ready); }, [this](const PipelineLost& lost) { detach(lost); }};
}

void BatcherActor::close() {
  ports_.reset();
  front_ = nullptr;
  supervisor_ = nullptr;
}

void BatcherActor::attach(const PipelineReady& ready) {
  SLUICE_CHECK_EQ(ready.epoch, scheduler_.epoch());
  supervisor_ = ready.supervisor;
  is_broken_ = false;
  const TimePoint now = this->now();
  auto links =
      OutGroup::connect(context_, ready.input_addresses, {settings_.name, 0, ready.epoch}, settings_.link_limits, now);
  if (!links.ok()) return report_broken("the batcher cannot reach the first stage: " + links.error().message);
  ports_->to_first_stage = std::move(*links);
  if (ready.epoch > ports_->from_last_stage.epoch()) {
    ports_->from_last_stage.set_epoch(ready.epoch);
    ports_->from_last_stage.advance(now);  // What it says of the epoch before is no news.
  }
  caf::anon_send(front_, Availability{ready.epoch, std::nullopt, std::nullopt, settings_.replica});
}

void BatcherActor::detach(const PipelineLost& lost) {
  if (is_up()) former_stats_.add_totals(ports_->to_first_stage.stats(now()));
  ports_->to_first_stage = {};
  idle_.end(now());
  in_flight_.clear();
  tracer_.forget_steps();
  down_error_ = lost.error;
  scheduler_.fail_all(lost.error, Epoch{lost.epoch.value + 1}, now());
}

void BatcherActor::report_broken(const std::string& reason) {
  if (is_broken_) return;
  is_broken_ = true;
  write_log(LogEvent(LogLevel::kWarn, "batcher", "pipeline broken")
                .with("replica", settings_.replica)
                .with("epoch", scheduler_.epoch().value)
                .with("reason", reason));
  caf::anon_send(supervisor_, PipelineBroken{scheduler_.epoch(), reason, settings_.replica});
}

void BatcherActor::watch(transport::Poller& poller) const {
  poller.add(ports_->from_front);
  poller.add(ports_->from_responder);
  poller.add(ports_->from_last_stage);
  poller.add(ports_->to_responder);
  if (ports_->to_router) poller.add(*ports_->to_router);
  poller.add(ports_->to_first_stage);
}

TimePoint BatcherActor::next_timer() const {
  // Without room for outputs a timer could do nothing; room comes with a message.
  TimePoint next = has_room() ? scheduler_.next_deadline() : TimePoint::never();
  if (!in_flight_.empty() && !is_broken_) next = std::min(next, in_flight_.front().overdue);
  return next;
}

void BatcherActor::advance(TimePoint now) {
  ports_->from_front.advance(now);
  ports_->from_responder.advance(now);
  ports_->to_responder.advance(now);
  if (ports_->to_router) ports_->to_router->advance(now);
  const auto lost_result = ports_->from_last_stage.advance(now);
  if (is_up()) {
    const auto lost_input = ports_->to_first_stage.advance(now);
    if (lost_input) report_broken("the link to the first stage was lost: " + *lost_input);
    if (lost_result) report_broken("the link from the last stage was lost: " + *lost_result);
  }
  if (!in_flight_.empty() && in_flight_.front().overdue <= now) report_broken("a step is overdue");

  if (has_room()) scheduler_.expire(now);
  flush_outputs(now);  // Also what a lost pipeline ended.
  bool is_busy = true;
  while (is_busy && mailbox().empty()) {  // Mail first: it may say that the pipeline is lost.
    is_busy = take_signal(now);
    is_busy = take_sequence(now) || is_busy;
    is_busy = take_result(now) || is_busy;
    is_busy = dispatch_step(now) || is_busy;
    flush_outputs(now);  // After the dispatch: the stages compute meanwhile.
    now = this->now();
    report_if_due(now);
  }
}

bool BatcherActor::take_signal(TimePoint now) {
  auto input = ports_->from_responder.receive<ResponderSignal>(now);
  if (!input) return false;
  if (!input->ok()) {
    log_dropped_message("batcher", "responder", input->error());
  } else if (const auto* stop = std::get_if<StreamStop>(&**input)) {
    scheduler_.stop(*stop, now);
  } else {
    scheduler_.pause(std::get<StreamPause>(**input));
  }
  ports_->from_responder.consumed();
  flush_outputs(now);
  return true;
}

bool BatcherActor::take_sequence(TimePoint& now) {
  if (!has_room()) return false;
  auto input = ports_->from_front.receive<BatcherInput>(now);
  if (!input) return false;
  now = this->now();  // It may have come since: what it took before it came is not to count twice.
  if (!input->ok()) {
    log_dropped_message("batcher", front_name(), input->error());
  } else if (auto* sequence = std::get_if<SequenceStart>(&**input)) {
    sequence->time_left.spend(to_us(ports_->from_front.waited(now)));
    start(std::move(*sequence), now);
  } else {
    scheduler_.cancel(std::get<SequenceCancel>(**input).sequence, now);
  }
  ports_->from_front.consumed();
  flush_outputs(now);
  return true;
}

void BatcherActor::start(SequenceStart start, TimePoint now) {
  if (!is_up()) {
    // It was admitted before the ingress heard of the loss.
    StreamEnd end{start.sequence, down_error_, {}, {}, {}};
    end.usage.prompt_tokens = static_cast<std::uint32_t>(start.prompt_ids.size());
    end.times.tokenize_us = start.tokenize_us;
    send_end(end, now);
    return;
  }
  const SequenceId sequence = start.sequence;
  tracer_.start(start, now);
  idle_.end(now);
  const Result<void> started = scheduler_.start(std::move(start), now);
  if (started.ok()) return;
  write_log(LogEvent(LogLevel::kError, "batcher", "sequence refused")
                .with("sequence", sequence.value)
                .with("error", to_string(started.error())));
}

bool BatcherActor::take_result(TimePoint now) {
  if (!has_room()) return false;
  auto input = ports_->from_last_stage.receive<StepResult>(now);
  if (!input) return false;
  Result<void> completed;
  if (!input->ok()) {
    completed = std::move(*input).error();
  } else if ((**input).epoch == scheduler_.epoch()) {
    completed = scheduler_.complete(**input, now);
    if (completed.ok()) tracer_.complete(**input, now);
    if (completed.ok() && !in_flight_.empty()) in_flight_.pop_front();
  }
  ports_->from_last_stage.consumed();
  if (!completed.ok()) report_broken("a result of the last stage is refused: " + completed.error().message);
  return true;
}

bool BatcherActor::dispatch_step(TimePoint now) {
  if (!is_up() || is_broken_) return false;
  if (!ports_->to_first_stage.has_room() || !has_room()) return false;
  std::optional<StageBatch> batch = scheduler_.plan(now);
  if (!batch) {
    if (in_flight_.empty()) idle_.begin(now);
    return false;
  }
  idle_.end(now);
  batch->idle_us = whole_us(idle_.take());
  tracer_.dispatch(*batch, now);
  in_flight_.push_back({batch->step, now + settings_.step_timeout});
  ports_->to_first_stage.send(*batch, now);
  return true;
}

void BatcherActor::flush_outputs(TimePoint now) {
  // All tokens, then all ends: a sequence has no tokens after its end.
  StepTokens tokens;
  std::vector<StreamEnd> ends;
  for (SchedulerOutput& output : scheduler_.take_outputs()) {
    if (auto* some = std::get_if<StreamTokens>(&output)) {
      tokens.streams.push_back(std::move(*some));
    } else {
      ends.push_back(std::get<StreamEnd>(std::move(output)));
    }
  }
  if (!tokens.streams.empty()) ports_->to_responder.send(tokens, now);
  for (StreamEnd& end : ends) {
    tracer_.end(end, now);
    send_end(end, now);
  }
}

void BatcherActor::send_end(const StreamEnd& end, TimePoint now) {
  ports_->to_responder.send(end, now);
  if (ports_->to_router) ports_->to_router->send(SequenceEnded{end.sequence, end.usage.output_tokens}, now);
}

void BatcherActor::report(TimePoint now) {
  metrics::BatcherSnapshot snapshot;
  snapshot.snapshots_total = ++snapshots_total_;
  snapshot.replica = settings_.replica;
  snapshot.epoch = scheduler_.epoch();
  snapshot.scheduler = scheduler_.stats();
  snapshot.counts = scheduler_.counts();
  snapshot.sequences_paused = scheduler_.num_paused();
  snapshot.idle_us_total = whole_us(idle_.total(now));
  LinkSenderStats to_first_stage = ports_->to_first_stage.stats(now);
  to_first_stage.add_totals(former_stats_);
  snapshot.links.out = {{"responder", ports_->to_responder.stats(now)}, {settings_.first_stage, to_first_stage}};
  if (ports_->to_router) snapshot.links.out.push_back({"router", ports_->to_router->stats(now)});
  snapshot.links.in = {{front_name(), ports_->from_front.stats()},
                       {"responder", ports_->from_responder.stats()},
                       {settings_.last_stage, ports_->from_last_stage.stats()}};
  caf::anon_send(report_to(), std::move(snapshot));
}

}  // namespace sluice::actors
