#include "actors/supervisor_actor.h"

#include <poll.h>

#include <algorithm>

#include "actors/log.h"
#include "actors/stage_assignments.h"
#include "transport/codec/control_codec.h"

namespace sluice::actors {

namespace {

std::string with_epoch(std::string address, Epoch epoch) {
  const std::string placeholder = "{epoch}";
  if (const auto at = address.find(placeholder); at != std::string::npos) {
    address.replace(at, placeholder.size(), std::to_string(epoch.value));
  }
  return address;
}

LogEvent event(LogLevel level, std::string_view sentence) {
  return LogEvent(level, "supervisor", sentence);
}

bool has_ended(const ChildProcess& child) {
  pollfd item{child.exit_fd(), POLLIN, 0};
  return poll(&item, 1, 0) == 1;
}

}  // namespace

std::vector<StagePlace> places_of(const std::vector<SupervisedStage>& stages) {
  std::vector<StagePlace> places;
  for (const SupervisedStage& stage : stages) places.push_back(stage.place);
  return places;
}

SupervisorActor::SupervisorActor(caf::actor_config& config, std::unique_ptr<transport::RouterSocket> control,
                                 SupervisorSettings settings)
    : PollingActor(config),
      control_(std::move(control)),
      settings_(std::move(settings)),
      membership_(places_of(settings_.stages), settings_.limits),
      loaded_bytes_(settings_.stages.size()) {}

caf::message_handler SupervisorActor::make_behavior() {
  return {[this](const Begin& begin) { begin_with(begin); },
          [this](const StageReady& ready) {
            membership_.on_ready(settings_.stages[ready.stage].place.worker, ready, now());
          },
          [this](const StageFailed& failed) {
            membership_.on_failed(settings_.stages[failed.stage].place.worker, failed, now());
          },
          [this](const LoadProgress& progress) {
            const std::string& worker = settings_.stages[progress.stage].place.worker;
            membership_.on_progress(worker, progress, now());
            note_progress(worker, progress);
          },
          [this](const PipelineBroken& broken) { membership_.on_pipeline_broken(broken.epoch, broken.reason, now()); }};
}

void SupervisorActor::begin_with(const Begin& begin) {
  peers_ = begin.peers;
  for (std::size_t i = 0; i < begin.local_stages.size(); ++i) settings_.stages[i].local = begin.local_stages[i];
  has_begun_ = true;
  membership_.start(now());
}

void SupervisorActor::watch(transport::Poller& poller) const {
  if (control_ != nullptr) poller.add(*control_);
  for (const auto& [name, child] : children_) poller.add_fd(child.exit_fd());
}

void SupervisorActor::advance(TimePoint now) {
  if (!has_begun_) return;
  look_after_children(now);
  if (control_ != nullptr) {
    while (auto incoming = control_->receive()) {
      if (incoming->follows_loss) lose_route(incoming->route, now);
      take_worker_message(incoming->route, incoming->message, now);
    }
    for (const transport::Route& route : control_->take_disconnected()) lose_route(route, now);
  }
  if (membership_.next_timer() <= now) membership_.on_timer(now);
  carry_out_actions(now);
  if (const std::uint64_t count = nonsense_.take_counted(now)) {
    write_log(event(LogLevel::kWarn, "worker message refused").with("count", count));
  }
}

void SupervisorActor::close() {
  children_.clear();
  control_.reset();
  peers_ = {};
  for (SupervisedStage& stage : settings_.stages) stage.local = nullptr;
}

void SupervisorActor::take_worker_message(const transport::Route& route, const transport::Message& message,
                                          TimePoint now) {
  Result<WorkerMessage> decoded = transport::decode_worker_message(message);
  if (!decoded.ok()) {
    log_nonsense(decoded.error(), now);
    return;
  }
  if (const auto* hello = std::get_if<WorkerHello>(&*decoded)) return take_hello(route, *hello, now);
  const auto worker = worker_at(route);
  // It was given up, and does not know: it has to start over.
  if (!worker)
    return refuse(route, {ErrorCode::kUnavailable, "the head does not count on this worker: say hello", 100});
  if (const auto* ready = std::get_if<StageReady>(&*decoded)) take_ready(*worker, *ready, now);
  if (const auto* failed = std::get_if<StageFailed>(&*decoded)) membership_.on_failed(*worker, *failed, now);
  if (const auto* stats = std::get_if<StageStats>(&*decoded)) pass_on(*worker, *stats);
  if (const auto* progress = std::get_if<LoadProgress>(&*decoded)) {
    membership_.on_progress(*worker, *progress, now);
    note_progress(*worker, *progress);
  }
}

void SupervisorActor::pass_on(const std::string& worker, const StageStats& stats) {
  const bool is_its_own = stats.stage < settings_.stages.size() && settings_.stages[stats.stage].place.worker == worker;
  if (is_its_own && report_to()) caf::anon_send(report_to(), stats);
}

void SupervisorActor::take_ready(const std::string& worker, const StageReady& ready, TimePoint now) {
  if (auto error = misbound(worker, ready)) {
    return membership_.on_failed(worker, {ready.epoch, ready.stage, std::move(*error)}, now);
  }
  membership_.on_ready(worker, ready, now);
}

// Others will connect there: nowhere but where this one was told to bind.
std::optional<Error> SupervisorActor::misbound(const std::string& worker, const StageReady& ready) const {
  if (ready.stage >= settings_.stages.size()) return std::nullopt;
  const StageAssign& assign = settings_.stages[ready.stage].assign;
  const auto check = [&](const std::string& assigned, const std::string& reported) -> std::optional<Error> {
    if (can_be_bound_as(with_epoch(assigned, ready.epoch), reported)) return std::nullopt;
    return Error{ErrorCode::kProtocolViolation, worker + " was told to bind " + assigned + " and bound another"};
  };
  if (auto error = check(assign.input_address, ready.input_address)) return error;
  const std::size_t num_peers = assign.exchange_address.empty() ? 0 : assign.num_ranks;
  if (ready.exchange_addresses.size() != num_peers) {
    return Error{ErrorCode::kProtocolViolation,
                 worker + " has bound " + std::to_string(ready.exchange_addresses.size()) +
                     " addresses for exchanges of " + std::to_string(num_peers) + " ranks"};
  }
  for (std::uint32_t peer = 0; peer < num_peers; ++peer) {
    if (peer == assign.rank) continue;
    auto error = check(for_peer(assign.exchange_address, peer), ready.exchange_addresses[peer]);
    if (error) return error;
  }
  return std::nullopt;
}

void SupervisorActor::take_hello(const transport::Route& route, const WorkerHello& hello, TimePoint now) {
  const Result<void> accepted = membership_.on_hello(hello, now);
  if (!accepted.ok()) {
    log_nonsense(accepted.error(), now);
    return refuse(route, accepted.error());
  }
  routes_[hello.name] = route;
  const Result<bool> sent = control_->send(route, transport::encode(HeadMessage{WorkerWelcome{}}));
  if (!sent.ok()) return lose(hello.name, "it left at once", now);
  write_log(event(LogLevel::kInfo, "worker here")
                .with("worker", hello.name)
                .with("pid", hello.process_id)
                .with("cpus", hello.cpus)
                .with("kernel_path", hello.kernel_path));
}

// Whoever reaches the control address can cause it at will.
void SupervisorActor::log_nonsense(const Error& error, TimePoint now) {
  if (!nonsense_.take(now)) return;
  write_log(event(LogLevel::kWarn, "worker message refused").with("count", 1).with("error", to_string(error)));
}

void SupervisorActor::refuse(const transport::Route& route, const Error& error) {
  // If it is gone, nobody is left to be told.
  static_cast<void>(control_->send(route, transport::encode(HeadMessage{WorkerRefused{error}})));
}

void SupervisorActor::lose_route(const transport::Route& route, TimePoint now) {
  while (const auto worker = worker_at(route)) lose(*worker, "its connection was lost", now);
}

std::optional<std::string> SupervisorActor::worker_at(const transport::Route& route) const {
  for (const auto& [name, known] : routes_) {
    if (known == route) return name;
  }
  return std::nullopt;
}

void SupervisorActor::lose(const std::string& worker, const std::string& reason, TimePoint now) {
  write_log(event(LogLevel::kWarn, "worker lost").with("worker", worker).with("reason", reason));
  routes_.erase(worker);
  membership_.on_worker_lost(worker, reason, now);
}

void SupervisorActor::look_after_children(TimePoint now) {
  for (auto child = children_.begin(); child != children_.end();) {
    if (!has_ended(child->second)) {
      ++child;
      continue;
    }
    const std::string name = child->first;
    const std::string reason = child->second.reap();
    child = children_.erase(child);
    lose(name, reason, now);
  }
}

void SupervisorActor::note_progress(const std::string& worker, const LoadProgress& progress) {
  if (progress.stage >= loaded_bytes_.size() || settings_.stages[progress.stage].place.worker != worker) return;
  loaded_bytes_[progress.stage] = std::min(progress.bytes_done, settings_.stages[progress.stage].weights_bytes);
  EngineReport report;
  for (const std::uint64_t bytes : loaded_bytes_) report.bytes_done += bytes;
  // Those that have not begun count as well: progress never goes back.
  for (const SupervisedStage& stage : settings_.stages) report.bytes_total += stage.weights_bytes;
  caf::anon_send(peers_.engine, report);
}

void SupervisorActor::carry_out_actions(TimePoint now) {
  // Carrying one out may cause others: a worker that cannot be started is lost.
  bool has_acted = false;
  for (auto actions = membership_.take_actions(); !actions.empty(); actions = membership_.take_actions()) {
    has_acted = true;
    for (const MembershipAction& action : actions) {
      std::visit([&](const auto& alternative) { carry_out(alternative, now); }, action);
    }
  }
  if (has_acted) tell_availability();
}

void SupervisorActor::carry_out(const LaunchWorker& action, TimePoint now) {
  auto child = ChildProcess::start(
      settings_.worker_program, {"worker", "--connect", control_->address(), "--name", action.worker, "--log-level",
                                 settings_.worker_log_level, "--log-format", settings_.worker_log_format, "--spawned"});
  if (!child.ok()) return lose(action.worker, child.error().message, now);
  write_log(event(LogLevel::kInfo, "worker started").with("worker", action.worker).with("pid", child->pid()));
  children_.insert_or_assign(action.worker, std::move(*child));
}

void SupervisorActor::carry_out(const KillWorker& action, TimePoint) {
  // One that we did not start lives on: it may come back when it has done whatever kept it.
  if (const auto route = routes_.find(action.worker); route != routes_.end()) {
    refuse(route->second, {ErrorCode::kUnavailable, "the head has given this worker up: say hello", 100});
    routes_.erase(route);
  }
  children_.erase(action.worker);
}

void SupervisorActor::carry_out(const AssignStage& action, TimePoint now) {
  StageAssign assign = settings_.stages[action.stage].assign;
  assign.epoch = action.epoch;
  assign.input_address = with_epoch(assign.input_address, action.epoch);
  assign.exchange_address = with_epoch(assign.exchange_address, action.epoch);
  const caf::actor& local = settings_.stages[action.stage].local;
  if (const auto group = groups_.of(assign); group != nullptr && local) caf::anon_send(local, JoinGroup{group});
  tell_stage(action.worker, action.stage, assign, now);
}

void SupervisorActor::carry_out(const ConnectStage& action, TimePoint now) {
  StageConnect connect{action.epoch, action.stage, action.output_addresses, action.exchange_addresses};
  if (action.feeds_batcher) connect.output_addresses = {settings_.results_address};
  tell_stage(action.worker, action.stage, connect, now);
}

void SupervisorActor::carry_out(const PipelineUp& action, TimePoint) {
  write_log(event(LogLevel::kInfo, "pipeline up").with("epoch", action.epoch.value));
  caf::anon_send(peers_.batcher,
                 PipelineReady{action.epoch, action.input_addresses, caf::actor_cast<caf::actor>(this)});
}

void SupervisorActor::carry_out(const PipelineDown& action, TimePoint) {
  write_log(
      event(LogLevel::kWarn, "pipeline down").with("epoch", action.epoch.value).with("error", to_string(action.error)));
  const Error lacks = membership_.unavailable().value_or(action.error);
  caf::anon_send(peers_.ingress, Availability{Epoch{action.epoch.value + 1}, lacks, action.error});
  caf::anon_send(peers_.batcher, PipelineLost{action.epoch, action.error});
}

void SupervisorActor::carry_out(const LoadFailed& action, TimePoint) {
  write_log(event(LogLevel::kError, "stage cannot be loaded")
                .with("stage", action.stage)
                .with("error", to_string(action.error)));
  // Another worker of that name may do better: only what depends on nobody else can make an engine give up.
  if (settings_.stages[action.stage].place.kind == WorkerKind::kNamed) return;
  EngineReport report;
  report.kind = EngineReport::Kind::kLoadFailed;
  report.error = action.error;
  caf::anon_send(peers_.engine, report);
}

template <class T>
void SupervisorActor::tell_stage(const std::string& worker, std::uint32_t stage, const T& message, TimePoint now) {
  if (const caf::actor& local = settings_.stages[stage].local) {
    caf::anon_send(local, message);
    return;
  }
  const auto route = routes_.find(worker);
  if (route == routes_.end()) return;
  const Result<bool> sent = control_->send(route->second, transport::encode(HeadMessage{message}));
  if (!sent.ok() || !*sent) lose(worker, "it cannot be reached", now);
}

void SupervisorActor::tell_availability() {
  if (auto lacks = membership_.unavailable()) {
    caf::anon_send(peers_.ingress, Availability{membership_.epoch(), std::move(lacks), std::nullopt});
  }
}

}  // namespace sluice::actors
