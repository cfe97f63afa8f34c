#include "actors/replica_wiring.h"

#include <algorithm>

#include "actors/stage_assignments.h"
#include "pipeline/route/engine_availability.h"

namespace sluice::actors {

namespace {

// Of the router's prefix map: some 100 MB.
constexpr std::uint64_t kPrefixMapBlocksMax = 1u << 20;

}  // namespace

std::vector<std::string> batcher_names(const topology::Plan& plan) {
  if (!plan.has_router()) return {"batcher"};
  std::vector<std::string> names;
  for (const topology::ReplicaPlan& replica : plan.replicas) {
    names.push_back("batcher-" + std::to_string(replica.replica));
  }
  return names;
}

RouterConfig router_config(const topology::Plan& plan) {
  const topology::RouterTopology& router = plan.topology.router;
  RouterConfig config;
  config.policy = router.policy;
  config.alpha = router.alpha;
  config.beta = router.beta;
  config.overload_sequences =
      router.overload_sequences > 0 ? router.overload_sequences : plan.topology.batcher.max_sequences;
  config.block_tokens = plan.topology.batcher.block_tokens;
  std::uint64_t blocks = 0;
  for (const topology::ReplicaPlan& replica : plan.replicas) {
    config.weights.push_back(replica.weight);
    blocks += replica.num_blocks;
  }
  config.map_blocks_max = static_cast<std::uint32_t>(std::min<std::uint64_t>(blocks, kPrefixMapBlocksMax));
  return config;
}

Result<std::vector<InPort>> bind_results(const transport::Context& context, const topology::Plan& plan,
                                         const std::string& directory) {
  std::vector<InPort> ports;
  for (const topology::ReplicaPlan& replica : plan.replicas) {
    auto link = transport::LinkIn::bind(context, results_bind_address(plan, replica.replica, directory),
                                        {"results", 0, Epoch{1}}, link_limits(plan.topology.links.settings()));
    if (!link.ok()) return std::move(link).error();
    ports.emplace_back(std::move(*link));
  }
  return ports;
}

std::unique_ptr<RouterPorts> router_ports(const std::vector<std::string>& batchers, LinkBoard& links) {
  auto ports = std::make_unique<RouterPorts>(RouterPorts{links.in("tokenizer", "router"), {}, {}});
  for (const std::string& batcher : batchers) {
    ports->from_batchers.push_back(links.in(batcher, "router"));
    ports->to_batchers.push_back(links.out("router", batcher));
  }
  return ports;
}

std::unique_ptr<BatcherPorts> batcher_ports(const std::string& name, bool has_router, InPort results,
                                            LinkBoard& links) {
  auto ports = std::make_unique<BatcherPorts>(BatcherPorts{links.in(has_router ? "router" : "tokenizer", name),
                                                           links.in("responder", name),
                                                           std::move(results),
                                                           links.out(name, "responder"),
                                                           std::nullopt,
                                                           {}});
  if (has_router) ports->to_router.emplace(links.out(name, "router"));
  return ports;
}

std::unique_ptr<ResponderPorts> responder_ports(const std::vector<std::string>& batchers, LinkBoard& links) {
  auto ports = std::make_unique<ResponderPorts>(ResponderPorts{
      links.in("ingress", "responder"), links.in("tokenizer", "responder"), {}, links.out("responder", "ingress"), {}});
  for (const std::string& batcher : batchers) {
    ports->from_batchers.push_back(links.in(batcher, "responder"));
    ports->to_batchers.push_back(links.out("responder", batcher));
  }
  return ports;
}

Error unavailable_at_first(const std::vector<SupervisedStage>& stages) {
  std::vector<Error> lacks;
  for (const Membership& membership : memberships_of(stages, {})) lacks.push_back(*membership.unavailable());
  return lacking(lacks);
}

}  // namespace sluice::actors
