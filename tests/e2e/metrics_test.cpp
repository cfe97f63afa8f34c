// The figures of a running engine against what is known to have happened in it.
#include <doctest/doctest.h>
#include <signal.h>

#include "tests/e2e/conversation.h"
#include "tests/e2e/raw_client.h"

namespace sluice::test {
namespace {

const std::vector<StageText> kHeadAndSpawned = {{"0-2", "head/cpu:0"}, {"3-5", "spawn/cpu:0"}};

Generate endless(const std::string& id, std::uint32_t max_tokens) {
  Generate request = greedy(id, "The wolf said to the little girl,", max_tokens);
  request.ignore_eos = true;
  return request;
}

// What Finished says of several requests together.
struct Sums {
  double prompt = 0;
  double output = 0;
  double cached = 0;
  double requests = 0;
  double with_output = 0;

  void add(const Answer& answer) {
    REQUIRE(answer.finished.has_value());
    const Usage& usage = answer.finished->usage;
    prompt += usage.prompt_tokens;
    output += usage.output_tokens;
    cached += usage.cached_tokens;
    ++requests;
    if (usage.output_tokens > 0) ++with_output;
  }
};

// Nothing is anywhere: queues, places, blocks, links.
MetricSamples idle_engine(const std::vector<std::string>& link_actors) {
  MetricSamples expected;
  for (const std::string name : {"requests_running", "ingress_attachments", "sequences_waiting", "sequences_running",
                                 "sequences_draining", "sequences_paused", "steps_in_flight", "streams_running",
                                 "streams_draining", "streams_paused", "streams_backlog_tokens"}) {
    expected["sluice_" + name] = 0;
  }
  expected["sluice_kv_blocks{state=\"used\"}"] = 0;
  for (std::size_t i = 0; i + 1 < link_actors.size(); ++i) {
    const std::string labels = "{from=\"" + link_actors[i] + "\",to=\"" + link_actors[i + 1] + "\"}";
    expected["sluice_link_queued_messages" + labels] = 0;
    expected["sluice_link_held_messages" + labels] = 0;
  }
  return expected;
}

TEST_SUITE("e2e/metrics") {
  TEST_CASE("requests with known outcomes give exactly their counts, tokens and latencies") {
    TopologyText topology;
    topology.stages = kHeadAndSpawned;
    EngineUnderTest engine(topology);
    Conversation client(engine);
    Sums sums;

    client.generate(endless("length", 20));
    const Answer whole = client.wait_for_end("length").answer;
    sums.add(whole);
    Generate stopping = endless("stop", 20);
    stopping.stop_token_ids = {whole.ids[7]};
    client.generate(stopping);
    sums.add(client.wait_for_end("stop").answer);
    CHECK(client.of("stop").answer.finished->reason == FinishReason::kStop);
    Generate held = endless("held", 900);
    held.credit_tokens = 2;
    client.generate(held);
    client.wait_for_tokens("held", 2);
    client.cancel("held");
    sums.add(client.wait_for_end("held").answer);
    std::string tale;
    for (int i = 0; i < 400; ++i) tale += "Once upon a time ";
    client.generate(greedy("long", tale, 5));
    CHECK(client.wait_for_end("long").answer.error->code == ErrorCode::kPromptTooLong);
    client.generate(greedy("none", "Once", 0));
    CHECK(client.wait_for_answer("none").answer.error->code == ErrorCode::kInvalidRequest);
    RawClient stranger(engine.ingress());
    stranger.send_bytes("no message at all");
    stranger.receive_failed();
    stranger.send(Cancel{"x"});  // Before Hello.
    CHECK(stranger.receive_failed().error.code == ErrorCode::kProtocolViolation);

    MetricSamples expected = idle_engine({"ingress", "tokenizer", "batcher", "stage-0", "stage-1", "batcher",
                                          "responder", "ingress", "responder", "batcher"});
    expected["sluice_up"] = 1;
    expected["sluice_epoch"] = 1;
    expected["sluice_requests_accepted_total"] = 4;
    expected["sluice_requests_finished_total{reason=\"length\"}"] = 1;
    expected["sluice_requests_finished_total{reason=\"stop\"}"] = 1;
    expected["sluice_requests_finished_total{reason=\"cancelled\"}"] = 1;
    expected["sluice_requests_finished_total{reason=\"deadline\"}"] = 0;
    expected["sluice_requests_failed_total{code=\"prompt_too_long\"}"] = 1;
    expected["sluice_requests_failed_total{code=\"stage_lost\"}"] = 0;
    expected["sluice_requests_refused_total{code=\"invalid_request\"}"] = 1;
    expected["sluice_requests_refused_total{code=\"protocol_violation\"}"] = 2;
    expected["sluice_requests_refused_total{code=\"overloaded\"}"] = 0;
    expected["sluice_ingress_undecodable_total"] = 2;  // Bytes that are no message, and one before Hello.
    expected["sluice_ingress_connections"] = 1;
    expected["sluice_tokenizer_prompts_total{outcome=\"encoded\"}"] = 3;
    expected["sluice_tokenizer_prompts_total{outcome=\"refused\"}"] = 1;
    expected["sluice_tokenizer_tokens_total"] = sums.prompt;
    expected["sluice_prompt_tokens_computed_total"] = sums.prompt - sums.cached;
    expected["sluice_prefix_hit_tokens_total"] = sums.cached;
    expected["sluice_prefix_lookup_tokens_total"] = sums.prompt - sums.requests;
    expected["sluice_output_tokens_total"] = sums.output;
    expected["sluice_queue_wait_seconds_count"] = sums.requests;
    expected["sluice_time_to_first_token_seconds_count"] = sums.with_output;
    expected["sluice_request_seconds_count"] = 2;
    engine.check_metrics(expected);
    CHECK(sums.output == 20 + 7 + client.of("held").answer.finished->usage.output_tokens);
    CHECK(sample(engine.metrics(), "sluice_time_between_tokens_seconds_count") >= 19 + 6);
  }

  TEST_CASE("each stage, spawned ones too, tells its steps, its time and its process") {
    TopologyText topology;
    topology.stages = kHeadAndSpawned;
    EngineUnderTest engine(topology);
    Conversation client(engine);
    client.generate(endless("a", 40));
    client.wait_for_end("a");
    MetricSamples expected;
    for (const std::string stage : {"0", "1"}) {
      const std::string labels = "{stage=\"" + stage + "\"}";
      expected["sluice_stage_steps_total" + labels] = 40;  // The prompt's, which samples, and 39 decodes.
      expected["sluice_stage_step_seconds_count" + labels] = 40;
    }
    expected["sluice_steps_total"] = 40;
    expected["sluice_link_received_messages_total{from=\"stage-0\",to=\"stage-1\"}"] = 40;
    expected["sluice_link_sent_messages_total{from=\"stage-1\",to=\"batcher\"}"] = 40;
    engine.check_metrics(expected);
    const MetricSamples samples = engine.metrics();
    check_histograms(samples);
    for (const std::string stage : {"0", "1"}) {
      const std::string labels = "{stage=\"" + stage + "\"}";
      CHECK(sample(samples, "sluice_stage_busy_seconds_total" + labels) > 0);
      // One sequence keeps one stage at a time busy: the others wait, and there is work.
      CHECK(sample(samples, "sluice_stage_bubble_seconds_total" + labels) > 0);
      CHECK(sample(samples, "sluice_stage_tokens_total" + labels) == sample(samples, "sluice_step_tokens_sum"));
      CHECK(sample(samples, "sluice_stage_weights_bytes" + labels) > 0);
    }
    CHECK(samples.contains("sluice_stage_info{stage=\"1\",layers=\"3-5\",place=\"spawn/cpu:0\",process=\"stage-1\"}"));
    for (const std::string process : {"head", "stage-1"}) {
      CHECK(sample(samples, "sluice_process_resident_bytes{process=\"" + process + "\"}") > 1 << 20);
      CHECK(sample(samples, "sluice_process_open_descriptors{process=\"" + process + "\"}") > 3);
    }
  }

  TEST_CASE("refusals of a full engine are counted one by one") {
    TopologyText topology;
    topology.max_requests = 1;
    EngineUnderTest engine(topology);
    Conversation holder(engine);
    Generate held = endless("held", 900);
    held.credit_tokens = 1;
    holder.generate(held);
    holder.wait_for_tokens("held", 1);
    for (int i = 0; i < 30; ++i) {
      const std::string id = "more-" + std::to_string(i);
      holder.generate(endless(id, 1));
      REQUIRE(holder.wait_for_answer(id).answer.error->code == ErrorCode::kOverloaded);
    }
    engine.check_metrics({{"sluice_requests_refused_total{code=\"overloaded\"}", 30},
                          {"sluice_requests_accepted_total", 1},
                          {"sluice_requests_running", 1},
                          {"sluice_requests_max", 1},
                          {"sluice_streams_paused", 1},
                          {"sluice_sequences_paused", 1}});
  }

  TEST_CASE("a lost stage is a new epoch, and the figures go on from where they were") {
    TopologyText topology;
    topology.stages = kHeadAndSpawned;
    EngineUnderTest engine(topology);
    Conversation client(engine);
    client.generate(endless("before", 5));
    client.wait_for_end("before");
    Generate held = endless("held", 900);
    held.credit_tokens = 1;
    client.generate(held);
    client.wait_for_tokens("held", 1);
    // Up to here the epoch has sent nothing that is not back: the held request is paused.
    engine.check_metrics({{"sluice_sequences_paused", 1}, {"sluice_steps_in_flight", 0}});
    const double steps = sample(engine.metrics(), "sluice_steps_total");
    kill(only_child_of(engine.program().pid()), SIGKILL);
    CHECK(client.wait_for_end("held").answer.error->code == ErrorCode::kStageLost);
    engine.wait_until_ready();
    client.generate(endless("after", 5));
    client.wait_for_end("after");
    engine.check_metrics({{"sluice_epoch", 2},
                          {"sluice_up", 1},
                          {"sluice_requests_failed_total{code=\"stage_lost\"}", 1},
                          {"sluice_requests_finished_total{reason=\"length\"}", 2},
                          {"sluice_steps_total", steps + 5},
                          {"sluice_link_sent_messages_total{from=\"batcher\",to=\"stage-0\"}", steps + 5},
                          {"sluice_stage_steps_total{stage=\"0\"}", steps + 5},
                          {"sluice_stage_steps_total{stage=\"1\"}", 5}});  // A new process.
  }

  TEST_CASE("scrapes in the middle of load are consistent, and counters never go back") {
    TopologyText topology;
    topology.stages = kHeadAndSpawned;
    topology.metrics_interval_ms = 10;
    EngineUnderTest engine(topology);
    Program load({"load", "--connect", engine.ingress(), "--json", "--rate", "100", "--requests", "60", "--vocab",
                  "4096", "--output-tokens", "20"});
    MetricSamples before;
    for (bool is_over = false; !is_over;) {
      const MetricSamples samples = engine.metrics();
      check_histograms(samples);
      const bool is_complete =
          samples.contains("sluice_kv_blocks_capacity") && samples.contains("sluice_requests_accepted_total");
      if (!is_complete) continue;
      CHECK(sample(samples, "sluice_kv_blocks{state=\"free\"}") + sample(samples, "sluice_kv_blocks{state=\"used\"}") +
                sample(samples, "sluice_kv_blocks{state=\"cached\"}") ==
            sample(samples, "sluice_kv_blocks_capacity"));
      CHECK(sample(samples, "sluice_step_tokens_count") == sample(samples, "sluice_steps_total"));
      CHECK(sample(samples, "sluice_steps_in_flight") <= sample(samples, "sluice_pipeline_depth"));
      CHECK(sample(samples, "sluice_requests_running") <= sample(samples, "sluice_requests_max"));
      for (const auto& [name, value] : before) {
        if (name.find("_total") == std::string::npos && name.find("_bucket") == std::string::npos) continue;
        CAPTURE(name);
        CHECK(sample(samples, name) >= value);
      }
      is_over = !before.empty() && sample(samples, "sluice_requests_accepted_total") > 0 &&
                sample(samples, "sluice_requests_running") == 0;
      before = samples;
    }
    load.rest();
    CHECK(load.wait() == 0);
    engine.check_metrics(idle_engine({"ingress", "tokenizer", "batcher", "stage-0", "stage-1", "batcher"}));
  }
}

}  // namespace
}  // namespace sluice::test
