// From what replicas lack to what the engine lacks: it takes requests while at least one replica is up.
//
// The ingress hears of epochs of the whole engine: one ends when the last replica that was up goes down. A replica's
// news come from two sides that are not ordered (actors/control_messages.h, Availability): an epoch of a replica that
// was ended does not come back.
//
// Owns:     the last word on each replica. Confined: to the router actor.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/id.h"
#include "pipeline/route/route_policy.h"

namespace sluice {

// Without an error: up in this epoch.
struct AvailabilityNews {
  Epoch epoch;
  std::optional<Error> error;
  std::optional<Error> loss;  // Where it went down just now.

  friend bool operator==(const AvailabilityNews&, const AvailabilityNews&) = default;
};

// What replicas lack, by replica, in one sentence: that of the only one, or each with its number.
Error lacking(const std::vector<Error>& lacks);

class EngineAvailability {
 public:
  explicit EngineAvailability(std::uint32_t num_replicas);

  // What the ingress has to know now; nothing where the news is of an epoch that has ended.
  std::optional<AvailabilityNews> on_news(std::uint32_t replica, const AvailabilityNews& news);

  const ReplicaSet& up() const { return up_; }

 private:
  struct Replica {
    Epoch ended{0};
    Error lacks{ErrorCode::kUnavailable, "it is not up yet", 1000};
  };

  std::vector<Replica> replicas_;
  ReplicaSet up_;
  Epoch epoch_{1};  // Of the engine.
};

}  // namespace sluice
