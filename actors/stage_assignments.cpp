#include "actors/stage_assignments.h"

#include "base/check.h"

namespace sluice::actors {

namespace {

using topology::Host;
using topology::LinkTransport;
using topology::Plan;
using Ranks = std::span<const topology::StagePlan>;  // Of one stage.

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

// Of the links between ranks, which are all of the slowest kind that any two of them need.
std::string exchange_address(const Plan& plan, Ranks ranks, const topology::StagePlan& rank,
                             const std::string& directory) {
  if (rank.shard.is_whole() || meet_in_memory(ranks)) return {};
  LinkTransport slowest = LinkTransport::kIpc;
  for (const topology::StagePlan& a : ranks) {
    for (const topology::StagePlan& b : ranks) {
      if (a.shard.rank == b.shard.rank) continue;
      if (transport_into(plan, actor_name(b), actor_name(a)) == LinkTransport::kTcp) slowest = LinkTransport::kTcp;
    }
  }
  return bind_address(slowest, directory, "exchange-" + name_of(rank) + "-{peer}-epoch-{epoch}");
}

StageAssign make_assign(const Plan& plan, const topology::ReplicaPlan& replica, const topology::StagePlan& stage,
                        const std::string& kernel_path) {
  StageAssign assign;
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
  assign.num_blocks = replica.num_blocks;
  assign.max_batch_tokens = plan.topology.batcher.max_batch_tokens;
  assign.weights = plan.topology.model.weights;
  assign.mock = replica.mock;
  assign.links = plan.topology.links.settings();
  if (plan.topology.metrics.is_on()) assign.report_interval_ms = plan.topology.metrics.interval_ms;
  return assign;
}

}  // namespace

std::vector<SupervisedStage> make_stages(const Plan& plan, const std::string& kernel_path,
                                         const std::string& directory) {
  std::vector<SupervisedStage> stages;
  for (const topology::ReplicaPlan& replica : plan.replicas) {
    std::string from = batcher_name(plan, replica.replica);  // Or rank 0 of the stage before.
    for (const Ranks ranks : replica.ranks_by_stage()) {
      for (const topology::StagePlan& rank : ranks) {
        SupervisedStage supervised;
        const WorkerKind kind = kind_of(rank.place.host.kind);
        const std::string worker = kind == WorkerKind::kHead ? "head" : rank.worker;
        supervised.place = {worker, kind, rank.first_layer, rank.num_layers, rank.stage, rank.shard};
        supervised.replica = replica.replica;
        supervised.assign = make_assign(plan, replica, rank, kernel_path);
        supervised.assign.stage = static_cast<std::uint32_t>(stages.size());
        supervised.assign.num_stages = plan.num_ranks();
        supervised.weights_bytes = rank.weights_bytes;
        supervised.assign.input_address = bind_address(transport_into(plan, actor_name(rank), from), directory,
                                                       "stage-" + name_of(rank) + "-epoch-{epoch}");
        supervised.assign.exchange_address = exchange_address(plan, ranks, rank, directory);
        stages.push_back(std::move(supervised));
      }
      from = actor_name(ranks.front());
    }
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

std::string results_bind_address(const Plan& plan, std::uint32_t replica, const std::string& directory) {
  const std::string last = actor_name(plan.replicas[replica].ranks_by_stage().back().front());
  return bind_address(transport_into(plan, batcher_name(plan, replica), last), directory,
                      "results-" + std::to_string(replica));
}

std::string control_bind_address(const Plan& plan, const std::string& directory) {
  if (!plan.needs_workers()) return {};
  if (plan.waits_for_workers()) return plan.topology.supervisor.bind;
  const bool is_tcp = plan.topology.links.transport == topology::LinksTopology::Transport::kTcp;
  return bind_address(is_tcp ? LinkTransport::kTcp : LinkTransport::kIpc, directory, "control");
}

}  // namespace sluice::actors
