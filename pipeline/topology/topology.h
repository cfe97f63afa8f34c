// What a topology file says, checked and frozen: which layers run where, and the limits of the engine around them.
//
// Made by parse_topology() (pipeline/topology/topology_parser.h), which checks each value by itself; make_plan()
// (pipeline/topology/plan.h) then checks it against a model. Defaults are those of a file that leaves the key out.
// Owns:    nothing but values. Any thread may use its own copy.
// Units:   as the names say; tokens and blocks are counts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/dtype.h"
#include "base/expert_split.h"
#include "base/messages/control.h"
#include "base/mock_model.h"
#include "base/weights_kind.h"
#include "pipeline/route/route_policy.h"

namespace sluice::topology {

// [model]
struct ModelTopology {
  std::string path;              // Of the model directory, as resolved by load_topology().
  DType dtype = DType::kBF16;    // Of the weights in memory: f32 or bf16.
  DType compute = DType::kBF16;  // Of activations entering a product, and of the KV cache: f32 or bf16.
  WeightsKind weights = WeightsKind::kFile;
  ExpertSplit experts = ExpertSplit::kByWidth;  // Of a mixture, between the ranks of a stage.

  friend bool operator==(const ModelTopology&, const ModelTopology&) = default;
};

// [ingress]
struct IngressTopology {
  std::string bind = "tcp://127.0.0.1:5555";     // "tcp://HOST:PORT" ("*": any free port) or "ipc://PATH".
  std::uint32_t max_requests = 256;              // Admission credits: requests in the engine at a time.
  std::uint64_t max_queued_prompt_tokens = 0;    // Of requests without output; 0: 4096 for each of max_requests.
  std::uint32_t client_window_tokens = 512;      // Computed ahead of a client that grants no credit.
  std::uint32_t message_bytes_max = 1u << 20;    // Larger messages of a client are refused.
  std::uint32_t garbage_messages_max = 1'000;    // Of a connection, more than good ones: then nothing of it is read.
  std::uint32_t finished_count_max = 256;        // Finished results kept for Attach: at most so many,
  std::uint64_t finished_bytes_max = 16u << 20;  // of so many bytes together,
  std::uint32_t finished_keep_ms = 60'000;       // and for so long.
  std::uint32_t session_idle_ms = 60'000;        // A session without connections and requests is forgotten.

  friend bool operator==(const IngressTopology&, const IngressTopology&) = default;
};

// [batcher]
struct BatcherTopology {
  std::uint32_t max_batch_tokens = 2048;      // Of one micro-batch.
  std::uint32_t max_sequences = 64;           // Running at a time.
  std::uint32_t block_tokens = 16;            // A power of two.
  std::uint64_t kv_cache_bytes = 256u << 20;  // Of one device in one process; stages that share it share this.
  std::uint32_t ageing_ms = 1000;             // Waiting for so long makes up for one level of priority.
  bool prefix_cache = true;                   // Whether requests reuse the KV blocks of others of their tenant.

  friend bool operator==(const BatcherTopology&, const BatcherTopology&) = default;
};

// The process that a rank runs in.
struct Host {
  enum class Kind : std::uint8_t {
    kHead,    // "head": this process.
    kSpawn,   // "spawn" or "spawn:NAME": a process that the head starts on this machine.
    kWorker,  // The name of a worker that registers with the head.
    kAny,     // "any": whichever worker is free.
  };

  Kind kind = Kind::kHead;
  std::string name;  // Of a worker, or of spawn:NAME; else empty. [a-z0-9-], 1 to 64 characters.

  friend bool operator==(const Host&, const Host&) = default;
};

struct Device {
  enum class Kind : std::uint8_t { kCpu, kCuda };

  Kind kind = Kind::kCpu;
  std::uint32_t index = 0;

  friend bool operator==(const Device&, const Device&) = default;
};

// "HOST/DEVICE", for instance "head/cpu:0".
struct RankPlace {
  Host host;
  Device device;

  friend bool operator==(const RankPlace&, const RankPlace&) = default;
};

// One [[stage]]: layers [first_layer, first_layer + num_layers).
struct StageTopology {
  std::uint32_t first_layer = 0;
  std::uint32_t num_layers = 0;  // 1 or more.
  std::vector<RankPlace> ranks;  // 1 or more; several: tensor parallel.
  std::uint32_t threads = 1;

  friend bool operator==(const StageTopology&, const StageTopology&) = default;
};

// One [[replica]]: a whole pipeline.
struct ReplicaTopology {
  std::vector<StageTopology> stages;  // As Topology::stages.
  std::uint32_t weight = 1;           // It takes so many times the load of a replica of weight 1.
  std::optional<MockCosts> mock;      // [replica.mock], in place of [mock].

