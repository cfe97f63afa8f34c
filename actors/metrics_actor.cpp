#include "actors/metrics_actor.h"

#include "base/process_usage.h"

namespace sluice::actors {

MetricsActor::MetricsActor(caf::actor_config& config, std::shared_ptr<metrics::Endpoint> endpoint,
                           metrics::EngineFacts facts)
    : PollingActor(config), endpoint_(std::move(endpoint)) {
  latest_.batchers.resize(facts.replicas.size());
  latest_.stages.resize(facts.stages.size());
  latest_.facts = std::move(facts);
}

caf::message_handler MetricsActor::make_behavior() {
  const auto keep = [this](auto& place, const auto& snapshot) {
    place = snapshot;
    is_changed_ = true;
  };
  return {[=, this](const metrics::IngressSnapshot& snapshot) { keep(latest_.ingress, snapshot); },
          [=, this](const metrics::TokenizerSnapshot& snapshot) { keep(latest_.tokenizer, snapshot); },
          [=, this](const metrics::RouterSnapshot& snapshot) { keep(latest_.router, snapshot); },
          [=, this](const metrics::BatcherSnapshot& snapshot) { keep(latest_.batchers[snapshot.replica], snapshot); },
          [=, this](const metrics::ResponderSnapshot& snapshot) { keep(latest_.responder, snapshot); },
          [=, this](const metrics::SupervisorSnapshot& snapshot) { keep(latest_.supervisor, snapshot); },
          [=, this](const metrics::AuthenticatorSnapshot& snapshot) { keep(latest_.authenticator, snapshot); },
          [=, this](const StageStats& stats) {
            if (stats.stage < latest_.stages.size()) keep(latest_.stages[stats.stage], stats);
          }};
}

void MetricsActor::report(TimePoint) {
  latest_.head = read_process_usage();
  is_changed_ = true;
}

void MetricsActor::advance(TimePoint) {
  if (!is_changed_) return;
  is_changed_ = false;
  endpoint_->publish(latest_);
}

}  // namespace sluice::actors
