#include "pipeline/topology/plan.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <utility>

#include "base/messages/control.h"
#include "pipeline/model/decoder_tensors.h"
#include "pipeline/topology/value_syntax.h"

namespace sluice::topology {
namespace {

constexpr std::size_t kWorkerNameBytesMax = 64;

Error refused(std::string message) {
  return {ErrorCode::kInvalidConfig, std::move(message)};
}

std::string stage_name(std::size_t index) {
  return "stage " + std::to_string(index);
}

// ---- what cannot run ------------------------------------------------------------------------------------------------

Result<void> check_types(const ModelTopology& model) {
  if (model.dtype == DType::kF16 || model.compute == DType::kF16) return refused("f16 is not supported yet");
  if (model.dtype == DType::kF32 && model.compute == DType::kBF16) {
    return refused(
        "weights in f32 with compute in bf16 would round every weight anew for each product: use dtype bf16");
  }
  return {};
}

// A step of a mock that takes longer than the supervisor waits would end each epoch.
Result<void> check_mock(const Topology& topology, const MockCosts& mock) {
  const std::uint64_t step_us = mock.step_us + std::uint64_t{mock.token_us} * topology.batcher.max_batch_tokens;
  const std::uint64_t timeout_us = std::uint64_t{topology.supervisor.stage_step_timeout_ms} * 1000;
  if (step_us < timeout_us) return {};
  return refused("[mock] makes a step of " + std::to_string(topology.batcher.max_batch_tokens) + " tokens take " +
                 std::to_string(step_us) + " us, but stage_step_timeout_ms counts a stage as hung after " +
                 std::to_string(topology.supervisor.stage_step_timeout_ms) + " ms");
}

// Of one replica; `first` is the number of its first stage.
Result<void> check_stage_layers(const std::vector<StageTopology>& stages, std::size_t first, const ModelConfig& model) {
  std::uint64_t next_layer = 0;
  for (std::size_t i = 0; i < stages.size(); ++i) {
    const StageTopology& stage = stages[i];
    const std::string name = stage_name(first + i);
    if (stage.num_layers == 0) return refused(name + " has no layers");
    const std::string layers = " has layers " + layers_to_string(stage.first_layer, stage.num_layers);
    if (stage.first_layer != next_layer) {
      return refused(name + layers + ", but the next layer is " + std::to_string(next_layer));
    }
    next_layer += stage.num_layers;
    if (next_layer > model.num_hidden_layers) {
      return refused(name + layers + ", but the model's last layer is " + std::to_string(model.num_hidden_layers - 1));
    }
  }
  if (next_layer == model.num_hidden_layers) return {};
  const auto covered = static_cast<std::uint32_t>(next_layer);
  return refused("no stage has layers " + layers_to_string(covered, model.num_hidden_layers - covered) +
                 " of the model's " + std::to_string(model.num_hidden_layers));
}

Result<void> check_ranks(const std::vector<StageTopology>& stages, std::size_t first, const ModelConfig& model,
                         ExpertSplit experts) {
  for (std::size_t i = 0; i < stages.size(); ++i) {
    const StageTopology& stage = stages[i];
    const std::string name = stage_name(first + i);
    if (stage.ranks.empty()) return refused(name + " has no rank");
    const Result<void> shared_out = check_shard(model, {0, static_cast<std::uint32_t>(stage.ranks.size()), experts});
    if (!shared_out.ok()) return refused(name + ": " + shared_out.error().message);
    for (const RankPlace& rank : stage.ranks) {
      if (rank.device.kind == Device::Kind::kCpu) continue;
      return refused(name + " is on " + to_string(rank) + ": CUDA devices are not supported yet");
    }
  }
  return {};
}

// A name means one process: it is either spawned by the head or starts by itself, and serves one replica.
Result<void> check_workers(const std::vector<ReplicaPlan>& replicas) {
  struct Use {
    Host::Kind kind;
    std::uint32_t replica;
  };
  std::map<std::string_view, Use> uses;
  for (const ReplicaPlan& replica : replicas) {
    for (const StagePlan& stage : replica.stages) {
      const Host::Kind kind = stage.place.host.kind;
      if (stage.worker.empty()) continue;
      const std::string name = "the worker '" + stage.worker + "'";
      if (stage.worker.size() > kWorkerNameBytesMax) return refused(name + " has too long a name");
      const Use& use = uses.emplace(stage.worker, Use{kind, replica.replica}).first->second;
      if (use.kind != kind) return refused(name + " is spawned for one stage and waited for by another");
      if (use.replica == replica.replica) continue;
      return refused(name + " has stages of replicas " + std::to_string(use.replica) + " and " +
                     std::to_string(replica.replica) + ": a process serves one replica");
    }
  }
  return {};
}

// ---- stages and blocks ----------------------------------------------------------------------------------------------

// The name of a stage's process. `replica` is absent where there is only one.
std::string worker_of(const StagePlan& stage, std::optional<std::uint32_t> replica) {
  const Host& host = stage.place.host;
  if (host.kind != Host::Kind::kSpawn) return host.name;
  if (host.name.empty()) {
    const std::string rank = stage.shard.is_whole() ? "" : "-" + std::to_string(stage.shard.rank);
    return "stage-" + std::to_string(stage.stage) + rank;
  }
  return replica ? "replica-" + std::to_string(*replica) + "-" + host.name : host.name;
}

std::vector<StagePlan> plan_stages(const Topology& topology, const std::vector<StageTopology>& cut, std::uint32_t first,
                                   std::optional<std::uint32_t> replica, const ModelConfig& model) {
  std::vector<StagePlan> stages;
  for (std::size_t i = 0; i < cut.size(); ++i) {
    const StageTopology& stage = cut[i];
    StagePlan plan;
    plan.stage = first + static_cast<std::uint32_t>(i);
    plan.first_layer = stage.first_layer;
    plan.num_layers = stage.num_layers;
    plan.threads = stage.threads;
    const auto num_ranks = static_cast<std::uint32_t>(stage.ranks.size());
    for (std::uint32_t rank = 0; rank < num_ranks; ++rank) {
      plan.shard = {rank, num_ranks, topology.model.experts};
      plan.place = stage.ranks[rank];
      plan.worker = worker_of(plan, replica);
      if (topology.model.weights != WeightsKind::kMock) {
        plan.weights_bytes =
            weights_bytes(model, {stage.first_layer, stage.num_layers, i == 0, i + 1 == cut.size(), plan.shard},
                          topology.model.dtype);
      }
      stages.push_back(plan);
    }
  }
  return stages;
}

// Device memory that stages share: one device in one process.
std::string memory_of(const StagePlan& stage) {
  return process_of(stage) + "/" + to_string(stage.place.device);
}

std::uint64_t block_bytes(const Plan& plan, const StagePlan& stage) {
  return kv_bytes_per_token_per_layer(shard_config(plan.model, stage.shard), plan.topology.model.compute) *
         plan.topology.batcher.block_tokens * stage.num_layers;
}

Result<void> plan_blocks(Plan& plan) {
  std::map<std::string, std::uint64_t> block_bytes_by_memory;
  for (const ReplicaPlan& replica : plan.replicas) {
    for (const StagePlan& stage : replica.stages) block_bytes_by_memory[memory_of(stage)] += block_bytes(plan, stage);
  }
  const std::uint64_t budget_bytes = plan.topology.batcher.kv_cache_bytes;
  for (const auto& [memory, bytes] : block_bytes_by_memory) {
    if (bytes <= budget_bytes) continue;
    return refused("kv_cache is " + std::to_string(budget_bytes) + " bytes, but one block of " +
                   std::to_string(plan.topology.batcher.block_tokens) + " tokens takes " + std::to_string(bytes) +
                   " bytes on " + memory);
  }
  for (ReplicaPlan& replica : plan.replicas) {
    std::uint64_t num_blocks = std::numeric_limits<std::uint32_t>::max();
    for (const StagePlan& stage : replica.stages) {
      num_blocks = std::min(num_blocks, budget_bytes / block_bytes_by_memory[memory_of(stage)]);
    }
    replica.num_blocks = static_cast<std::uint32_t>(num_blocks);
    for (StagePlan& stage : replica.stages) stage.kv_cache_bytes = num_blocks * block_bytes(plan, stage);
  }
  return {};
}

// ---- links ----------------------------------------------------------------------------------------------------------

// One end of a link between processes; the batcher's is the head.
struct LinkEnd {
  std::string name;
  std::string process = "head";
  bool is_remote = false;  // Perhaps on another host.
};

LinkEnd end_of(const StagePlan& stage) {
  const Host::Kind kind = stage.place.host.kind;
  return {"stage " + name_of(stage), process_of(stage), kind == Host::Kind::kWorker || kind == Host::Kind::kAny};
}

LinkTransport transport_between(const LinksTopology& links, const LinkEnd& a, const LinkEnd& b) {
  if (a.process == b.process) return LinkTransport::kInproc;
  if (a.is_remote || b.is_remote) return LinkTransport::kTcp;
  return links.transport == LinksTopology::Transport::kIpc ? LinkTransport::kIpc : LinkTransport::kTcp;
}

bool is_encrypted(const SecurityTopology& security, const LinkPlan& link) {
  if (!security.is_on() || link.transport == LinkTransport::kInproc) return false;
  return security.local || (link.is_remote && security.stages);
}

// In the order of a request's way; see base/messages/pipeline.h.
std::vector<LinkPlan> plan_links(const Plan& plan) {
  std::vector<LinkPlan> links;
  const auto add = [&](const LinkEnd& from, const LinkEnd& to) {
    const LinksTopology& settings = plan.topology.links;
    LinkPlan link{from.name, to.name, transport_between(settings, from, to), settings.window()};
    link.is_remote = link.transport == LinkTransport::kTcp && (from.is_remote || to.is_remote);
    link.is_encrypted = is_encrypted(plan.topology.security, link);
    links.push_back(std::move(link));
  };
  add({"ingress"}, {"tokenizer"});
  add({"ingress"}, {"responder"});
  add({"tokenizer"}, {plan.has_router() ? "router" : "batcher"});
  add({"tokenizer"}, {"responder"});
  for (const ReplicaPlan& replica : plan.replicas) {
    const LinkEnd batcher = {batcher_name(plan, replica.replica)};
    if (plan.has_router()) add({"router"}, batcher);
    LinkEnd from = batcher;  // Or rank 0 of the stage before.
    for (const std::span<const StagePlan> ranks : replica.ranks_by_stage()) {
      for (const StagePlan& rank : ranks) add(from, end_of(rank));
      if (!meet_in_memory(ranks)) {
        for (const StagePlan& a : ranks) {
          for (const StagePlan& b : ranks) {
            if (a.shard.rank != b.shard.rank) add(end_of(a), end_of(b));
          }
        }
      }
      from = end_of(ranks.front());
    }
    add(from, batcher);
    if (plan.has_router()) add(batcher, {"router"});
    add(batcher, {"responder"});
    add({"responder"}, batcher);
  }
  add({"responder"}, {"ingress"});
  return links;
}

// The largest StageBatch, hidden states apart: a full micro-batch whose every sequence is new and asks for all that a
// request may ask for. Nothing that clients send may make a message that no link takes.
std::uint64_t largest_metadata_bytes(const Plan& plan) {
  constexpr std::uint64_t kFramingBytes = 64 << 10;
  constexpr std::uint64_t kEntryBytes = 64;
  constexpr std::uint64_t kOpeningBytes = 256 + 1024 * 8;  // With all the logit biases that a request may have.
  constexpr std::uint64_t kClosedBytes = 8;
  constexpr std::uint64_t kHistoryTokens = 1u << 20;  // SchedulerConfig::max_history_tokens, unless one alone has more.
  const BatcherTopology& batcher = plan.topology.batcher;
  const std::uint64_t tokens = batcher.max_batch_tokens;
  const std::uint64_t entries = std::min<std::uint64_t>(batcher.max_sequences, tokens);
  const std::uint64_t closed = std::uint64_t{batcher.max_sequences} + plan.topology.ingress.max_requests;
  const std::uint64_t table_blocks = plan.context_tokens / batcher.block_tokens + 1;
  const std::uint64_t history_tokens =
      std::max<std::uint64_t>(std::min(kHistoryTokens, entries * plan.context_tokens), plan.context_tokens);
  return (tokens + history_tokens) * sizeof(TokenId) +
         entries * (table_blocks * sizeof(BlockId) + kEntryBytes + kOpeningBytes) + closed * kClosedBytes +
         kFramingBytes;
}

Result<void> check_windows(const Plan& plan) {
  constexpr std::uint64_t kMetadataBytesMax = 64 << 20;  // What a decoder takes (transport/codec/decode_limits.h).
  const std::uint64_t metadata_bytes = largest_metadata_bytes(plan);
  if (metadata_bytes > kMetadataBytesMax) {
    return refused("a micro-batch of " + std::to_string(plan.topology.batcher.max_sequences) +
                   " sequences takes up to " + std::to_string(metadata_bytes) +
                   " bytes beside its hidden states, limit " + std::to_string(kMetadataBytesMax) +
                   ": lower max_sequences or max_batch_tokens");
  }
  const std::uint64_t tokens = plan.topology.batcher.max_batch_tokens;
  const std::uint64_t largest_bytes = tokens * plan.model.hidden_size * sizeof(float) + metadata_bytes;
  if (plan.topology.links.window_bytes >= largest_bytes) return {};
  return refused("links' window_bytes is " + std::to_string(plan.topology.links.window_bytes) +
                 ", but a micro-batch of " + std::to_string(plan.topology.batcher.max_batch_tokens) +
                 " tokens takes up to " + std::to_string(largest_bytes) +
                 " bytes: raise it, or lower max_batch_tokens");
}

// ---- notes ----------------------------------------------------------------------------------------------------------

void add_notes(const Plan& plan, const ReplicaPlan& replica, std::vector<std::string>& notes) {
  const BatcherTopology& batcher = plan.topology.batcher;
  const std::string whose = plan.has_router() ? "replica " + std::to_string(replica.replica) + ": " : "";
  const std::uint64_t kv_tokens = std::uint64_t{replica.num_blocks} * batcher.block_tokens;
  if (kv_tokens < plan.context_tokens) {
    notes.push_back(whose + "the KV cache holds " + std::to_string(kv_tokens) + " tokens, less than one context of " +
                    std::to_string(plan.context_tokens) + ": longer sequences fail with out_of_blocks");
  }
  const std::uint64_t decodes_per_step = (batcher.max_sequences + replica.pipeline_depth - 1) / replica.pipeline_depth;
  if (batcher.max_batch_tokens < decodes_per_step) {
    notes.push_back(whose + "max_batch_tokens (" + std::to_string(batcher.max_batch_tokens) + ") is less than the " +
                    std::to_string(decodes_per_step) + " sequences that a step could decode: they take turns");
  }
  std::set<std::string> waited_for;
  for (const StagePlan& stage : replica.stages) {
    const bool is_any = stage.place.host.kind == Host::Kind::kAny;
    const bool is_named = stage.place.host.kind == Host::Kind::kWorker && waited_for.insert(stage.worker).second;
    if (!is_any && !is_named) continue;
    const std::string name = is_any ? "NAME" : stage.worker;
    notes.push_back("stage " + name_of(stage) + (is_any ? " waits for any" : " waits for") +
                    ": sluice worker --connect " + plan.topology.supervisor.bind + " --name " + name +
                    (plan.encrypts_control() ? " --key " + name + ".key --head-key HEAD.pub" : ""));
  }
}

void note_wide_binds(const Plan& plan, std::vector<std::string>& notes) {
  const auto note = [&](const std::string& what, const std::string& address, bool is_encrypted) {
    if (is_encrypted || !is_beyond_loopback(address)) return;
    notes.push_back(what + " " + address +
                    " is beyond loopback and has no keys: serve refuses it but for --insecure (docs/SECURITY.md)");
  };
  const SecurityTopology& security = plan.topology.security;
  note("[ingress] bind", plan.topology.ingress.bind, security.is_on() && security.ingress);
  if (plan.waits_for_workers()) note("[supervisor] bind", plan.topology.supervisor.bind, plan.encrypts_control());
}

std::vector<std::string> make_notes(const Plan& plan) {
  std::vector<std::string> notes;
  const BatcherTopology& batcher = plan.topology.batcher;
  if (plan.topology.model.weights == WeightsKind::kRandom) {
    notes.push_back("the weights are drawn at random: the output means nothing");
  } else if (plan.topology.model.weights == WeightsKind::kMock) {
    notes.push_back("the model is a mock: known tokens, no weights; KV blocks are counted, not allocated");
  }
  for (const ReplicaPlan& replica : plan.replicas) add_notes(plan, replica, notes);
  if (plan.has_router() && plan.topology.router.policy == RoutePolicy::kPrefixAffinity && !batcher.prefix_cache) {
    notes.push_back("prefix_affinity without prefix_cache: replicas reuse nothing of what the router sends together");
  }
  note_wide_binds(plan, notes);
  return notes;
}

template <class Predicate>
bool has_stage(const Plan& plan, const Predicate& predicate) {
  return std::any_of(plan.replicas.begin(), plan.replicas.end(), [&](const ReplicaPlan& replica) {
    return std::any_of(replica.stages.begin(), replica.stages.end(), predicate);
  });
}

Result<std::vector<ReplicaPlan>> plan_replicas(const Topology& topology, const ModelConfig& model) {
  const std::vector<ReplicaTopology> wanted = topology.all_replicas();
  std::vector<ReplicaPlan> replicas;
  std::uint32_t first_stage = 0;
  for (std::uint32_t i = 0; i < wanted.size(); ++i) {
    const ReplicaTopology& replica = wanted[i];
    const MockCosts mock = replica.mock.value_or(topology.mock);
    if (Result<void> checked = check_mock(topology, mock); !checked.ok()) return checked.error();
    if (Result<void> layers = check_stage_layers(replica.stages, first_stage, model); !layers.ok())
      return layers.error();
    if (Result<void> ranks = check_ranks(replica.stages, first_stage, model, topology.model.experts); !ranks.ok()) {
      return ranks.error();
    }
    const auto number = wanted.size() > 1 ? std::optional(i) : std::nullopt;
    const auto depth = static_cast<std::uint32_t>(replica.stages.size());
    replicas.push_back(
        {i, replica.weight, mock, depth, 0, plan_stages(topology, replica.stages, first_stage, number, model)});
    first_stage += depth;
  }
  std::size_t num_ranks = 0;
  for (const ReplicaPlan& replica : replicas) num_ranks += replica.stages.size();
  if (num_ranks <= kPlanRanksMax) return replicas;
  return refused("the replicas have " + std::to_string(num_ranks) + " ranks, limit " + std::to_string(kPlanRanksMax));
}

}  // namespace

std::string_view to_string(LinkTransport transport) {
  switch (transport) {
    case LinkTransport::kInproc: return "inproc";
    case LinkTransport::kIpc: return "ipc";
    case LinkTransport::kTcp: return "tcp";
  }
  return "unknown";
}

std::string name_of(const StagePlan& stage) {
  const std::string number = std::to_string(stage.stage);
  return stage.shard.is_whole() ? number : number + "." + std::to_string(stage.shard.rank);
}

std::string process_of(const StagePlan& stage) {
  if (stage.place.host.kind == Host::Kind::kAny) return "any:" + name_of(stage);
  return stage.worker.empty() ? "head" : stage.worker;
}

bool meet_in_memory(std::span<const StagePlan> ranks) {
  return std::ranges::all_of(ranks, [&](const StagePlan& rank) { return process_of(rank) == process_of(ranks[0]); });
}

std::vector<std::span<const StagePlan>> ReplicaPlan::ranks_by_stage() const {
  std::vector<std::span<const StagePlan>> ranks;
  for (std::size_t first = 0; first < stages.size(); first += stages[first].shard.num_ranks) {
    ranks.emplace_back(stages.data() + first, stages[first].shard.num_ranks);
  }
  return ranks;
}

std::string batcher_name(const Plan& plan, std::uint32_t replica) {
  return plan.has_router() ? "batcher " + std::to_string(replica) : "batcher";
}

std::uint32_t Plan::num_ranks() const {
  std::size_t count = 0;
  for (const ReplicaPlan& replica : replicas) count += replica.stages.size();
  return static_cast<std::uint32_t>(count);
}

bool Plan::waits_for_workers() const {
  return has_stage(*this, [](const StagePlan& stage) {
    return stage.place.host.kind == Host::Kind::kWorker || stage.place.host.kind == Host::Kind::kAny;
  });
}

std::set<std::string> Plan::spawned_workers() const {
  std::set<std::string> names;
  for (const ReplicaPlan& replica : replicas) {
    for (const StagePlan& stage : replica.stages) {
      if (stage.place.host.kind == Host::Kind::kSpawn) names.insert(stage.worker);
    }
  }
  return names;
}

bool Plan::encrypts_control() const {
  const SecurityTopology& security = topology.security;
  return security.is_on() && needs_workers() && security.control && (waits_for_workers() || security.local);
}

std::string Plan::host_for_links() const {
  const std::string_view host = tcp_host(topology.supervisor.bind);
  return waits_for_workers() && !host.empty() ? std::string(host) : "127.0.0.1";
}

bool Plan::needs_workers() const {
  return has_stage(*this, [](const StagePlan& stage) { return stage.place.host.kind != Host::Kind::kHead; });
}

Result<Plan> make_plan(const Topology& topology, const ModelConfig& model) {
  if (Result<void> types = check_types(topology.model); !types.ok()) return types.error();
  Result<std::vector<ReplicaPlan>> replicas = plan_replicas(topology, model);
  if (!replicas.ok()) return std::move(replicas).error();

  Plan plan;
  plan.topology = topology;
  plan.model = model;
  plan.context_tokens = model.max_position_embeddings;
  plan.replicas = std::move(*replicas);
  plan.links = plan_links(plan);
  if (Result<void> workers = check_workers(plan.replicas); !workers.ok()) return workers.error();
  if (Result<void> blocks = plan_blocks(plan); !blocks.ok()) return blocks.error();
  if (Result<void> windows = check_windows(plan); !windows.ok()) return windows.error();
  plan.notes = make_notes(plan);
  return plan;
}

}  // namespace sluice::topology
