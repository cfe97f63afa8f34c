// What Membership tells those who look on.
#include "pipeline/membership/membership.h"

namespace sluice {

RankState Membership::state_of(const Stage& stage) const {
  if (stage.state == StageState::kReady) return is_up_ ? RankState::kUp : RankState::kReady;
  if (stage.state == StageState::kAssigned) return RankState::kLoading;
  const auto worker = workers_.find(stage.place.worker);
  if (worker == workers_.end() || worker->second.state == WorkerState::kAbsent) return RankState::kWaiting;
  return worker->second.state == WorkerState::kPresent ? RankState::kFailed : RankState::kLaunching;
}

// Behind every change. A rank that goes from one epoch to the next within a state goes on in it.
void Membership::note_states(TimePoint now) {
  for (Stage& stage : stages_) {
    const RankState state = state_of(stage);
    if (state == stage.shown) continue;
    stage.shown = state;
    stage.shown_since = now;
  }
  if (is_up_ == was_up_) return;
  was_up_ = is_up_;
  up_or_down_since_ = now;
}

ReplicaStatus Membership::status() const {
  ReplicaStatus replica;
  replica.epoch = epoch_;
  replica.is_up = is_up_;
  replica.since = up_or_down_since_;
  if (const auto lacks = unavailable()) replica.lacks = lacks->message.substr(0, kStatusTextBytesMax);
  replica.losses = epoch_.value - 1;
  for (const Stage& stage : stages_) {
    const StagePlace& place = stage.place;
    if (place.shard.rank == 0) replica.stages.push_back({place.stage, place.first_layer, place.num_layers, {}});
    replica.stages.back().ranks.push_back({.rank = place.shard.rank,
                                           .kind = place.kind,
                                           .worker = place.worker,
                                           .device = place.device,
                                           .state = stage.shown,
                                           .since = stage.shown_since,
                                           .memory = stage.memory,
                                           .error = stage.last_error.substr(0, kStatusTextBytesMax),
                                           .losses = stage.losses_total,
                                           .failures = stage.failures_total});
  }
  return replica;
}

}  // namespace sluice
