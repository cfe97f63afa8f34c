#include "pipeline/membership/membership.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace sluice {

Error unknown_worker(const std::string& name, const std::vector<std::string>& known) {
  std::string names;
  for (const std::string& each : known) names += (names.empty() ? "" : ", ") + each;
  return {ErrorCode::kInvalidConfig, "the topology has no worker named '" + name.substr(0, 64) +
                                         "'; it has: " + (names.empty() ? std::string("none") : names)};
}

Result<void> check_version(const WorkerHello& hello) {
  if (hello.version == kControlVersion) return {};
  return Error{ErrorCode::kUnsupportedVersion, "the head speaks version " + std::to_string(kControlVersion) +
                                                   " of the worker protocol, " + hello.name.substr(0, 64) +
                                                   " speaks version " + std::to_string(hello.version)};
}

bool has_device(const WorkerHello& hello, const std::string& device) {
  return std::ranges::find(hello.devices, device) != hello.devices.end();
}

Error missing_device(const WorkerHello& hello, const std::string& device, const std::string& what_is_on_it) {
  std::string devices;
  for (const std::string& each : hello.devices) devices += (devices.empty() ? "" : ", ") + each.substr(0, 64);
  return {ErrorCode::kInvalidConfig, hello.name.substr(0, 64) + " has no device " + device + ", where " +
                                         what_is_on_it + " is; it has: " + (devices.empty() ? "none" : devices)};
}

Error taken_name(const std::string& name) {
  return {ErrorCode::kUnavailable, "a worker named '" + name + "' is already connected", 500};
}

Membership::Membership(std::vector<StagePlace> stages, MembershipLimits limits, std::uint32_t first_stage)
    : limits_(limits), first_stage_(first_stage) {
  SLUICE_CHECK(!stages.empty());
  for (StagePlace& place : stages) {
    if (place.kind != WorkerKind::kAny) {
      Worker& worker = workers_[place.worker];
      worker.kind = place.kind;
      if (place.kind == WorkerKind::kHead) worker.state = WorkerState::kPresent;
    }
    stages_.push_back({.place = std::move(place)});
  }
}

void Membership::start(TimePoint now) {
  up_or_down_since_ = now;
  for (Stage& stage : stages_) stage.shown_since = now;
  reconcile(now);
}

Result<void> Membership::on_hello(const WorkerHello& hello, TimePoint now) {
  if (Result<void> version = check_version(hello); !version.ok()) return version;
  const auto found = workers_.find(hello.name);
  if (found == workers_.end() || found->second.kind == WorkerKind::kHead) {
    return unknown_worker(hello.name, named_workers());
  }
  Worker& worker = found->second;
  if (worker.state == WorkerState::kPresent) {
    if (worker.hello.incarnation == hello.incarnation) return {};
    return taken_name(hello.name);
  }
  for (std::uint32_t i = 0; i < stages_.size(); ++i) {
    const StagePlace& place = stages_[i].place;
    if (place.worker == hello.name && !has_device(hello, place.device))
      return missing_device(hello, place.device, describe(i));
  }
  worker.state = WorkerState::kPresent;
  worker.hello = hello;
  worker.launched_until = TimePoint::never();
  reconcile(now);
  return {};
}

bool Membership::take_worker(const WorkerHello& hello, TimePoint now) {
  SLUICE_CHECK(!workers_.contains(hello.name));
  const auto wants = [&](const Stage& stage) {
    const StagePlace& place = stage.place;
    return place.kind == WorkerKind::kAny && place.worker.empty() && stage.retry_at <= now &&
           has_device(hello, place.device);
  };
  const auto stage = std::ranges::find_if(stages_, wants);
  if (stage == stages_.end()) return false;
  stage->place.worker = hello.name;
  workers_[hello.name] = {.kind = WorkerKind::kAny, .state = WorkerState::kPresent, .hello = hello};
  reconcile(now);
  return true;
}

