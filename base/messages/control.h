// The messages between the supervisor of the head process and its workers, over one ROUTER (head) and DEALER (worker)
// pair per worker, apart from the data links:
//
//   worker -> head : WorkerHello, StageReady, StageFailed, LoadProgress, StageStats (stats.h), WorkerLeave
//   head -> worker : WorkerWelcome | WorkerRefused, StageAssign, StageConnect, StageRelease, PeerKeys
//
// A worker says hello and gets the stages of its name, or waits for one on any worker; each by: assign, (progress)*,
// ready, connect. Assigned anew, it comes with a new epoch. In-process stages get the same through their mailbox.
//
// A stage of several ranks is assigned rank by rank: `stage` in these messages counts ranks, in the order of the plan.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/dtype.h"
#include "base/error.h"
#include "base/expert_split.h"
#include "base/id.h"
#include "base/messages/stats.h"
#include "base/mock_model.h"
#include "base/weights_kind.h"

namespace sluice {

constexpr std::uint32_t kControlVersion = 2;

struct WorkerHello {
  std::uint32_t version = kControlVersion;  // Of this protocol.
  std::string name;                         // 1 to 64 characters of [a-z0-9-]; unique among living workers.
  std::uint64_t incarnation = 0;            // Random per process.
  std::uint64_t process_id = 0;             // On its host, for logs.
  std::string kernel_path;                  // Best instruction-set path it has: "avx512", "avx2", "scalar".
  std::uint32_t cpus = 0;
  std::vector<std::string> devices = {"cpu:0"};

  friend bool operator==(const WorkerHello&, const WorkerHello&) = default;
};

// It ends now, by itself. Nothing follows.
struct WorkerLeave {
  friend bool operator==(const WorkerLeave&, const WorkerLeave&) = default;
};

struct WorkerWelcome {
  friend bool operator==(const WorkerWelcome&, const WorkerWelcome&) = default;
};

// Name taken, not in the topology, a device missing, or another version: the worker exits with the error. Or the head
// has given up one that it had welcomed (retryable): the worker drops its stages and says hello again.
struct WorkerRefused {
  Error error;

  friend bool operator==(const WorkerRefused&, const WorkerRefused&) = default;
};

// Limits of one link; see transport/link.
struct LinkWindow {
  std::uint32_t messages = 64;
  std::uint64_t bytes = 64u << 20;

  friend bool operator==(const LinkWindow&, const LinkWindow&) = default;
};

// What both ends of a stage's links need to agree on.
struct LinkSettings {
  LinkWindow window;
  std::uint32_t heartbeat_ms = 250;  // Between processes.
  std::uint32_t timeout_ms = 2000;   // Silence after which a peer's connection counts as lost.

  friend bool operator==(const LinkSettings&, const LinkSettings&) = default;
};

// Ranks of all stages and replicas of an engine: stages of a plan are counted rank by rank.
inline constexpr std::uint32_t kPlanRanksMax = 256;

struct StageAssign {
  Epoch epoch;
  std::uint32_t stage = 0;           // Index in the plan; below num_stages.
  std::uint32_t num_stages = 1;      // At most kPlanRanksMax.
  std::uint32_t pipeline_stage = 0;  // Which stage of the pipeline this is a rank of.
  std::uint32_t rank = 0;            // Below num_ranks.
  std::uint32_t num_ranks = 1;
  ExpertSplit experts = ExpertSplit::kByWidth;
  std::string model_path;               // As the topology file has it; the worker may override the folder it lies in.
  std::uint64_t model_fingerprint = 0;  // What the worker's must be (pipeline/model/fingerprint.h); 0: anything.
  std::uint32_t first_layer = 0;
  std::uint32_t num_layers = 0;
  DType dtype = DType::kBF16;  // Of the weights in memory.
  DType compute = DType::kBF16;
  std::string kernel_path;  // "auto" or a path; all stages get the same resolved one.
  bool deterministic = true;
  std::uint32_t threads = 1;
  std::uint32_t block_tokens = 16;
  std::uint32_t num_blocks = 0;
  std::uint32_t max_batch_tokens = 0;
  WeightsKind weights = WeightsKind::kFile;
  MockCosts mock;             // kMock.
  std::string input_address;  // Where to bind: "inproc://...", "ipc://...", "tcp://127.0.0.1:*".
  // Where to bind for the partial results of the other ranks: for each of them a socket of its own, "{peer}" standing
  // for its rank. Empty: there are none, or all of them are in this process.
  std::string exchange_address;
  LinkSettings links;
  std::uint32_t report_interval_ms = 0;  // How often StageStats are wanted; 0: never.

  friend bool operator==(const StageAssign&, const StageAssign&) = default;
};

struct LoadProgress {
  Epoch epoch;
  std::uint32_t stage = 0;
  std::uint64_t bytes_done = 0;
  std::uint64_t bytes_total = 0;

  friend bool operator==(const LoadProgress&, const LoadProgress&) = default;
};

// Weights are loaded and the input is bound.
struct StageReady {
  Epoch epoch;
  std::uint32_t stage = 0;
  std::string input_address;  // Resolved: what the previous stage connects to.
  std::uint64_t weights_bytes = 0;
  std::uint64_t kv_cache_bytes = 0;
  // With an exchange_address: by rank, where that rank connects; its own is empty.
  std::vector<std::string> exchange_addresses = {};

  friend bool operator==(const StageReady&, const StageReady&) = default;
};

struct StageFailed {
  Epoch epoch;
  std::uint32_t stage = 0;
  Error error;

  friend bool operator==(const StageFailed&, const StageFailed&) = default;
};

// Where the stage sends its output: to each rank of the next stage, or to the batcher. Only rank 0 has any.
struct StageConnect {
  Epoch epoch;
  std::uint32_t stage = 0;
  std::vector<std::string> output_addresses;
  std::vector<std::string> exchange_addresses = {};  // By rank, where it waits for this one's partial results.

  friend bool operator==(const StageConnect&, const StageConnect&) = default;
};

// Drop the stage and its memory; the worker goes on as a standby.
struct StageRelease {
  std::uint32_t stage = 0;

  friend bool operator==(const StageRelease&, const StageRelease&) = default;
};

// Whose connections the stages of a worker take, where links between processes are encrypted. Comes before each
// assignment, and replaces what came before.
struct PeerKey {
  std::string name;  // Of the process: "head", or a worker's.
  std::array<std::uint8_t, 32> public_key{};

  friend bool operator==(const PeerKey&, const PeerKey&) = default;
};
struct PeerKeys {
  std::vector<PeerKey> peers;

  friend bool operator==(const PeerKeys&, const PeerKeys&) = default;
};

using WorkerMessage = std::variant<WorkerHello, StageReady, StageFailed, LoadProgress, StageStats, WorkerLeave>;
using HeadMessage = std::variant<WorkerWelcome, WorkerRefused, StageAssign, StageConnect, StageRelease, PeerKeys>;

}  // namespace sluice