  friend bool operator==(const ReplicaTopology&, const ReplicaTopology&) = default;
};

// [router]: there is one if there are several replicas.
struct RouterTopology {
  RoutePolicy policy = RoutePolicy::kLeastLoaded;
  double alpha = 0.6;                    // Of a replica's recent latency in its load,
  double beta = 0.4;                     // and of its queue.
  std::uint32_t overload_sequences = 0;  // For each unit of weight; from so many on affinity yields. 0: max_sequences.

  friend bool operator==(const RouterTopology&, const RouterTopology&) = default;
};

// [kernels]
struct KernelsTopology {
  std::string path = "auto";  // "auto", "avx512", "avx2" or "scalar".
  bool deterministic = true;

  friend bool operator==(const KernelsTopology&, const KernelsTopology&) = default;
};

// [links]
struct LinksTopology {
  enum class Transport : std::uint8_t { kIpc, kTcp };

  Transport transport = Transport::kIpc;   // To and from spawned processes; named workers are reached by tcp.
  std::uint32_t window_messages = 64;      // Credits of each link between our own actors.
  std::uint64_t window_bytes = 64u << 20;  // Holds the largest micro-batch's hidden states (make_plan checks).
  std::uint32_t heartbeat_ms = 250;
  std::uint32_t timeout_ms = 2000;  // Silence after which a peer counts as lost; > 2 heartbeats.
  std::string directory;            // Of ipc:// sockets; empty: a fresh folder of the engine's own.

  LinkWindow window() const { return {window_messages, window_bytes}; }
  LinkSettings settings() const { return {window(), heartbeat_ms, timeout_ms}; }

  friend bool operator==(const LinksTopology&, const LinksTopology&) = default;
};

// [supervisor]
struct SupervisorTopology {
  std::string bind = "tcp://127.0.0.1:5550";  // Where workers register; as IngressTopology::bind. Only bound if needed.
  std::uint32_t stage_step_timeout_ms = 30'000;   // A stage that answers no step for so long counts as hung.
  std::uint32_t stage_load_timeout_ms = 300'000;  // From assignment to ready, without progress.

  friend bool operator==(const SupervisorTopology&, const SupervisorTopology&) = default;
};

// [metrics]
struct MetricsTopology {
  std::string bind = "http://127.0.0.1:9464";  // "http://LOOPBACK:PORT" ("*": any free port), or "off".
  std::uint32_t interval_ms = 1000;            // How often every actor tells its counts.

  bool is_on() const { return bind != "off"; }

  friend bool operator==(const MetricsTopology&, const MetricsTopology&) = default;
};

// [record]
struct RecordTopology {
  std::string path;  // A file that is not there yet, or a folder; empty: nothing is recorded.
  bool ingress = true;
  bool responses = true;
  std::uint64_t file_bytes_max = std::uint64_t{64} << 30;

  bool is_on() const { return !path.empty(); }

  friend bool operator==(const RecordTopology&, const RecordTopology&) = default;
};

// [security]
struct SecurityTopology {
  std::string key;    // File of the head's own secret key; empty: nothing is encrypted.
  std::string allow;  // File of the keys that may connect.
  bool ingress = true;
  bool control = true;
  bool stages = true;  // Data between hosts; needs control, over which the keys travel.
  bool local = false;  // Also what stays on this machine ("all").

  bool is_on() const { return !key.empty(); }

  friend bool operator==(const SecurityTopology&, const SecurityTopology&) = default;
};

struct Topology {
  ModelTopology model;
  MockCosts mock;  // [mock]: what a step takes on each stage, with weights = "mock".
  IngressTopology ingress;
  BatcherTopology batcher;
  std::vector<StageTopology> stages;      // In order; layers without gap or overlap from layer 0 on. Empty: `replicas`.
  std::uint32_t copies = 1;               // Replicas of `stages`.
  std::vector<ReplicaTopology> replicas;  // [[replica]], in place of `stages`.
  RouterTopology router;
  KernelsTopology kernels;
  LinksTopology links;
  SupervisorTopology supervisor;
  MetricsTopology metrics;
  RecordTopology record;

  // One of those above: what the file's stages stand for, or its replicas.
  std::vector<ReplicaTopology> all_replicas() const;
  SecurityTopology security;

  friend bool operator==(const Topology&, const Topology&) = default;
};

// The spelling of topology files: "head", "spawn:a", "worker-a", "any"; "cpu:0"; "head/cpu:0"; "0-2" or "3".
std::string to_string(const Host& host);
std::string to_string(const Device& device);
std::string to_string(const RankPlace& place);
std::string layers_to_string(std::uint32_t first_layer, std::uint32_t num_layers);

}  // namespace sluice::topology
