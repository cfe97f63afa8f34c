// Keeps the latest snapshot of every actor, and publishes the whole whenever one comes.
//
// Owns:    the snapshots. What scrapes read is an immutable copy (metrics/endpoint.h).
// Thread:  its own.
// Errors:  a stage that the engine does not have is ignored: it came from a worker.
#pragma once

#include <memory>

#include "actors/polling_actor.h"
#include "actors/snapshot_messages.h"
#include "metrics/endpoint.h"

namespace sluice::actors {

class MetricsActor final : public PollingActor {
 public:
  MetricsActor(caf::actor_config& config, std::shared_ptr<metrics::Endpoint> endpoint, metrics::EngineFacts facts);

 protected:
  caf::message_handler make_behavior() override;
  void watch(transport::Poller&) const override {}
  TimePoint next_timer() const override { return TimePoint::never(); }
  void advance(TimePoint now) override;
  void close() override { endpoint_.reset(); }
  void report(TimePoint now) override;  // Of the process itself.

 private:
  std::shared_ptr<metrics::Endpoint> endpoint_;
  metrics::EngineSnapshot latest_;
  bool is_changed_ = true;
};

}  // namespace sluice::actors