void Membership::on_worker_lost(const std::string& name, const std::string& reason, TimePoint now) {
  const auto found = workers_.find(name);
  if (found == workers_.end() || found->second.state == WorkerState::kAbsent) return;
  Worker& worker = found->second;
  worker.state = WorkerState::kAbsent;
  worker.launched_until = TimePoint::never();
  worker.launch_at = now + relaunch_delay(worker.failures++);

  std::string what;
  std::optional<std::uint32_t> first;
  bool was_assigned = false;
  for (std::uint32_t i = 0; i < stages_.size(); ++i) {
    if (stages_[i].place.worker != name) continue;
    if (!first) first = i;
    ++stages_[i].losses_total;
    stages_[i].memory = {};
    what += (what.empty() ? "" : ", ") + describe(i);
    was_assigned = was_assigned || stages_[i].state != StageState::kUnassigned;
  }
  const Error error{ErrorCode::kStageLost, what + " on " + name + " was lost: " + reason, 1000};
  if (was_assigned) go_down(error);
  if (worker.kind == WorkerKind::kAny) {
    give_up(stages_[*first], name);
  } else if (first && worker.kind == WorkerKind::kSpawned && worker.failures == limits_.launch_failures_max) {
    actions_.push_back(LoadFailed{number_of(*first), error});
  }
  reconcile(now);
}

void Membership::on_ready(const std::string& worker, const StageReady& ready, TimePoint now) {
  Stage* const stage = find(worker, ready.stage);
  if (ready.epoch != epoch_ || stage == nullptr || stage->state != StageState::kAssigned) return;
  stage->state = StageState::kReady;
  stage->input_address = ready.input_address;
  stage->exchange_addresses = ready.exchange_addresses;
  stage->silent_until = TimePoint::never();
  stage->last_error.clear();
  stage->memory.weights_bytes = ready.weights_bytes;
  stage->memory.kv_cache_bytes = ready.kv_cache_bytes;
  reconcile(now);
}

void Membership::on_failed(const std::string& worker, const StageFailed& failed, TimePoint now) {
  Stage* const stage = find(worker, failed.stage);
  if (failed.epoch != epoch_ || stage == nullptr || stage->state == StageState::kUnassigned) return;
  const bool was_loading = stage->state == StageState::kAssigned;
  stage->state = StageState::kUnassigned;
  stage->silent_until = TimePoint::never();
  stage->last_error = failed.error.message;
  stage->memory = {};
  ++stage->failures_total;
  stage->retry_at = now + relaunch_delay(stage->failures++);
  if (was_loading) {
    actions_.push_back(LoadFailed{failed.stage, failed.error});
  } else if (is_up_) {
    const auto index = static_cast<std::uint32_t>(stage - stages_.data());
    go_down({ErrorCode::kStageLost, describe(index) + " on " + worker + " failed: " + failed.error.message, 1000});
  }
  if (stage->place.kind == WorkerKind::kAny) {
    actions_.push_back(ReleaseStage{workers_.at(worker).hello, failed.stage});
    stage->last_error += " (on " + worker + ")";
    give_up(*stage, worker);
  }
  reconcile(now);
}

void Membership::on_progress(const std::string& worker, const LoadProgress& progress, TimePoint now) {
  // Of an earlier epoch, too: what it loads there serves this one.
  Stage* const stage = find(worker, progress.stage);
  if (progress.epoch > epoch_ || stage == nullptr) return;
  if (stage->state != StageState::kAssigned) return;
  stage->silent_until = now + limits_.silence_timeout;
  stage->memory.loaded_bytes = std::min(progress.bytes_done, progress.bytes_total);
  stage->memory.load_bytes = progress.bytes_total;
}

void Membership::on_pipeline_broken(Epoch epoch, const std::string& reason, TimePoint now) {
  if (epoch != epoch_ || !is_up_) return;
  go_down({ErrorCode::kStageLost, reason, 1000});
  reconcile(now);
}

