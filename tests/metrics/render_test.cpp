#include "metrics/render.h"

#include <doctest/doctest.h>
#include <prometheus/text_serializer.h>

#include <fstream>
#include <sstream>

#include "tests/support/metrics_text.h"
#include "tests/support/paths.h"

namespace sluice::metrics {
namespace {

using test::MetricSamples;
using test::sample;

ActorLinks links_of(const std::vector<std::string>& out, const std::vector<std::string>& in) {
  ActorLinks links;
  for (const std::string& peer : out) links.out.push_back({peer, {1, 2, 3, 4'000'000, 5, 6, 7, 8}});
  for (const std::string& peer : in) links.in.push_back({peer, {9, 10, 11, 12}});
  return links;
}

// Every actor has reported, every count differs from its neighbours.
EngineSnapshot full_snapshot(std::size_t num_stages) {
  EngineSnapshot snapshot;
  snapshot.facts = {"storyteller", "avx2", 64, {{"batcher", 2}}, {}};
  snapshot.head = {1000, 20};
  IngressSnapshot ingress;
  ingress.snapshots_total = 5;
  ingress.is_up = true;
  ingress.ledger = {.sessions = 1,
                    .connections = 2,
                    .attachments = 3,
                    .requests_running = 4,
                    .requests_kept = 5,
                    .accepted_total = 60,
                    .retried_total = 7};
  ingress.ledger.failed.add(ErrorCode::kOverloaded);
  ingress.links = links_of({"tokenizer", "responder"}, {"responder"});
  snapshot.ingress = ingress;
  snapshot.tokenizer = TokenizerSnapshot{6, 50, 2, 700, 1'500'000, links_of({"batcher", "responder"}, {"ingress"})};
  BatcherSnapshot batcher;
  batcher.epoch = Epoch{3};
  batcher.scheduler.blocks_total = 100;
  batcher.scheduler.blocks_free = 60;
  batcher.scheduler.blocks_cached = 15;
  batcher.counts.queue_wait_us.add(15);
  batcher.counts.queue_wait_us.add(3'000'000, 2);
  batcher.counts.step_tokens.add(33);
  const std::string last = "stage-" + std::to_string(num_stages - 1);
  batcher.links = links_of({"responder", "stage-0"}, {"tokenizer", "responder", last});
  snapshot.batchers = {batcher};
  ResponderSnapshot responder;
  responder.counts.finished_total = {11, 12, 13, 14};
  responder.counts.failed_total.add(ErrorCode::kStageLost);
  responder.links = links_of({"ingress", "batcher"}, {"ingress", "tokenizer", "batcher"});
  snapshot.responder = responder;
  snapshot.ingress->failed_handshakes_total = 21;
  snapshot.supervisor = SupervisorSnapshot{.failed_handshakes_total = 22};
  snapshot.authenticator = AuthenticatorSnapshot{{{"ingress", 23, 24}, {"control", 25, 26}, {"stages", 27, 28}}};
  for (std::size_t i = 0; i < num_stages; ++i) {
    const std::string before = i == 0 ? "batcher" : "stage-" + std::to_string(i - 1);
    const std::string after = i + 1 == num_stages ? "batcher" : "stage-" + std::to_string(i + 1);
    const std::string number = std::to_string(i);
    snapshot.facts.stages.push_back({0, number, number, "spawn/cpu:0", "stage-" + number, before, after});
    StageStats stage;
    stage.stage = static_cast<std::uint32_t>(i);
    stage.times = {100, 2000, 2'500'000, 500'000, {}};
    stage.times.step_us.add(25'000, 100);
    stage.process = {3000 + i, 30};
    snapshot.stages.emplace_back(stage);
  }
  return snapshot;
}

// Two replicas of `num_stages` stages each, behind a router.
EngineSnapshot two_replicas(std::size_t num_stages) {
  EngineSnapshot snapshot = full_snapshot(2 * num_stages);
  snapshot.facts.replicas = {{"batcher-0", 1}, {"batcher-1", 2}};
  for (std::uint32_t replica = 0; replica < 2; ++replica) {
    const std::string batcher = "batcher-" + std::to_string(replica);
    const auto stages = std::span(snapshot.facts.stages).subspan(replica * num_stages, num_stages);
    for (StageFacts& stage : stages) stage.replica = replica;
    stages.front().from = batcher;
    stages.back().to = batcher;
  }
  const auto stage = [](std::size_t number) { return "stage-" + std::to_string(number); };
  const BatcherSnapshot batcher = *snapshot.batchers[0];
  snapshot.batchers.clear();
  for (std::uint32_t i = 0; i < 2; ++i) {
    snapshot.batchers.emplace_back(batcher);
    snapshot.batchers[i]->replica = i;
    snapshot.batchers[i]->counts.queue_wait_us.add(5, i);
    snapshot.batchers[i]->links = links_of({"responder", "router", stage(i * num_stages)},
                                           {"router", "responder", stage((i + 1) * num_stages - 1)});
  }
  RouterSnapshot router;
  router.snapshots_total = 3;
  router.router.replicas = {{true, 1, 4, 0, {0, 10, 2}}, {false, 3, 5, 2'500, {0, 20, 7}}};
  router.router.map_blocks = 8;
  router.router.overruled_total = 9;
  router.links = links_of({"batcher-0", "batcher-1"}, {"tokenizer", "batcher-0", "batcher-1"});
  snapshot.router = router;
  snapshot.tokenizer->links = links_of({"router", "responder"}, {"ingress"});
  snapshot.responder->links =
      links_of({"ingress", "batcher-0", "batcher-1"}, {"ingress", "tokenizer", "batcher-0", "batcher-1"});
  return snapshot;
}

std::string text_of(const EngineSnapshot& snapshot) {
  return prometheus::TextSerializer().Serialize(render(snapshot));
}

MetricSamples samples_of(const EngineSnapshot& snapshot) {
  return test::parse_metrics(text_of(snapshot));
}

// How many links have a sender, each of which has a receiver.
std::size_t links_in(const MetricSamples& samples) {
  std::size_t senders = 0;
  for (const auto& [name, value] : samples) {
    const std::string sent = "sluice_link_sent_messages_total";
    if (!name.starts_with(sent)) continue;
    ++senders;
    CHECK(samples.contains("sluice_link_received_messages_total" + name.substr(sent.size())));
  }
  return senders;
}

TEST_SUITE("metrics/render") {
  TEST_CASE("numbers come out under their names, times in seconds") {
    const MetricSamples samples = samples_of(full_snapshot(2));
    const std::string build = "version=\"" SLUICE_VERSION "\",model=\"storyteller\",kernels=\"avx2\"";
    CHECK(sample(samples, "sluice_build_info{" + build + "}") == 1);
    CHECK(sample(samples, "sluice_up") == 1);
    CHECK(sample(samples, "sluice_epoch") == 3);
    CHECK(sample(samples, "sluice_snapshots_total{actor=\"ingress\"}") == 5);
    CHECK(sample(samples, "sluice_requests_accepted_total") == 60);
    CHECK(sample(samples, "sluice_requests_refused_total{code=\"overloaded\"}") == 1);
    CHECK(sample(samples, "sluice_requests_refused_total{code=\"internal\"}") == 0);
    CHECK(sample(samples, "sluice_requests_finished_total{reason=\"deadline\"}") == 14);
    CHECK(sample(samples, "sluice_requests_failed_total{code=\"stage_lost\"}") == 1);
    CHECK(sample(samples, "sluice_tokenizer_busy_seconds_total") == 1.5);
    CHECK(sample(samples, "sluice_kv_blocks{state=\"used\"}") == 25);
    CHECK(sample(samples, "sluice_stage_busy_seconds_total{stage=\"1\"}") == 2.5);
    CHECK(sample(samples, "sluice_stage_bubble_seconds_total{stage=\"0\"}") == 0.5);
    const std::string stage = "stage=\"1\",layers=\"1\",place=\"spawn/cpu:0\",process=\"stage-1\"";
    CHECK(sample(samples, "sluice_stage_info{" + stage + "}") == 1);
    CHECK(sample(samples, "sluice_process_resident_bytes{process=\"head\"}") == 1000);
    CHECK(sample(samples, "sluice_process_resident_bytes{process=\"stage-1\"}") == 3001);
    CHECK(sample(samples, "sluice_handshakes_failed_total{link=\"ingress\"}") == 21);
    CHECK(sample(samples, "sluice_handshakes_failed_total{link=\"control\"}") == 22);
    CHECK(sample(samples, "sluice_keys_checked_total{link=\"control\",outcome=\"refused\"}") == 26);
    CHECK(sample(samples, "sluice_link_stalled_seconds_total{from=\"batcher\",to=\"stage-0\"}") == 4);
    CHECK(sample(samples, "sluice_link_held_bytes{from=\"stage-1\",to=\"batcher\"}") == 12);
  }

  TEST_CASE("histograms: cumulative buckets, count and sum") {
    const MetricSamples samples = samples_of(full_snapshot(2));
    test::check_histograms(samples);
    CHECK(sample(samples, "sluice_queue_wait_seconds_bucket{le=\"1e-05\"}") == 0);
    CHECK(sample(samples, "sluice_queue_wait_seconds_bucket{le=\"2e-05\"}") == 1);
    CHECK(sample(samples, "sluice_queue_wait_seconds_bucket{le=\"5\"}") == 3);
    CHECK(sample(samples, "sluice_queue_wait_seconds_bucket{le=\"+Inf\"}") == 3);
    CHECK(sample(samples, "sluice_queue_wait_seconds_sum") == 6'000'015 / 1e6);
    CHECK(sample(samples, "sluice_step_tokens_bucket{le=\"32\"}") == 0);
    CHECK(sample(samples, "sluice_step_tokens_bucket{le=\"64\"}") == 1);
    CHECK(sample(samples, "sluice_stage_step_seconds_count{stage=\"1\"}") == 100);
  }

  TEST_CASE("every link has both ends, and each end once") {
    for (const std::size_t num_stages : {1u, 3u}) {
      CHECK(links_in(samples_of(full_snapshot(num_stages))) == num_stages + 8);
      CHECK(links_in(samples_of(two_replicas(num_stages))) == 2 * num_stages + 5 + 2 * 5);
    }
  }

  TEST_CASE("replicas: what their batchers tell is labelled, and what the router decided") {
    const MetricSamples samples = samples_of(two_replicas(2));
    test::check_histograms(samples);
    CHECK(sample(samples, "sluice_epoch{replica=\"1\"}") == 3);
    CHECK(sample(samples, "sluice_pipeline_depth{replica=\"1\"}") == 2);
    CHECK(sample(samples, "sluice_queue_wait_seconds_count{replica=\"1\"}") == 4);
    CHECK(sample(samples, "sluice_kv_blocks{replica=\"0\",state=\"used\"}") == 25);
    CHECK_FALSE(samples.contains("sluice_epoch"));
    const std::string stage = "replica=\"1\",stage=\"3\",layers=\"3\",place=\"spawn/cpu:0\",process=\"stage-3\"";
    CHECK(sample(samples, "sluice_stage_info{" + stage + "}") == 1);
    CHECK(sample(samples, "sluice_stage_busy_seconds_total{stage=\"3\"}") == 2.5);
    CHECK(sample(samples, "sluice_link_held_bytes{from=\"stage-1\",to=\"batcher-0\"}") == 12);
    CHECK(sample(samples, "sluice_snapshots_total{actor=\"router\"}") == 3);
    CHECK(sample(samples, "sluice_replica_up{replica=\"0\"}") == 1);
    CHECK(sample(samples, "sluice_replica_up{replica=\"1\"}") == 0);
    CHECK(sample(samples, "sluice_replica_weight{replica=\"1\"}") == 3);
    CHECK(sample(samples, "sluice_router_sequences{replica=\"1\"}") == 5);
    CHECK(sample(samples, "sluice_router_token_latency_seconds{replica=\"1\"}") == 0.0025);
    CHECK(sample(samples, "sluice_router_decisions_total{replica=\"1\",by=\"prefix_affinity\"}") == 7);
    CHECK(sample(samples, "sluice_router_overruled_total") == 9);
    CHECK(sample(samples, "sluice_router_prefix_blocks") == 8);
  }

  TEST_CASE("an engine that has not reported yet has its build, its stages and its head") {
    EngineSnapshot snapshot;
    snapshot.facts = full_snapshot(2).facts;
    snapshot.batchers.resize(1);
    snapshot.stages.resize(2);
    const MetricSamples samples = samples_of(snapshot);
    CHECK(samples.size() == 5);
    CHECK(samples.contains("sluice_process_resident_bytes{process=\"head\"}"));
  }

  TEST_CASE("the number of series is that of the document: it depends on the number of stages alone") {
    // What docs/METRICS.md says, of an engine with S stages in S processes of their own, with 23 and 18 buckets.
    const auto bound = [](std::size_t stages) {
      const std::size_t engine = 1 + 1 + 1 + (4 + stages) + 2 * (1 + stages);
      const std::size_t requests = 2 + 4 + 17 + 17 + 3 + 15;
      const std::size_t queues = 4 + (23 + 2) + 3 + 2 * (18 + 2) + 1 + 1 + 3 + 1;
      const std::size_t tokens = 4 + 2 + 2 + 10;
      const std::size_t recording = 1 + 2 + 2 + 1;
      const std::size_t latencies = 3 * (23 + 2);
      const std::size_t stage = (7 + 23 + 2) * stages;
      const std::size_t security = 2 + 6;
      return engine + requests + queues + tokens + recording + latencies + stage + security + 12 * (stages + 8);
    };
    for (const std::size_t num_stages : {1u, 2u, 256u}) {
      CHECK(samples_of(full_snapshot(num_stages)).size() == bound(num_stages));
    }
    // Of R replicas, with S stages in all, R batchers tell what else one does, and the router adds its own.
    const auto bound_of_replicas = [&](std::size_t replicas, std::size_t stages) {
      const std::size_t of_batcher = 1 + 1 + 4 + (23 + 2) + 3 + 2 * (18 + 2) + 1 + 1 + 3 + 1 + 4;
      const std::size_t of_links = 12 * (stages + 5 + 5 * replicas) - 12 * (stages + 8);
      return bound(stages) + (replicas - 1) * of_batcher + of_links + 1 + 7 * replicas + 3;
    };
    for (const std::size_t num_stages : {1u, 3u}) {
      CHECK(samples_of(two_replicas(num_stages)).size() == bound_of_replicas(2, 2 * num_stages));
    }
    EngineSnapshot busy = full_snapshot(2);
    for (int i = 0; i < 1000; ++i) {
      busy.ingress->ledger.failed.add(static_cast<ErrorCode>(i % 256));
      busy.responder->counts.between_tokens_us.add(static_cast<std::uint64_t>(i) * 1'000'000);
    }
    CHECK(samples_of(busy).size() == bound(2));
  }

  TEST_CASE("docs/METRICS.md names every family, with its type, and no other") {
    std::ifstream file(test::source_path("docs/METRICS.md"));
    std::map<std::string, std::string> documented;
    for (std::string line; std::getline(file, line);) {
      if (!line.starts_with("| `sluice_")) continue;
      std::istringstream cells(line);
      std::string cell;
      std::vector<std::string> row;
      while (std::getline(cells, cell, '|')) row.push_back(cell);
      REQUIRE(row.size() >= 3);
      documented[row[1].substr(2, row[1].size() - 4)] = row[2].substr(1, row[2].size() - 2);
    }
    std::map<std::string, std::string> rendered;
    for (const auto& family : render(two_replicas(1))) {
      using prometheus::MetricType;
      const bool is_counter = family.type == MetricType::Counter;
      const bool is_gauge = family.type == MetricType::Gauge;
      CHECK(is_counter == family.name.ends_with("_total"));
      CHECK(rendered.emplace(family.name, is_counter ? "counter" : is_gauge ? "gauge" : "histogram").second);
      CHECK_FALSE(family.help.empty());
    }
    for (const auto& [name, type] : rendered) {
      CAPTURE(name);
      CHECK(documented[name] == type);
    }
    CHECK(documented.size() == rendered.size());
  }
}

}  // namespace
}  // namespace sluice::metrics
