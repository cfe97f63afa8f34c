// What a topology resolves to for one model: stages with their memory, KV blocks, links with their windows. The engine
// is built from a Plan, and `sluice plan` prints it; what is refused here never starts.
//
// Owns:       values only.
// Units:      as the names say; a block holds batcher.block_tokens token slots of every layer.
// Errors:     kInvalidConfig, saying what cannot run and why.
// Invariant:  the stages cover the model's layers exactly once, in order; every rank has num_blocks KV blocks.
#pragma once

#include <cstdint>
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
  std::uint32_t stage = 0;  // Index in the pipeline.
  Shard shard;
  std::uint32_t first_layer = 0;
  std::uint32_t num_layers = 0;
  RankPlace place;
  // The name under which the rank's process registers; spawned ones without a name are called "stage-N", or "stage-N-R"
  // where a stage has several ranks. Empty in the head. Ranks with the same name share the process.
  std::string worker;
  std::uint32_t threads = 1;
  std::uint64_t weights_bytes = 0;
  std::uint64_t kv_cache_bytes = 0;  // num_blocks blocks of this rank's layers and heads.

  friend bool operator==(const StagePlan&, const StagePlan&) = default;
};
// "1", or "1.0" for a rank of several.
std::string name_of(const StagePlan& stage);

enum class LinkTransport : std::uint8_t { kInproc, kIpc, kTcp };
std::string_view to_string(LinkTransport transport);

// A one-way link between two actors, named as in docs/ARCHITECTURE.md: "batcher", "stage 0", "stage 1.0", ...
struct LinkPlan {
  std::string from;
  std::string to;
  LinkTransport transport = LinkTransport::kInproc;
  LinkWindow window;

  friend bool operator==(const LinkPlan&, const LinkPlan&) = default;
};

struct Plan {
  Topology topology;
  ModelConfig model;
  std::uint32_t pipeline_depth = 1;  // Micro-batches in flight: one per stage.
  std::uint32_t context_tokens = 0;
  std::uint32_t num_blocks = 0;   // The same on every stage.
  std::vector<StagePlan> stages;  // In order, the ranks of each in order.
  std::vector<LinkPlan> links;
  std::vector<std::string> notes;  // What runs, but perhaps not as expected.

  // Whether any stage runs outside the head, so that the supervisor has to listen for workers.
  bool needs_workers() const;
  // Whether the ranks of `stage`'s stage, which are several, meet in the memory of one process rather than over links.
  bool meets_in_memory(const StagePlan& stage) const;
  // Whether any of those starts by itself and registers at supervisor.bind; spawned ones are told where.
  bool waits_for_workers() const;
};

// The budget kv_cache is that of one device in one process: stages that share both share it by their layers, and the
// place that holds the fewest blocks decides for all. Links whose ends are in one process are inproc://; those of
// spawned processes travel as [links] says, those of other workers by tcp.
Result<Plan> make_plan(const Topology& topology, const ModelConfig& model);

// Tables for people, ending in a newline. The same plan gives the same text.
std::string render_plan(const Plan& plan);

}  // namespace sluice::topology
