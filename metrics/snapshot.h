// What the actors of an engine tell of themselves, each once an interval, and the whole of the latest: plain values,
// from which render.h makes metrics, and status_of.h the engine's status. docs/METRICS.md says what each number means.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/id.h"
#include "base/messages/stats.h"
#include "pipeline/membership/engine_status.h"
#include "pipeline/request/ledger.h"
#include "pipeline/request/stream_table.h"
#include "pipeline/route/router.h"
#include "pipeline/schedule/scheduler.h"

namespace sluice::metrics {

// The ends of links that one actor has; the other end's actor is `peer`.
struct LinkOutStats {
  std::string peer;
  LinkSenderStats stats;
};
struct LinkInStats {
  std::string peer;
  LinkReceiverStats stats;
};
struct ActorLinks {
  std::vector<LinkOutStats> out;
  std::vector<LinkInStats> in;
};

// Zeros where nothing is recorded.
struct RecordingCounts {
  bool is_up = false;  // What passes is being written.
  std::uint64_t ingress_total = 0;
  std::uint64_t responses_total = 0;
  std::uint64_t bytes_total = 0;
  std::uint64_t dropped_queue_total = 0;
  std::uint64_t dropped_write_total = 0;
};

struct IngressSnapshot {
  std::uint64_t snapshots_total = 0;  // This one included; so below.
  bool is_up = false;
  LedgerStats ledger;
  std::uint64_t dropped_total = 0;  // Messages beyond the socket's limits.
  std::uint64_t failed_handshakes_total = 0;
  RecordingCounts recording;
  ActorLinks links;
};

struct TokenizerSnapshot {
  std::uint64_t snapshots_total = 0;
  std::uint64_t encoded_total = 0;
  std::uint64_t refused_total = 0;
  std::uint64_t tokens_total = 0;
  std::uint64_t busy_us_total = 0;
  ActorLinks links;
};

struct RouterSnapshot {
  std::uint64_t snapshots_total = 0;
  RouterStats router;
  ActorLinks links;
};

struct BatcherSnapshot {
  std::uint32_t replica = 0;
  std::uint64_t snapshots_total = 0;
  Epoch epoch;
  SchedulerStats scheduler;
  ScheduleCounts counts;
  std::uint32_t sequences_paused = 0;
  std::uint64_t idle_us_total = 0;
  ActorLinks links;
};

struct ResponderSnapshot {
  std::uint64_t snapshots_total = 0;
  StreamTableStats table;
  StreamCounts counts;
  ActorLinks links;
};

// Also sent whenever a status has changed.
struct SupervisorSnapshot {
  std::optional<std::uint64_t> failed_handshakes_total;  // Only where workers register.
  TimePoint taken_at{};
  std::vector<ReplicaStatus> replicas;  // None before it has begun.
  std::vector<StandbyStatus> standbys;
};

// Only where links are encrypted: what became of the keys that were shown, by the kind of link.
struct KeyCounts {
  std::string link;
  std::uint64_t admitted_total = 0;
  std::uint64_t refused_total = 0;
};
struct AuthenticatorSnapshot {
  std::vector<KeyCounts> links;
};

// What does not change while the engine lives.
struct ReplicaFacts {
  std::string batcher;  // Its name: "batcher", or "batcher-1" of several.
  std::uint32_t pipeline_depth = 0;
};
struct StageFacts {
  std::uint32_t replica = 0;
  std::string name;     // "1", or "1.0" for rank 0 of several.
  std::string layers;   // "0-2"
  std::string place;    // "spawn/cpu:0"
  std::string process;  // "head", or the worker's name.
  std::string from;     // Who sends it micro-batches: "batcher", "stage-0".
  std::string to;       // Who gets its output, the first of several ranks; empty: nobody.
};
struct EngineFacts {
  std::string model;        // Name of its directory.
  std::string kernel_path;  // Of all stages.
  std::uint32_t max_requests = 0;
  std::vector<ReplicaFacts> replicas;
  std::vector<StageFacts> stages;  // By number; those of a replica stand together.
};

// Absent: the actor has not reported yet, or there is none (the router). batchers, stages: as many as in the facts.
struct EngineSnapshot {
  EngineFacts facts;
  ProcessUsage head;
  std::optional<IngressSnapshot> ingress;
  std::optional<TokenizerSnapshot> tokenizer;
  std::optional<RouterSnapshot> router;
  std::vector<std::optional<BatcherSnapshot>> batchers;
  std::optional<ResponderSnapshot> responder;
  std::optional<SupervisorSnapshot> supervisor;
  std::optional<AuthenticatorSnapshot> authenticator;
  std::vector<std::optional<StageStats>> stages;
};

}  // namespace sluice::metrics
