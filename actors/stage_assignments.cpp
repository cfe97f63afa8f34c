#include "actors/stage_assignments.h"

#include <algorithm>

#include "base/check.h"

namespace sluice::actors {

namespace {

using topology::Host;
using topology::LinkTransport;
using topology::Plan;

WorkerKind kind_of(Host::Kind kind) {
  switch (kind) {
    case Host::Kind::kHead: return WorkerKind::kHead;
    case Host::Kind::kSpawn: return WorkerKind::kSpawned;
    case Host::Kind::kWorker:
    case Host::Kind::kAny: return WorkerKind::kNamed;
  }
  return WorkerKind::kNamed;
}

LinkTransport transport_into(const Plan& plan, const std::string& to, const std::string& from) {
  for (const topology::LinkPlan& link : plan.links) {
    if (link.to == to && link.from == from) return link.transport;
  }
  check_failed(__FILE__, __LINE__, "the plan names every link", from + " to " + to);
}

std::string bind_address(LinkTransport transport, const std::string& directory, const std::string& name) {
  switch (transport) {
    case LinkTransport::kInproc: return "inproc://" + name;
    case LinkTransport::kIpc: return "ipc://" + directory + "/" + name;
    case LinkTransport::kTcp: return "tcp://127.0.0.1:*";
  }
  return {};
}

std::string actor_name(const topology::StagePlan& stage) {
  return "stage " + name_of(stage);
}

// Rank 0 of the stage before, or the batcher.
std::string sender_to(const Plan& plan, const topology::StagePlan& stage) {
  if (stage.stage == 0) return "batcher";
  return actor_name(*std::ranges::find(plan.stages, stage.stage - 1, &topology::StagePlan::stage));
}

// Of the links between ranks, which are all of the slowest kind that any two of them need.
std::string exchange_address(const Plan& plan, const topology::StagePlan& stage, const std::string& directory) {
  if (stage.shard.is_whole() || plan.meets_in_memory(stage)) return {};
  LinkTransport slowest = LinkTransport::kIpc;
  for (const topology::StagePlan& a : plan.stages) {
    for (const topology::StagePlan& b : plan.stages) {
      if (a.stage != stage.stage || b.stage != stage.stage || a.shard.rank == b.shard.rank) continue;
      if (transport_into(plan, actor_name(b), actor_name(a)) == LinkTransport::kTcp) slowest = LinkTransport::kTcp;
    }
  }
  return bind_address(slowest, directory, "exchange-" + name_of(stage) + "-{peer}-epoch-{epoch}");
}

StageAssign make_assign(const Plan& plan, const topology::StagePlan& stage, const std::string& kernel_path) {
  StageAssign assign;
  assign.stage = static_cast<std::uint32_t>(&stage - plan.stages.data());
  assign.num_stages = static_cast<std::uint32_t>(plan.stages.size());
  assign.pipeline_stage = stage.stage;
  assign.rank = stage.shard.rank;
  assign.num_ranks = stage.shard.num_ranks;
  assign.model_path = plan.topology.model.path;
  assign.first_layer = stage.first_layer;
  assign.num_layers = stage.num_layers;
  assign.dtype = plan.topology.model.dtype;
  assign.compute = plan.topology.model.compute;
  assign.kernel_path = kernel_path;
  assign.threads = stage.threads;
  assign.block_tokens = plan.topology.batcher.block_tokens;
  assign.num_blocks = plan.num_blocks;
  assign.max_batch_tokens = plan.topology.batcher.max_batch_tokens;
  assign.weights = plan.topology.model.weights;
  assign.mock = plan.topology.mock;
  assign.links = plan.topology.links.settings();
  if (plan.topology.metrics.is_on()) assign.report_interval_ms = plan.topology.metrics.interval_ms;
  return assign;
}

}  // namespace

std::vector<SupervisedStage> make_stages(const Plan& plan, const std::string& kernel_path,
                                         const std::string& directory) {
  std::vector<SupervisedStage> stages;
  for (const topology::StagePlan& stage : plan.stages) {
    SupervisedStage supervised;
    const WorkerKind kind = kind_of(stage.place.host.kind);
    supervised.place = {kind == WorkerKind::kHead ? "head" : stage.worker,
                        kind,
                        stage.first_layer,
                        stage.num_layers,
                        stage.stage,
                        stage.shard};
    supervised.assign = make_assign(plan, stage, kernel_path);
    supervised.weights_bytes = stage.weights_bytes;
    supervised.assign.input_address = bind_address(transport_into(plan, actor_name(stage), sender_to(plan, stage)),
                                                   directory, "stage-" + name_of(stage) + "-epoch-{epoch}");
    supervised.assign.exchange_address = exchange_address(plan, stage, directory);
    stages.push_back(std::move(supervised));
  }
  return stages;
}

bool can_be_bound_as(const std::string& assigned, const std::string& reported) {
  const bool is_chosen = assigned.starts_with("tcp://") && reported.starts_with("tcp://");
  return is_chosen || reported == assigned;
}

std::string for_peer(std::string exchange_address, std::uint32_t peer) {
  const std::string placeholder = "{peer}";
  if (const auto at = exchange_address.find(placeholder); at != std::string::npos) {
    exchange_address.replace(at, placeholder.size(), std::to_string(peer));
  }
  return exchange_address;
}

std::string results_bind_address(const Plan& plan, const std::string& directory) {
  const auto& last = plan.stages[plan.stages.size() - plan.stages.back().shard.num_ranks];
  return bind_address(transport_into(plan, "batcher", actor_name(last)), directory, "results");
}

std::string control_bind_address(const Plan& plan, const std::string& directory) {
  if (!plan.needs_workers()) return {};
  const bool has_named = std::any_of(plan.stages.begin(), plan.stages.end(), [](const topology::StagePlan& stage) {
    return kind_of(stage.place.host.kind) == WorkerKind::kNamed;
  });
  if (has_named) return plan.topology.supervisor.bind;
  const bool is_tcp = plan.topology.links.transport == topology::LinksTopology::Transport::kTcp;
  return bind_address(is_tcp ? LinkTransport::kTcp : LinkTransport::kIpc, directory, "control");
}

}  // namespace sluice::actors
