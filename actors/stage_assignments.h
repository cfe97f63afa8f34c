// From a plan to what the supervisor tells each stage: layers, memory, limits, and the addresses at which its links
// meet.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "actors/supervisor_actor.h"
#include "pipeline/topology/plan.h"
#include "transport/curve/key.h"

namespace sluice::actors {

// Everything but the local actors. `directory` holds the ipc:// sockets. Input addresses carry "{epoch}", so that a new
// epoch never meets an old socket.
std::vector<SupervisedStage> make_stages(const topology::Plan& plan, const std::string& kernel_path,
                                         const std::string& directory);

// Whether a stage that was told to bind `assigned` can have bound `reported`, which a worker says: the same, except
// that of tcp:// it chooses host and port; an encrypted one with the key by which we know the worker, and no other.
bool can_be_bound_as(const std::string& assigned, const std::string& reported,
                     const std::optional<transport::PublicKey>& key = std::nullopt);

// An address for one epoch of its pipeline.
std::string with_epoch(std::string address, Epoch epoch);
// An exchange_address for one peer.
std::string for_peer(std::string exchange_address, std::uint32_t peer);

// Where a replica's batcher binds for the results of the last stage.
std::string results_bind_address(const topology::Plan& plan, std::uint32_t replica, const std::string& directory);

// Where the supervisor listens for workers; empty if the plan has none.
std::string control_bind_address(const topology::Plan& plan, const std::string& directory);

}  // namespace sluice::actors
