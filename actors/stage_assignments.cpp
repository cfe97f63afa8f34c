#include "actors/stage_assignments.h"

#include "base/check.h"
#include "transport/curve/curve_address.h"

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
    case Host::Kind::kWorker: return WorkerKind::kNamed;
    case Host::Kind::kAny: return WorkerKind::kAny;
  }
  return WorkerKind::kNamed;
}

const topology::LinkPlan& link_between(const Plan& plan, const std::string& from, const std::string& to) {
  for (const topology::LinkPlan& link : plan.links) {
    if (link.to == to && link.from == from) return link;
  }
  check_failed(__FILE__, __LINE__, "the plan names every link", from + " to " + to);
}

std::string bind_address(LinkTransport transport, const std::string& directory, const std::string& name,
                         const std::string& host = "127.0.0.1") {
  switch (transport) {
    case LinkTransport::kInproc: return "inproc://" + name;
    case LinkTransport::kIpc: return "ipc://" + directory + "/" + name;
    case LinkTransport::kTcp: return "tcp://" + host + ":*";
  }
  return {};
}

std::string filled_in(std::string address, std::string_view placeholder, std::uint64_t value) {
  if (const auto at = address.find(placeholder); at != std::string::npos) {
    address.replace(at, placeholder.size(), std::to_string(value));
  }
  return address;
}

std::string actor_name(const topology::StagePlan& stage) {
  return "stage " + name_of(stage);
}

// Of a link whose receiver is on this machine (a worker elsewhere puts its own host in the place of 127.0.0.1).
std::string link_address(const Plan& plan, const topology::LinkPlan& link, bool is_here, const std::string& directory,
                         const std::string& name) {
  const std::string host = is_here && link.is_remote ? plan.host_for_links() : "127.0.0.1";
  return transport::bind_address(bind_address(link.transport, directory, name, host), link.is_encrypted);
}

// Of the links into a rank from the others of its stage, which are all of the kind that the furthest of them needs.
std::string exchange_address(const Plan& plan, Ranks ranks, const topology::StagePlan& rank, bool is_here,
                             const std::string& directory) {
  if (rank.shard.is_whole() || meet_in_memory(ranks)) return {};
  const topology::LinkPlan* furthest = nullptr;
  for (const topology::StagePlan& peer : ranks) {
    if (peer.shard.rank == rank.shard.rank) continue;
    const topology::LinkPlan& link = link_between(plan, actor_name(peer), actor_name(rank));
    const auto distance = [](const topology::LinkPlan& one) { return std::pair(one.is_remote, one.transport); };
    if (furthest == nullptr || distance(link) > distance(*furthest)) furthest = &link;
  }
  topology::LinkPlan link = *furthest;
  link.transport = std::max(link.transport, LinkTransport::kIpc);
  return link_address(plan, link, is_here, directory, "exchange-" + name_of(rank) + "-{peer}-epoch-{epoch}");
}

StageAssign make_assign(const Plan& plan, const topology::ReplicaPlan& replica, const topology::StagePlan& stage,
                        const std::string& kernel_path) {
  StageAssign assign;
  assign.pipeline_stage = stage.stage;
  assign.rank = stage.shard.rank;
  assign.num_ranks = stage.shard.num_ranks;
  assign.experts = stage.shard.experts;
  assign.model_path = plan.topology.model.path;
  assign.first_layer = stage.first_layer;
  assign.num_layers = stage.num_layers;
  assign.dtype = plan.topology.model.dtype;
  assign.compute = plan.topology.model.compute;
  assign.kernel_path = kernel_path;
  assign.deterministic = plan.topology.kernels.deterministic;
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
        const bool is_here = kind == WorkerKind::kHead || kind == WorkerKind::kSpawned;
        const std::string worker = kind == WorkerKind::kHead ? "head" : rank.worker;
        supervised.place = {
            worker, kind, rank.first_layer, rank.num_layers, rank.stage, rank.shard, to_string(rank.place.device)};
        supervised.replica = replica.replica;
        supervised.assign = make_assign(plan, replica, rank, kernel_path);
        supervised.assign.stage = static_cast<std::uint32_t>(stages.size());
        supervised.assign.num_stages = plan.num_ranks();
        supervised.weights_bytes = rank.weights_bytes;
        supervised.assign.input_address = link_address(plan, link_between(plan, from, actor_name(rank)), is_here,
                                                       directory, "stage-" + name_of(rank) + "-epoch-{epoch}");
        supervised.assign.exchange_address = exchange_address(plan, ranks, rank, is_here, directory);
        stages.push_back(std::move(supervised));
      }
      from = actor_name(ranks.front());
    }
  }
  return stages;
}

bool can_be_bound_as(const std::string& assigned, const std::string& reported,
                     const std::optional<transport::PublicKey>& key) {
  const auto told = transport::parse_curve_address(assigned);
  const auto bound = transport::parse_curve_address(reported);
  if (!told.ok() || !bound.ok() || told->is_encrypted != bound->is_encrypted) return false;
  if (bound->is_encrypted && (!key || bound->server_key != key)) return false;
  const bool is_chosen = told->endpoint.starts_with("tcp://") && bound->endpoint.starts_with("tcp://");
  return is_chosen || bound->endpoint == told->endpoint;
}

std::string with_epoch(std::string address, Epoch epoch) {
  return filled_in(std::move(address), "{epoch}", epoch.value);
}

std::string for_peer(std::string exchange_address, std::uint32_t peer) {
  return filled_in(std::move(exchange_address), "{peer}", peer);
}

std::string results_bind_address(const Plan& plan, std::uint32_t replica, const std::string& directory) {
  const std::string last = actor_name(plan.replicas[replica].ranks_by_stage().back().front());
  return link_address(plan, link_between(plan, last, batcher_name(plan, replica)), true, directory,
                      "results-" + std::to_string(replica));
}

std::string control_bind_address(const Plan& plan, const std::string& directory) {
  if (!plan.needs_workers()) return {};
  if (plan.waits_for_workers()) return transport::bind_address(plan.topology.supervisor.bind, plan.encrypts_control());
  const bool is_tcp = plan.topology.links.transport == topology::LinksTopology::Transport::kTcp;
  return transport::bind_address(bind_address(is_tcp ? LinkTransport::kTcp : LinkTransport::kIpc, directory, "control"),
                                 plan.encrypts_control());
}

}  // namespace sluice::actors