void Membership::on_timer(TimePoint now) {
  for (auto& [name, worker] : workers_) {
    if (worker.state == WorkerState::kLaunching && worker.launched_until <= now) {
      actions_.push_back(KillWorker{name});
      on_worker_lost(name, "it did not connect in time", now);
    }
  }
  for (std::uint32_t i = 0; i < stages_.size(); ++i) {
    Stage& stage = stages_[i];
    if (stage.retry_at <= now) stage.retry_at = {};
    if (stage.state != StageState::kAssigned || stage.silent_until > now) continue;
    const std::string worker = stage.place.worker;
    if (stage.place.kind == WorkerKind::kHead) {
      // Our own process cannot be replaced; it may still finish, and says so when it does.
      stage.silent_until = now + limits_.silence_timeout;
      continue;
    }
    // The kind of worker decides what the kill means: a child process ends, a named worker's connection is dropped.
    actions_.push_back(KillWorker{worker});
    on_worker_lost(worker, "it showed no progress in loading " + describe(i), now);
  }
  reconcile(now);
}

TimePoint Membership::next_timer() const {
  TimePoint next = TimePoint::never();
  for (const auto& [name, worker] : workers_) {
    next = std::min(next, worker.launched_until);
    if (worker.kind == WorkerKind::kSpawned && worker.state == WorkerState::kAbsent)
      next = std::min(next, worker.launch_at);
  }
  for (const Stage& stage : stages_) {
    next = std::min(next, stage.silent_until);
    const bool is_waiting = stage.state == StageState::kUnassigned && (is_present(stage) || stage.place.worker.empty());
    if (is_waiting && stage.retry_at != TimePoint{}) next = std::min(next, stage.retry_at);
  }
  return next;
}

std::vector<MembershipAction> Membership::take_actions() {
  return std::exchange(actions_, {});
}

std::optional<Error> Membership::unavailable() const {
  if (is_up_) return std::nullopt;
  std::string lacks;
  for (std::uint32_t i = 0; i < stages_.size(); ++i) {
    const Stage& stage = stages_[i];
    if (stage.state == StageState::kReady) continue;
    if (!lacks.empty()) lacks += "; ";
    lacks += describe(i);
    if (stage.place.worker.empty()) {
      lacks += " waits for any worker";
      if (!stage.last_error.empty()) lacks += "; it failed to load: " + stage.last_error;
      continue;
    }
    const Worker& worker = workers_.at(stage.place.worker);
    if (worker.state != WorkerState::kPresent) {
      lacks += (worker.kind == WorkerKind::kSpawned ? " waits for its process " : " waits for ") + stage.place.worker;
    } else if (!stage.last_error.empty()) {
      lacks += " failed to load on " + stage.place.worker + ": " + stage.last_error;
    } else {
      lacks += " is loading on " + stage.place.worker;
    }
  }
  if (lacks.empty()) lacks = "the stages are being connected";
  return Error{ErrorCode::kUnavailable, lacks, 1000};
}

void Membership::check_invariants() const {
  const bool all_ready = std::all_of(stages_.begin(), stages_.end(), [&](const Stage& stage) {
    return stage.state == StageState::kReady && is_present(stage);
  });
  SLUICE_CHECK_EQ(is_up_, all_ready);
  for (const Stage& stage : stages_) {
    if (stage.state != StageState::kUnassigned) SLUICE_CHECK(is_present(stage));
  }
  for (const auto& [name, worker] : workers_) {
    if (worker.kind != WorkerKind::kAny) continue;
    const auto is_its_own = [&name = name](const Stage& stage) { return stage.place.worker == name; };
    SLUICE_CHECK_EQ(std::ranges::count_if(stages_, is_its_own), 1);
  }
}

std::vector<std::string> Membership::named_workers() const {
  std::vector<std::string> names;
  for (const auto& [name, worker] : workers_) {
    if (worker.kind == WorkerKind::kNamed) names.push_back(name);
  }
  return names;
}

Membership::Stage* Membership::find(const std::string& worker, std::uint32_t stage) {
  if (stage < first_stage_ || stage - first_stage_ >= stages_.size()) return nullptr;
  Stage& found = stages_[stage - first_stage_];
  return found.place.worker == worker ? &found : nullptr;
}

