#include "tests/pipeline/status/status_samples.h"

namespace sluice::test {

namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

RankStatus rank(std::uint32_t number, WorkerKind kind, std::string worker, RankState state, Duration age) {
  return {.rank = number,
          .kind = kind,
          .worker = std::move(worker),
          .device = "cpu:0",
          .state = state,
          .since = kStatusTime - age};
}

}  // namespace

EngineStatus sample_status() {
  ReplicaStatus up{.epoch = Epoch{1}, .is_up = true, .since = kStatusTime - minutes(127)};
  up.stages = {{0, 0, 3, {rank(0, WorkerKind::kHead, "head", RankState::kUp, minutes(127))}},
               {1,
                3,
                3,
                {rank(0, WorkerKind::kSpawned, "stage-1.0", RankState::kUp, minutes(127)),
                 rank(1, WorkerKind::kNamed, "worker-a", RankState::kUp, minutes(127))}}};
  up.stages[0].ranks[0].memory = {4'928'307, 4'928'307, 4'928'307, 1 << 20};

  ReplicaStatus down{.epoch = Epoch{3}, .since = kStatusTime - seconds(185)};
  down.lacks = "stage 3 (layers 3-5) waits for any worker";
  down.losses = 2;
  down.stages = {{2, 0, 3, {rank(0, WorkerKind::kNamed, "worker-b", RankState::kLoading, milliseconds(7'900))}},
                 {3, 3, 3, {rank(0, WorkerKind::kAny, "", RankState::kWaiting, seconds(185))}}};
  down.stages[0].ranks[0].memory = {1 << 20, 4 << 20, 0, 0};
  RankStatus& lacking = down.stages[1].ranks[0];
  lacking.losses = 2;
  lacking.failures = 1;
  lacking.error = "another model (on wrong)";

  return {.model = "storyteller-llama",
          .as_of = kStatusTime - milliseconds(1'250),
          .takes_requests = true,
          .requests = 3,
          .requests_max = 64,
          .replicas = {up, down},
          .standbys = {{"gpu-box", {"cuda:0", "cpu:0"}}}};
}

}  // namespace sluice::test
