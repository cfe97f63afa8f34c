// What a running engine is made of at one moment: its replicas, their stages and ranks, who has them and in which
// state, and the workers that stand by. Plain values; the counterpart of a plan (pipeline/topology/plan.h), which says
// what an engine would be made of.
//
// Times are those at which a state began, so that two statuses are equal exactly while nothing happens. Whoever makes
// one keeps what workers say within the bounds below.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/id.h"

namespace sluice {

inline constexpr std::size_t kStatusTextBytesMax = 2048;  // Of a name, an error, a sentence.
inline constexpr std::size_t kStatusDevicesMax = 16;      // Of a standby.

enum class WorkerKind : std::uint8_t {
  kHead,     // This process.
  kSpawned,  // Started by us on this machine, and started again when it dies.
  kNamed,    // Connects by itself; we wait for it.
  kAny,      // The same, whatever its name; it runs one stage.
};
inline constexpr std::array<std::string_view, 4> kWorkerKindNames = {"head", "spawned", "named", "any"};

enum class RankState : std::uint8_t {
  kWaiting,    // Nobody has it, or whoever it belongs to is not here.
  kLaunching,  // Its process was started and has not said hello.
  kFailed,     // It could not be loaded, or failed; its worker is asked again soon.
  kLoading,    // Assigned, and not ready.
  kReady,      // Loaded; other ranks are not.
  kUp,         // Connected, as all of its replica.
};
inline constexpr std::array<std::string_view, 6> kRankStateNames = {"waiting", "launching", "failed",
                                                                    "loading", "ready",     "up"};

constexpr std::string_view to_string(WorkerKind kind) {
  return kWorkerKindNames[static_cast<std::size_t>(kind)];
}
constexpr std::string_view to_string(RankState state) {
  return kRankStateNames[static_cast<std::size_t>(state)];
}

// What a worker has told of one rank: zeros until it does, and again when it is lost or gives the rank up.
struct RankMemory {
  std::uint64_t loaded_bytes = 0;   // Of weights, so far;
  std::uint64_t load_bytes = 0;     // of so many.
  std::uint64_t weights_bytes = 0;  // In memory, since it was ready.
  std::uint64_t kv_cache_bytes = 0;

  friend bool operator==(const RankMemory&, const RankMemory&) = default;
};

struct RankStatus {
  std::uint32_t rank = 0;  // Of its stage.
  WorkerKind kind = WorkerKind::kHead;
  std::string worker;  // Whose it is, here or not; empty: nobody's.
  std::string device;
  RankState state = RankState::kWaiting;
  TimePoint since{};  // Of the state.
  RankMemory memory;
  std::string error;           // Of the last failure, until it is ready again.
  std::uint64_t losses = 0;    // Of its workers, so far.
  std::uint64_t failures = 0;  // To load, or to go on, of a worker that lived, so far.

  friend bool operator==(const RankStatus&, const RankStatus&) = default;
};

struct StageStatus {
  std::uint32_t stage = 0;  // Counted through all replicas.
  std::uint32_t first_layer = 0;
  std::uint32_t num_layers = 0;
  std::vector<RankStatus> ranks;

  friend bool operator==(const StageStatus&, const StageStatus&) = default;
};

struct ReplicaStatus {
  Epoch epoch;
  bool is_up = false;
  TimePoint since{};         // Up, or not.
  std::string lacks;         // While it is not up: a sentence.
  std::uint64_t losses = 0;  // Times that it went down, or had to begin to load anew.
  std::vector<StageStatus> stages;

  friend bool operator==(const ReplicaStatus&, const ReplicaStatus&) = default;
};

struct StandbyStatus {
  std::string name;
  std::vector<std::string> devices;

  friend bool operator==(const StandbyStatus&, const StandbyStatus&) = default;
};

struct EngineStatus {
  std::string model;  // Name of its directory.
  TimePoint as_of{};  // When the supervisor said so last.
  bool takes_requests = false;
  std::uint64_t requests = 0;           // In the engine,
  std::uint64_t requests_max = 0;       // at most.
  std::vector<ReplicaStatus> replicas;  // None: the engine has not begun yet.
  std::vector<StandbyStatus> standbys;  // In the order in which they are taken.

  bool is_up() const { return !replicas.empty() && std::ranges::all_of(replicas, &ReplicaStatus::is_up); }

  friend bool operator==(const EngineStatus&, const EngineStatus&) = default;
};

}  // namespace sluice
