// What the router of several replicas tells.
#include <string>

#include "metrics/render_parts.h"

namespace sluice::metrics {

using prometheus::MetricType;

void render_router(const RouterSnapshot& snapshot, Families& out) {
  const RouterStats& router = snapshot.router;
  const auto each = [&](const char* name, const char* help, MetricType type, const auto& add) {
    out.begin(name, help, type);
    for (std::size_t i = 0; i < router.replicas.size(); ++i) {
      add(Labels{{"replica", std::to_string(i)}}, router.replicas[i]);
    }
  };
  each("sluice_replica_up", "1 while the replica gets sequences.", MetricType::Gauge,
       [&](Labels labels, const ReplicaStats& replica) { out.add(std::move(labels), replica.is_up ? 1 : 0); });
  each("sluice_replica_weight", "Its weight.", MetricType::Gauge,
       [&](Labels labels, const ReplicaStats& replica) { out.add(std::move(labels), replica.weight); });
  each("sluice_router_sequences", "Sequences that were sent there and have not ended.", MetricType::Gauge,
       [&](Labels labels, const ReplicaStats& replica) { out.add(std::move(labels), replica.sequences); });
  each("sluice_router_token_latency_seconds", "From the router to the end, for each output token; 0: not known.",
       MetricType::Gauge,
       [&](Labels labels, const ReplicaStats& replica) { out.add_seconds(std::move(labels), replica.latency_us); });
  each("sluice_router_decisions_total", "Sequences sent there, by the rule that decided.", MetricType::Counter,
       [&](const Labels& labels, const ReplicaStats& replica) {
         for (std::size_t rule = 0; rule < kNumRoutePolicies; ++rule) {
           Labels of_rule = labels;
           of_rule.push_back({"by", std::string(to_string(static_cast<RoutePolicy>(rule)))});
           out.add(std::move(of_rule), replica.chosen_total[rule]);
         }
       });
  out.counter("sluice_router_overruled_total", "The replica with the prefix was overloaded, full or down.",
              router.overruled_total);
  out.counter("sluice_router_unavailable_total", "No replica was up.", router.unavailable_total);
  out.gauge("sluice_router_prefix_blocks", "Blocks of prompts whose replicas are remembered.", router.map_blocks);
}

}  // namespace sluice::metrics
