// What the engine needs to wire one replica or several: names, settings and link ends of batchers, responder, router.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "actors/batcher_actor.h"
#include "actors/link_board.h"
#include "actors/responder_actor.h"
#include "actors/router_actor.h"
#include "actors/supervisor_actor.h"
#include "pipeline/topology/plan.h"
#include "transport/zmq/context.h"

namespace sluice::actors {

// For each replica: "batcher", or "batcher-0", "batcher-1", ...
std::vector<std::string> batcher_names(const topology::Plan& plan);

RouterConfig router_config(const topology::Plan& plan);

// Where each replica's batcher gets the results of its last stage. Errors: kAddressInUse.
Result<std::vector<InPort>> bind_results(const transport::Context& context, const topology::Plan& plan,
                                         const std::string& directory);

// Link ends from the board, where the links of these batchers are.
std::unique_ptr<RouterPorts> router_ports(const std::vector<std::string>& batchers, LinkBoard& links);
std::unique_ptr<BatcherPorts> batcher_ports(const std::string& name, bool has_router, InPort results, LinkBoard& links);
std::unique_ptr<ResponderPorts> responder_ports(const std::vector<std::string>& batchers, LinkBoard& links);

// What the engine lacks before anything is up.
Error unavailable_at_first(const std::vector<SupervisedStage>& stages);

}  // namespace sluice::actors
