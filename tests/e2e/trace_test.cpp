// The trace of a request through a running engine: every phase is there, and its spans are where they can be.
#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/clock.h"
#include "tests/e2e/engine_under_test.h"

namespace sluice::test {
namespace {

using Json = nlohmann::json;

TopologyText two_processes() {
  TopologyText topology;
  topology.stages = {{"0-2", "head/cpu:0"}, {"3-5", "spawn/cpu:0"}};
  return topology;
}

Generate traced(const std::string& id, std::uint32_t max_tokens) {
  Generate request = greedy(id, "Once upon a time", max_tokens);
  request.trace = true;
  request.ignore_eos = true;
  return request;
}

std::uint64_t end_us(const TraceSpan& span) {
  return span.start_us + span.duration_us;
}

std::vector<TraceSpan> of_kind(const Trace& trace, TraceKind kind) {
  std::vector<TraceSpan> found;
  for (const TraceSpan& span : trace.spans) {
    if (span.kind == kind) found.push_back(span);
  }
  return found;
}

// The phases, one behind the other from 0 to the end of the request, which is returned.
std::uint64_t check_phases(const Trace& trace, const PhaseTimes& times) {
  std::uint64_t at_us = 0;
  for (const TraceKind kind : {TraceKind::kAdmission, TraceKind::kTokenize, TraceKind::kQueue, TraceKind::kPrefill,
                               TraceKind::kDecode, TraceKind::kRespond}) {
    const auto phase = of_kind(trace, kind);
    REQUIRE(phase.size() == 1);
    CHECK(phase[0].start_us == at_us);
    at_us = end_us(phase[0]);
  }
  CHECK(of_kind(trace, TraceKind::kQueue)[0].duration_us == times.queue_us);
  CHECK(of_kind(trace, TraceKind::kPrefill)[0].duration_us == times.prefill_us);
  CHECK(of_kind(trace, TraceKind::kDecode)[0].duration_us == times.decode_us);
  return at_us;
}

// Every stage within its step, in their order; spans of one stage do not overlap.
void check_stages(const Trace& trace, std::size_t num_stages) {
  std::map<std::uint64_t, TraceSpan> steps;
  for (const TraceSpan& span : trace.spans) {
    if (span.kind == TraceKind::kPrefillStep || span.kind == TraceKind::kDecodeStep) steps[span.step] = span;
  }
  std::map<std::uint64_t, std::uint64_t> step_at_us;
  std::map<std::uint16_t, std::uint64_t> stage_at_us;
  std::map<std::uint16_t, std::size_t> num_computed;
  for (const TraceSpan& span : trace.spans) {
    if (span.kind != TraceKind::kReceive && span.kind != TraceKind::kCompute) continue;
    REQUIRE(steps.contains(span.step));
    const TraceSpan& step = steps[span.step];
    CHECK(span.start_us >= std::max({step.start_us, step_at_us[span.step], stage_at_us[span.stage]}));
    CHECK(end_us(span) <= end_us(step));
    step_at_us[span.step] = stage_at_us[span.stage] = end_us(span);
    if (span.kind == TraceKind::kCompute) ++num_computed[span.stage];
  }
  CHECK(num_computed.size() == num_stages);
  for (const auto& [stage, count] : num_computed) CHECK(count == steps.size());
}

TEST_SUITE("e2e/trace") {
  TEST_CASE("two processes: phases, steps, both stages and what was sent, within the time that the client saw") {
    const EngineUnderTest engine(two_processes());
    transport::Client client = engine.connect();
    const SteadyClock clock;

    const TimePoint sent = clock.now();
    const Answer answer = generate(client, traced("a", 20));
    const Duration seen = clock.now() - sent;

    REQUIRE(answer.finished.has_value());
    const Trace& trace = answer.finished->trace;
    CHECK(trace.num_dropped == 0);
    const std::uint64_t total_us = check_phases(trace, answer.finished->times);
    CHECK(std::chrono::microseconds(total_us) <= seen);
    for (const TraceSpan& span : trace.spans) CHECK(end_us(span) <= total_us);
    check_stages(trace, 2);
    const auto prefill = of_kind(trace, TraceKind::kPrefillStep);
    REQUIRE(prefill.size() == 1);
    CHECK(prefill[0].tokens == answer.finished->usage.prompt_tokens);
    CHECK(of_kind(trace, TraceKind::kDecodeStep).size() == 19);
    std::uint64_t num_sent = 0;
    for (const TraceSpan& span : of_kind(trace, TraceKind::kSend)) num_sent += span.tokens;
    CHECK(num_sent == 20);
  }

  TEST_CASE("a request that is not traced has no trace, also beside one that is, and the same tokens") {
    const EngineUnderTest engine(two_processes());
    transport::Client client = engine.connect();
    Generate plain = traced("plain", 20);
    plain.trace = false;

    const Answer with = generate(client, traced("traced", 20));
    const Answer without = generate(client, plain);

    REQUIRE(without.finished.has_value());
    CHECK(without.finished->trace == Trace{});
    CHECK(without.ids == with.ids);
  }

  TEST_CASE("a long prompt in several chunks: steps in flight together still give stages that do not overlap") {
    TopologyText topology = two_processes();
    topology.max_batch_tokens = 64;
    const EngineUnderTest engine(topology);
    transport::Client client = engine.connect();
    Generate request = traced("a", 4);
    request.prompt = std::vector<TokenId>(300, 17);

    const Answer answer = generate(client, request);

    REQUIRE(answer.finished.has_value());
    check_phases(answer.finished->trace, answer.finished->times);
    check_stages(answer.finished->trace, 2);
    CHECK(of_kind(answer.finished->trace, TraceKind::kPrefillStep).size() >= 5);
  }

  TEST_CASE("generate --trace: a file that trace viewers read") {
    const EngineUnderTest engine(two_processes());
    const TemporaryFolder folder;
    const std::string file = (folder.path() / "trace.json").string();

    Program program({"generate", "--connect", engine.ingress(), "-p", "Once upon a time", "-n", "5", "--greedy", "-q",
                     "--trace", file});
    program.rest();
    REQUIRE(program.wait() == 0);

    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    const Json json = Json::parse(text.str());
    std::map<std::string, std::size_t> names;
    std::map<int, std::uint64_t> ends;
    for (const Json& event : json.at("traceEvents")) {
      if (event.at("ph") == "M") {
        if (event.at("name") == "thread_name") ++names[event.at("args").at("name").get<std::string>()];
        continue;
      }
      const auto start = event.at("ts").get<std::uint64_t>();
      CHECK(start >= ends[event.at("tid")]);
      ends[event.at("tid")] = start + event.at("dur").get<std::uint64_t>();
    }
    for (const std::string track : {"request", "batcher", "stage 0", "stage 1", "responder"}) CHECK(names[track] == 1);
  }

  TEST_CASE("generate --trace: a file that cannot be written is wrong usage, before anything is asked") {
    const TemporaryFolder folder;
    Program program({"generate", "-p", "x", "--trace", (folder.path() / "none" / "trace.json").string()}, true);

    CHECK(program.rest().find("the trace cannot be written to") != std::string::npos);
    CHECK(program.wait() == 2);
  }
}

}  // namespace
}  // namespace sluice::test
