// What a topology resolves to for one model: stages with their memory, KV blocks, links with their windows. The engine
// is built from a Plan, and `sluice plan` prints it; what is refused here never starts.
//
// Owns:       values only.
// Units:      as the names say; a block holds batcher.block_tokens token slots of every layer.
// Errors:     kInvalidConfig, saying what cannot run and why.
// Invariant:  a replica's stages cover the model's layers exactly once, in order; each rank has the replica's
//             num_blocks KV blocks. Stages are numbered through all replicas (docs/decisions/0017).
#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "pipeline/model/model_config.h"
#include "pipeline/model/shard.h"
#include "pipeline/topology/topology.h"

namespace sluice::topology {

// One rank of a stage.
struct StagePlan {
  std::uint32_t stage = 0;  // Its number.
  Shard shard;
  std::uint32_t first_layer = 0;
  std::uint32_t num_layers = 0;
  RankPlace place;
  // The name under which the rank's process registers; spawned ones without a name are called "stage-N", or "stage-N-R"
  // where a stage has several ranks, those with a name "replica-R-NAME" where there are several replicas. Empty in the
  // head and on any worker. Ranks with the same name share the process.
  std::string worker;
  std::uint32_t threads = 1;
  std::uint64_t weights_bytes = 0;
  std::uint64_t kv_cache_bytes = 0;  // num_blocks blocks of this rank's layers and heads.

  friend bool operator==(const StagePlan&, const StagePlan&) = default;
};
// "1", or "1.0" for a rank of several.
std::string name_of(const StagePlan& stage);
// Who runs the rank: "head", the worker's name, or "any:1.0" where it is on any worker, which runs nothing else.
std::string process_of(const StagePlan& stage);
// Whether the ranks of a stage meet in the memory of one process rather than over links.
bool meet_in_memory(std::span<const StagePlan> ranks);

enum class LinkTransport : std::uint8_t { kInproc, kIpc, kTcp };
std::string_view to_string(LinkTransport transport);

// A whole pipeline behind its batcher.
struct ReplicaPlan {
  std::uint32_t replica = 0;
  std::uint32_t weight = 1;
  MockCosts mock;
  std::uint32_t pipeline_depth = 1;  // Micro-batches in flight: one per stage.
  std::uint32_t num_blocks = 0;      // The same on every stage.
  std::vector<StagePlan> stages;     // In order, the ranks of each in order.

  // The ranks of each stage, rank 0 first. Views of `stages`.
  std::vector<std::span<const StagePlan>> ranks_by_stage() const;

  friend bool operator==(const ReplicaPlan&, const ReplicaPlan&) = default;
};

// A one-way link between two actors, named as in docs/ARCHITECTURE.md: "batcher", "stage 0", "stage 1.0", ...; of
// several replicas "batcher 0", "batcher 1", ...
struct LinkPlan {
  std::string from;
  std::string to;
  LinkTransport transport = LinkTransport::kInproc;
  LinkWindow window;
  bool is_remote = false;  // Between hosts, perhaps.
  bool is_encrypted = false;

  friend bool operator==(const LinkPlan&, const LinkPlan&) = default;
};

struct Plan {
  Topology topology;
  ModelConfig model;
  std::uint32_t context_tokens = 0;
  std::vector<ReplicaPlan> replicas;  // 1 or more; of several there is a router.
  std::vector<LinkPlan> links;
  std::vector<std::string> notes;  // What runs, but perhaps not as expected.

  bool has_router() const { return replicas.size() > 1; }
  std::uint32_t num_ranks() const;  // Of all stages of all replicas.
  // Whether any stage runs outside the head, so that the supervisor has to listen for workers.
  bool needs_workers() const;
  // The names of the processes that the head starts.
  std::set<std::string> spawned_workers() const;
  // Whether any of those starts by itself and registers at supervisor.bind; spawned ones are told where.
  bool waits_for_workers() const;
  // Whether workers register over an encrypted link: spawned ones have keys then, too.
  bool encrypts_control() const;
  // Where this process and those that it starts bind links that another host has to reach.
  std::string host_for_links() const;
};

// Of a replica's batcher: "batcher", or "batcher 1" of several.
std::string batcher_name(const Plan& plan, std::uint32_t replica);

// The budget kv_cache is that of one device in one process: stages that share both, also of several replicas, share it
// by their layers, and the place that holds the fewest blocks decides for the whole replica. Links whose ends are in one process are inproc://; those of
// spawned processes travel as [links] says, those of other workers by tcp.
Result<Plan> make_plan(const Topology& topology, const ModelConfig& model);

// Tables for people, ending in a newline. The same plan gives the same text.
std::string render_plan(const Plan& plan);

}  // namespace sluice::topology