bool Membership::is_present(const Stage& stage) const {
  const auto found = workers_.find(stage.place.worker);
  return found != workers_.end() && found->second.state == WorkerState::kPresent;
}

void Membership::give_up(Stage& stage, const std::string& worker) {
  workers_.erase(worker);
  stage.place.worker.clear();
}

void Membership::go_down(Error error) {
  is_up_ = false;
  actions_.push_back(PipelineDown{epoch_, std::move(error)});
  ++epoch_.value;
  for (Stage& stage : stages_) {
    stage.state = StageState::kUnassigned;
    stage.silent_until = TimePoint::never();
  }
}

void Membership::launch_absent(TimePoint now) {
  for (auto& [name, worker] : workers_) {
    const bool is_due =
        worker.kind == WorkerKind::kSpawned && worker.state == WorkerState::kAbsent && worker.launch_at <= now;
    if (!is_due) continue;
    worker.state = WorkerState::kLaunching;
    worker.launched_until = now + limits_.launch_timeout;
    actions_.push_back(LaunchWorker{name});
  }
}

void Membership::assign_unassigned(TimePoint now) {
  for (std::uint32_t i = 0; i < stages_.size(); ++i) {
    Stage& stage = stages_[i];
    if (stage.state != StageState::kUnassigned || !is_present(stage) || stage.retry_at > now) continue;
    stage.state = StageState::kAssigned;
    stage.silent_until = now + limits_.silence_timeout;
    actions_.push_back(AssignStage{stage.place.worker, number_of(i), epoch_});
  }
}

void Membership::connect_if_all_ready() {
  const bool all_ready =
      std::all_of(stages_.begin(), stages_.end(), [](const Stage& stage) { return stage.state == StageState::kReady; });
  if (is_up_ || !all_ready) return;
  for (std::uint32_t i = 0; i < stages_.size(); ++i) actions_.push_back(connection_of(i));
  actions_.push_back(PipelineUp{epoch_, input_addresses(0)});
  is_up_ = true;
  for (auto& [name, worker] : workers_) worker.failures = 0;
  for (Stage& stage : stages_) stage.failures = 0;
}

std::vector<std::string> Membership::input_addresses(std::size_t first) const {
  std::vector<std::string> addresses;
  for (std::uint32_t rank = 0; rank < stages_[first].place.shard.num_ranks; ++rank) {
    addresses.push_back(stages_[first + rank].input_address);
  }
  return addresses;
}

ConnectStage Membership::connection_of(std::uint32_t index) const {
  const Shard& shard = stages_[index].place.shard;
  const std::size_t first = index - shard.rank;
  const std::size_t next = first + shard.num_ranks;
  ConnectStage connection{stages_[index].place.worker, number_of(index), epoch_};
  if (shard.rank == 0) {
    connection.feeds_batcher = next == stages_.size();
    if (!connection.feeds_batcher) connection.output_addresses = input_addresses(next);
  }
  for (std::uint32_t peer = 0; peer < shard.num_ranks; ++peer) {
    const auto& addresses = stages_[first + peer].exchange_addresses;
    connection.exchange_addresses.push_back(shard.rank < addresses.size() ? addresses[shard.rank] : "");
  }
  return connection;
}

void Membership::reconcile(TimePoint now) {
  launch_absent(now);
  assign_unassigned(now);
  connect_if_all_ready();
  note_states(now);
}

Duration Membership::relaunch_delay(std::uint32_t failures) const {
  const std::uint32_t doublings = std::min<std::uint32_t>(failures, 16);
  return std::min(limits_.relaunch_delay_max, limits_.relaunch_delay_min * (1u << doublings));
}

std::string Membership::describe(std::uint32_t index) const {
  const StagePlace& place = stages_[index].place;
  const std::string rank = place.shard.is_whole() ? "" : "." + std::to_string(place.shard.rank);
  return "stage " + std::to_string(place.stage) + rank + " (layers " + std::to_string(place.first_layer) + "-" +
         std::to_string(place.first_layer + place.num_layers - 1) + ")";
}

}  // namespace sluice
