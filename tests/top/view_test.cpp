#include "top/view.h"

#include <doctest/doctest.h>

#include "tests/top/samples.h"

namespace sluice::top {
namespace {

using std::chrono::seconds;

View view_of_two_seconds() {
  const Scrape before = scrape_at(seconds(100), engine_metrics(3));
  const Scrape now = scrape_at(seconds(102), engine_metrics(4));
  return make_view(Window(&before, now));
}

TEST_SUITE("top/view") {
  TEST_CASE("the engine, its processes and its requests") {
    const View view = view_of_two_seconds();
    CHECK(view.window == seconds(2));
    CHECK(view.engine.model == "storyteller-llama");
    CHECK(view.engine.kernels == "avx512");
    CHECK(view.engine.up == 1);
    REQUIRE(view.processes.size() == 2);
    CHECK(view.processes[0].name == "head");
    CHECK(view.processes[0].resident_bytes == 300 << 20);
    CHECK(view.processes[1].open_descriptors == 20);
    const RequestsView& requests = view.requests;
    CHECK(requests.running == 16);
    CHECK(requests.max == 64);
    CHECK(requests.accepted == 20);
    CHECK(requests.finished == 17.5);
    CHECK(requests.failed == 0.5);
    CHECK(requests.refused == 3);
    REQUIRE(requests.finished_by_reason.size() == 2);  // Without those of which there were none.
    CHECK(requests.finished_by_reason[0].name == "length");
    CHECK(requests.finished_by_reason[0].per_s == 12.5);
    CHECK(requests.finished_by_reason[1].name == "stop");
    REQUIRE(requests.refused_by_lack.size() == 2);
    CHECK(requests.refused_by_lack[0].name == "places");
    CHECK(requests.queued_prompt_tokens == 512);
    REQUIRE(requests.failed_by_code.size() == 1);
    CHECK(requests.failed_by_code[0].name == "internal");
  }

  TEST_CASE("tokens, batches and blocks") {
    const View view = view_of_two_seconds();
    CHECK(view.tokens.prompt == 750);
    CHECK(view.tokens.output == 600);
    CHECK(view.tokens.prefix_hit_share == 0.25);
    CHECK(view.tokens.streams_backlog == 7);
    CHECK(view.batcher.waiting == 3);
    CHECK(view.batcher.paused == 1);
    CHECK(view.batcher.steps == 100);
    CHECK(view.batcher.tokens_per_step == 10);
    CHECK(view.batcher.sequences_per_step == 5);
    CHECK(view.batcher.idle_share == 0.25);
    CHECK(view.batcher.preemptions == 0.5);
    CHECK(view.batcher.blocks_used == 200);
    CHECK(view.batcher.blocks_cached == 100);
    CHECK(view.batcher.blocks_capacity == 400);
  }

  TEST_CASE("latencies are those of the window, without one there is none") {
    const View view = view_of_two_seconds();
    REQUIRE(view.latencies.size() == 4);
    const LatencyView& first_token = view.latencies[1];
    CHECK(first_token.name == std::string("first token"));
    CHECK(first_token.count == 20);
    CHECK(first_token.p50 == 0.001);
    CHECK(first_token.p90 == doctest::Approx(0.0082));
    const LatencyView& end_to_end = view.latencies[3];
    CHECK(end_to_end.count == 0);
    CHECK(end_to_end.p50 == std::nullopt);
  }

  TEST_CASE("stages come in the order of the pipeline, with shares of the time") {
    const View view = view_of_two_seconds();
    REQUIRE(view.stages.size() == 2);
    CHECK(view.stages[0].stage == "9");
    CHECK(view.stages[0].layers == "0-2");
    CHECK(view.stages[0].place == "head/cpu:0");
    CHECK(view.stages[0].busy_share == 0.5);
    CHECK(view.stages[0].bubble_share == 0.125);
    CHECK(view.stages[0].steps == 100);
    CHECK(view.stages[0].step_p50 == 0.001);
    CHECK(view.stages[1].stage == "10");
    CHECK(view.stages[1].busy_share == 0.75);
    CHECK(view.stages[1].bubble_share == 0);
  }

  TEST_CASE("links that stall come first, then they stand in the order of a request") {
    const View view = view_of_two_seconds();
    REQUIRE(view.links.size() == 3);
    CHECK(view.links[0].from == "ingress");
    CHECK(view.links[0].stalled_share == 0.25);
    CHECK(view.links[0].unsent == 4);
    CHECK(view.links[0].credit_messages == 0);
    CHECK(view.links[1].to == "stage-0");
    CHECK(view.links[1].messages == 20);
    CHECK(view.links[2].to == "responder");
    CHECK(view.links[2].messages == 30);
    CHECK(view.links[2].resent == 0.5);
  }

  TEST_CASE("after one scrape there are levels and no rates, and of another server there is nothing") {
    const Scrape now = scrape_at(seconds(1), engine_metrics(1));
    const View first = make_view(Window(nullptr, now));
    CHECK(first.window == Duration::zero());
    CHECK(first.requests.running == 16);
    CHECK(first.requests.accepted == std::nullopt);
    CHECK(first.stages.size() == 2);
    CHECK(first.stages[0].busy_share == std::nullopt);
    const Scrape other = scrape_at(seconds(1), "# TYPE go_threads gauge\ngo_threads 8\n");
    const View nothing = make_view(Window(&other, other));
    CHECK(nothing.engine.up == std::nullopt);
    CHECK(nothing.requests.running == std::nullopt);
    CHECK(nothing.stages.empty());
    CHECK(nothing.links.empty());
  }

  TEST_CASE("of several replicas queues are sums, the epoch is the largest, and idle is a share of all their time") {
    const auto text = [](int n) {
      std::string lines = "# TYPE sluice_epoch gauge\n";
      lines += "sluice_epoch{replica=\"0\"} 1\nsluice_epoch{replica=\"1\"} 4\n";
      lines += "# TYPE sluice_sequences_waiting gauge\n";
      lines += "sluice_sequences_waiting{replica=\"0\"} 2\nsluice_sequences_waiting{replica=\"1\"} 5\n";
      lines += "# TYPE sluice_idle_seconds_total counter\n";
      lines += "sluice_idle_seconds_total{replica=\"0\"} " + std::to_string(n) + "\n";
      return lines + "sluice_idle_seconds_total{replica=\"1\"} 0\n";
    };
    const Scrape before = scrape_at(seconds(1), text(0));
    const Scrape now = scrape_at(seconds(2), text(1));
    const View view = make_view(Window(&before, now));
    CHECK(view.engine.epoch == 4);
    CHECK(view.batcher.waiting == 7);
    CHECK(view.batcher.idle_share == 0.5);
  }

  TEST_CASE("a share of time is at most all of it") {
    const std::string type = "# TYPE sluice_idle_seconds_total counter\nsluice_idle_seconds_total ";
    const Scrape before = scrape_at(seconds(1), type + "0\n");
    const Scrape now = scrape_at(seconds(2), type + "1.25\n");
    CHECK(make_view(Window(&before, now)).batcher.idle_share == 1);
  }
}

}  // namespace
}  // namespace sluice::top
