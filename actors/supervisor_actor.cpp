#include "actors/supervisor_actor.h"

#include <poll.h>

#include <algorithm>
#include <set>

#include "actors/log.h"
#include "actors/snapshot_messages.h"
#include "actors/stage_assignments.h"
#include "base/check.h"
#include "transport/codec/control_codec.h"

namespace sluice::actors {

namespace {

LogEvent event(LogLevel level, std::string_view sentence) {
  return LogEvent(level, "supervisor", sentence);
}

bool has_ended(const ChildProcess& child) {
  pollfd item{child.exit_fd(), POLLIN, 0};
  return poll(&item, 1, 0) == 1;
}

}  // namespace

std::vector<Membership> memberships_of(const std::vector<SupervisedStage>& stages, const MembershipLimits& limits) {
  std::vector<std::vector<StagePlace>> places;
  for (const SupervisedStage& stage : stages) {
    if (stage.replica == places.size()) places.emplace_back();
    SLUICE_CHECK_EQ(stage.replica + 1, places.size());
    places.back().push_back(stage.place);
  }
  std::vector<Membership> memberships;
  std::size_t first_stage = 0;
  for (const std::vector<StagePlace>& of_replica : places) {
    memberships.emplace_back(of_replica, limits, static_cast<std::uint32_t>(first_stage));
    first_stage += of_replica.size();
  }
  return memberships;
}

namespace {

StandbyPool standbys_of(const std::vector<SupervisedStage>& stages) {
  std::set<std::string> devices;
  for (const SupervisedStage& stage : stages) {
    if (stage.place.kind == WorkerKind::kAny) devices.insert(stage.place.device);
  }
  return StandbyPool({devices.begin(), devices.end()});
}

}  // namespace

SupervisorActor::SupervisorActor(caf::actor_config& config, std::unique_ptr<transport::RouterSocket> control,
                                 SupervisorSettings settings)
    : PollingActor(config),
      control_(std::move(control)),
      settings_(std::move(settings)),
      memberships_(memberships_of(settings_.stages, settings_.limits)),
      standbys_(standbys_of(settings_.stages)),
      loaded_bytes_(settings_.stages.size()) {}

caf::message_handler SupervisorActor::make_behavior() {
  return {[this](const Begin& begin) { begin_with(begin); },
          [this](const StageReady& ready) { membership_of(ready.stage).on_ready(owner_of(ready.stage), ready, now()); },
          [this](const StageFailed& failed) {
            membership_of(failed.stage).on_failed(owner_of(failed.stage), failed, now());
          },
          [this](const LoadProgress& progress) {
            membership_of(progress.stage).on_progress(owner_of(progress.stage), progress, now());
            note_progress(owner_of(progress.stage), progress);
          },
          [this](const PipelineBroken& broken) {
            memberships_[broken.replica].on_pipeline_broken(broken.epoch, broken.reason, now());
          }};
}

void SupervisorActor::begin_with(const Begin& begin) {
  peers_ = begin.peers;
  for (std::size_t i = 0; i < begin.local_stages.size(); ++i) settings_.stages[i].local = begin.local_stages[i];
  has_begun_ = true;
  for (std::uint32_t replica = 0; replica < memberships_.size(); ++replica) {
    memberships_[replica].start(now());
    tell_availability(replica);  // Also where there is nothing to do but wait.
  }
}

void SupervisorActor::watch(transport::Poller& poller) const {
  if (control_ != nullptr) poller.add(*control_);
  for (const auto& [name, child] : children_) poller.add_fd(child.exit_fd());
}

TimePoint SupervisorActor::next_timer() const {
  TimePoint next = std::min(nonsense_.next_timer(), failed_handshakes_.next_timer());
  for (const Membership& membership : memberships_) next = std::min(next, membership.next_timer());
  return next;
}

void SupervisorActor::advance(TimePoint now) {
  if (!has_begun_) return;
  look_after_children(now);
  if (control_ != nullptr) {
    while (auto incoming = control_->receive()) {
      if (incoming->follows_loss) lose_route(incoming->route, now);
      take_worker_message(*incoming, now);
    }
    for (const transport::Route& route : control_->take_disconnected()) lose_route(route, now);
    failed_handshakes_.note(control_->failed_handshakes(), now);
  }
  for (Membership& membership : memberships_) {
    if (membership.next_timer() <= now) membership.on_timer(now);
  }
  carry_out_actions(now);
  report_changes(now);
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

void SupervisorActor::take_worker_message(const transport::RouterSocket::Incoming& incoming, TimePoint now) {
  const transport::Route& route = incoming.route;
  Result<WorkerMessage> decoded = transport::decode_worker_message(incoming.message);
  if (!decoded.ok()) {
    log_nonsense(decoded.error(), now);
    return;
  }
  if (const auto* hello = std::get_if<WorkerHello>(&*decoded)) return take_hello(incoming, *hello, now);
  const auto worker = worker_at(route);
  // It was given up, and does not know: it has to start over.
  if (!worker)
    return refuse(route, {ErrorCode::kUnavailable, "the head does not count on this worker: say hello", 100});
  if (std::holds_alternative<WorkerLeave>(*decoded)) return lose(*worker, "it left", now);
  // A standby has nothing to report but of a stage that it had.
  Membership* const membership = membership_of(*worker);
  if (membership == nullptr) return;
  if (const auto* ready = std::get_if<StageReady>(&*decoded)) take_ready(*worker, *membership, *ready, now);
  if (const auto* failed = std::get_if<StageFailed>(&*decoded)) membership->on_failed(*worker, *failed, now);
  if (const auto* stats = std::get_if<StageStats>(&*decoded)) pass_on(*worker, *stats);
  if (const auto* progress = std::get_if<LoadProgress>(&*decoded)) {
    membership->on_progress(*worker, *progress, now);
    note_progress(*worker, *progress);
  }
}

void SupervisorActor::pass_on(const std::string& worker, const StageStats& stats) {
  if (is_owner(worker, stats.stage) && report_to()) caf::anon_send(report_to(), stats);
}

void SupervisorActor::take_ready(const std::string& worker, Membership& membership, const StageReady& ready,
                                 TimePoint now) {
  if (auto error = misbound(worker, ready)) {
    return membership.on_failed(worker, {ready.epoch, ready.stage, std::move(*error)}, now);
  }
  membership.on_ready(worker, ready, now);
}

// Others will connect there: nowhere but where this one was told to bind.
std::optional<Error> SupervisorActor::misbound(const std::string& worker, const StageReady& ready) const {
  if (ready.stage >= settings_.stages.size()) return std::nullopt;
  const StageAssign& assign = settings_.stages[ready.stage].assign;
  const auto check = [&](const std::string& assigned, const std::string& reported) -> std::optional<Error> {
    if (can_be_bound_as(with_epoch(assigned, ready.epoch), reported, settings_.keys.key_of(worker)))
      return std::nullopt;
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

void SupervisorActor::take_hello(const transport::RouterSocket::Incoming& incoming, const WorkerHello& hello,
                                 TimePoint now) {
  const transport::Route& route = incoming.route;
  Result<void> accepted = settings_.keys.take_hello(hello.name, incoming.peer);
  if (accepted.ok()) accepted = admit(hello, now);
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

// A process serves one replica.
Membership* SupervisorActor::membership_of(const std::string& worker) {
  const auto found = std::find_if(memberships_.begin(), memberships_.end(),
                                  [&](const Membership& membership) { return membership.has_worker(worker); });
  return found == memberships_.end() ? nullptr : &*found;
}

Result<void> SupervisorActor::admit(const WorkerHello& hello, TimePoint now) {
  if (Membership* const membership = membership_of(hello.name)) return membership->on_hello(hello, now);
  if (standbys_.is_wanted()) return standbys_.admit(hello);
  std::vector<std::string> known;
  for (const Membership& membership : memberships_) {
    for (std::string& name : membership.named_workers()) known.push_back(std::move(name));
  }
  return unknown_worker(hello.name, known);
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
  standbys_.remove(worker);
  if (Membership* const membership = membership_of(worker)) membership->on_worker_lost(worker, reason, now);
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
  if (!is_owner(worker, progress.stage)) return;
  loaded_bytes_[progress.stage] = std::min(progress.bytes_done, settings_.stages[progress.stage].weights_bytes);
  EngineReport report;
  for (const std::uint64_t bytes : loaded_bytes_) report.bytes_done += bytes;
  // Those that have not begun count as well: progress never goes back.
  for (const SupervisedStage& stage : settings_.stages) report.bytes_total += stage.weights_bytes;
  caf::anon_send(peers_.engine, report);
}

void SupervisorActor::carry_out_actions(TimePoint now) {
  for (bool has_acted = true; has_acted;) {
    hand_out_standbys(now);
    has_acted = false;
    for (std::uint32_t replica = 0; replica < memberships_.size(); ++replica) {
      if (!carry_out_actions_of(replica, now)) continue;
      has_acted = true;
      tell_availability(replica);
    }
  }
}

void SupervisorActor::hand_out_standbys(TimePoint now) {
  for (Membership& membership : memberships_) {
    standbys_.offer([&](const WorkerHello& standby) { return membership.take_worker(standby, now); });
  }
}

// Whether there were any. Carrying one out may cause others: a worker that cannot be started is lost.
bool SupervisorActor::carry_out_actions_of(std::uint32_t replica, TimePoint now) {
  bool has_acted = false;
  Membership& membership = memberships_[replica];
  for (auto actions = membership.take_actions(); !actions.empty(); actions = membership.take_actions()) {
    has_acted = true;
    for (const MembershipAction& action : actions) {
      std::visit([&](const auto& alternative) { carry_out(replica, alternative, now); }, action);
    }
  }
  return has_acted;
}

void SupervisorActor::carry_out(std::uint32_t, const LaunchWorker& action, TimePoint now) {
  const auto address = transport::parse_curve_address(control_->address());
  std::vector<std::string> arguments = {"worker",
                                        "--connect",
                                        address->endpoint,
                                        "--name",
                                        action.worker,
                                        "--log-level",
                                        settings_.worker_log_level,
                                        "--log-format",
                                        settings_.worker_log_format,
                                        "--spawned"};
  for (std::string& argument : settings_.keys.launch_arguments(action.worker)) arguments.push_back(std::move(argument));
  if (settings_.allow_insecure) arguments.push_back("--insecure");
  auto child = ChildProcess::start(settings_.worker_program, arguments);
  if (!child.ok()) return lose(action.worker, child.error().message, now);
  write_log(event(LogLevel::kInfo, "worker started").with("worker", action.worker).with("pid", child->pid()));
  children_.insert_or_assign(action.worker, std::move(*child));
}

void SupervisorActor::carry_out(std::uint32_t, const KillWorker& action, TimePoint) {
  // One that we did not start lives on: it may come back when it has done whatever kept it.
  if (const auto route = routes_.find(action.worker); route != routes_.end()) {
    refuse(route->second, {ErrorCode::kUnavailable, "the head has given this worker up: say hello", 100});
    routes_.erase(route);
  }
  children_.erase(action.worker);
}

void SupervisorActor::carry_out(std::uint32_t, const ReleaseStage& action, TimePoint now) {
  const std::string& worker = action.worker.name;
  if (!routes_.contains(worker)) return;
  standbys_.put_back(action.worker);
  tell_stage(worker, action.stage, StageRelease{action.stage}, now);
}

void SupervisorActor::carry_out(std::uint32_t, const AssignStage& action, TimePoint now) {
  StageAssign assign = settings_.stages[action.stage].assign;
  assign.epoch = action.epoch;
  assign.input_address = with_epoch(assign.input_address, action.epoch);
  assign.exchange_address = with_epoch(assign.exchange_address, action.epoch);
  const caf::actor& local = settings_.stages[action.stage].local;
  if (!local) {
    if (settings_.keys.is_on()) tell_peer_keys(action.worker, now);
  } else if (const auto group = groups_.of(assign)) {
    caf::anon_send(local, JoinGroup{group});
  }
  tell_stage(action.worker, action.stage, assign, now);
}

void SupervisorActor::carry_out(std::uint32_t replica, const ConnectStage& action, TimePoint now) {
  StageConnect connect{action.epoch, action.stage, action.output_addresses, action.exchange_addresses};
  if (action.feeds_batcher) connect.output_addresses = {settings_.results_addresses[replica]};
  tell_stage(action.worker, action.stage, connect, now);
}

void SupervisorActor::carry_out(std::uint32_t replica, const PipelineUp& action, TimePoint) {
  write_log(event(LogLevel::kInfo, "pipeline up").with("replica", replica).with("epoch", action.epoch.value));
  caf::anon_send(peers_.batchers[replica],
                 PipelineReady{action.epoch, action.input_addresses, caf::actor_cast<caf::actor>(this)});
}

void SupervisorActor::carry_out(std::uint32_t replica, const PipelineDown& action, TimePoint) {
  write_log(event(LogLevel::kWarn, "pipeline down")
                .with("replica", replica)
                .with("epoch", action.epoch.value)
                .with("error", to_string(action.error)));
  const Error lacks = memberships_[replica].unavailable().value_or(action.error);
  caf::anon_send(peers_.front, Availability{Epoch{action.epoch.value + 1}, lacks, action.error, replica});
  caf::anon_send(peers_.batchers[replica], PipelineLost{action.epoch, action.error});
}

void SupervisorActor::carry_out(std::uint32_t, const LoadFailed& action, TimePoint) {
  write_log(event(LogLevel::kError, "stage cannot be loaded")
                .with("stage", action.stage)
                .with("error", to_string(action.error)));
  // Another worker, perhaps of that name, may do better: only what depends on nobody else can make an engine give up.
  const WorkerKind kind = settings_.stages[action.stage].place.kind;
  if (kind == WorkerKind::kNamed || kind == WorkerKind::kAny) return;
  EngineReport report;
  report.kind = EngineReport::Kind::kLoadFailed;
  report.error = action.error;
  caf::anon_send(peers_.engine, report);
}

template <class T>
void SupervisorActor::tell_stage(const std::string& worker, std::uint32_t stage, const T& message, TimePoint now) {
  if (const caf::actor& local = settings_.stages[stage].local) {
    caf::anon_send(local, message);
  } else {
    tell_worker(worker, message, now);
  }
}

void SupervisorActor::tell_worker(const std::string& worker, const HeadMessage& message, TimePoint now) {
  const auto route = routes_.find(worker);
  if (route == routes_.end()) return;
  const Result<bool> sent = control_->send(route->second, transport::encode(message));
  if (!sent.ok() || !*sent) lose(worker, "it cannot be reached", now);
}

// It may lack those of a list that is broken just now: what it was told before stays in force.
void SupervisorActor::tell_peer_keys(const std::string& worker, TimePoint now) {
  if (!routes_.contains(worker)) return;
  const Result<PeerKeys> peers = settings_.keys.peers_to_tell();
  if (!peers.ok()) {
    write_log(event(LogLevel::kError, "allow-list cannot be read").with("error", to_string(peers.error())));
    return;
  }
  tell_worker(worker, *peers, now);
}

void SupervisorActor::report(TimePoint now) {
  metrics::SupervisorSnapshot snapshot;
  if (control_ != nullptr) snapshot.failed_handshakes_total = control_->failed_handshakes();
  snapshot.taken_at = now;
  snapshot.replicas = told_replicas_ = replica_statuses();
  snapshot.standbys = told_standbys_ = standbys_.status();
  caf::anon_send(report_to(), std::move(snapshot));
}

std::vector<ReplicaStatus> SupervisorActor::replica_statuses() const {
  std::vector<ReplicaStatus> statuses;
  if (!has_begun_) return statuses;
  for (const Membership& membership : memberships_) statuses.push_back(membership.status());
  return statuses;
}

// Not only at the next interval: whoever waits for a worker wants to see it come.
void SupervisorActor::report_changes(TimePoint now) {
  if (!report_to()) return;
  if (replica_statuses() != told_replicas_ || standbys_.status() != told_standbys_) report(now);
}

void SupervisorActor::tell_availability(std::uint32_t replica) {
  if (auto lacks = memberships_[replica].unavailable()) {
    caf::anon_send(peers_.front, Availability{memberships_[replica].epoch(), std::move(lacks), std::nullopt, replica});
  }
}

}  // namespace sluice::actors
