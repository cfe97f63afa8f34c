// Before the batchers of several replicas: sends each sequence to one, its cancel after it, and tells the ingress
// whether any replica is up. The rules are Router's (pipeline/route/router.h) and EngineAvailability's.
//
// Owns:    its link ends, the Router.
// Thread:  its own.
// Errors:  messages that do not belong here are logged and dropped.
// Pressure: takes a sequence only while a batcher that may get it has room; always reads the batchers' ends, so that no
//          circle of waiting actors can form. A cancel goes into its batcher's queue all the same: there is at most one
//          for each request.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "actors/control_messages.h"
#include "actors/polling_actor.h"
#include "actors/ports.h"
#include "pipeline/route/engine_availability.h"
#include "pipeline/route/router.h"

namespace sluice::actors {

struct RouterPorts {
  InPort from_tokenizer;
  std::vector<InPort> from_batchers;  // By replica; as many as the configuration has weights.
  std::vector<OutPort> to_batchers;
};

class RouterActor final : public PollingActor {
 public:
  RouterActor(caf::actor_config& config, std::unique_ptr<RouterPorts> ports, RouterConfig router_config,
              std::vector<std::string> batcher_names, caf::actor ingress);

 protected:
  caf::message_handler make_behavior() override;
  void watch(transport::Poller& poller) const override;
  TimePoint next_timer() const override { return TimePoint::never(); }
  void advance(TimePoint now) override;
  void close() override;
  void report(TimePoint now) override;

 private:
  void take_news(const Availability& news);
  bool take_ended(std::uint32_t replica, TimePoint now);
  bool take_sequence(TimePoint now);
  ReplicaSet with_room() const;

  std::unique_ptr<RouterPorts> ports_;
  Router router_;
  EngineAvailability engine_;
  std::vector<std::string> batcher_names_;  // For metrics.
  caf::actor ingress_;
  std::uint64_t snapshots_total_ = 0;
};

}  // namespace sluice::actors
