#include "load/report.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "load/progress.h"

namespace sluice::load {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

LoadReport make_report() {
  LoadReport report{.address = "tcp://127.0.0.1:5555",
                    .model = "storyteller",
                    .arrivals = "Poisson arrivals, 20 requests/s",
                    .connections = 2,
                    .seed = 7,
                    .elapsed = seconds(4),
                    .outcomes = {},
                    .is_interrupted = false,
                    .loss = {}};
  Outcomes& outcomes = report.outcomes;
  outcomes.offered = 10;
  outcomes.sent = 9;
  outcomes.accepted = 7;
  outcomes.finished = {1, 5, 0, 0};
  outcomes.refused = 1;
  outcomes.failed[ErrorCode::kStageLost] = 1;
  outcomes.timed_out = 1;
  outcomes.unsent = 1;
  outcomes.output_tokens = 700;
  outcomes.good_requests = 6;
  outcomes.good_output_tokens = 610;
  outcomes.end_to_end.record(milliseconds(1500));
  outcomes.refusal.record(std::chrono::microseconds(250));
  return report;
}

TEST_SUITE("load/report") {
  TEST_CASE("JSON: counts, rates and latencies") {
    const auto json = nlohmann::json::parse(report_json(make_report()));
    CHECK(json["offered"] == 10);
    CHECK(json["outcomes"] == nlohmann::json::parse(R"({"finished": {"stop": 1, "length": 5, "cancelled": 0,
        "deadline": 0}, "refused": 1, "failed": {"stage_lost": 1}, "timed_out": 1, "unsent": 1})"));
    CHECK(json["goodput"] == nlohmann::json::parse(R"({"requests": 6, "output_tokens": 610, "requests_per_s": 1.5,
        "output_tokens_per_s": 152.5})"));
    CHECK(json["latency_ms"]["end_to_end"] == nlohmann::json::parse(R"({"count": 1, "mean": 1500.0, "p50": 1500.0,
        "p90": 1500.0, "p99": 1500.0, "max": 1500.0})"));
    CHECK(json["latency_ms"]["refusal"]["p99"] == 0.25);
    CHECK(json["latency_ms"]["first_token"]["count"] == 0);
    CHECK(json["elapsed_s"] == 4.0);
    CHECK(json["balanced"] == true);
  }

  TEST_CASE("table: outcomes with their parts, latencies where there are any") {
    CHECK(report_table(make_report()) ==
          "Poisson arrivals, 20 requests/s, seed 7, to storyteller at tcp://127.0.0.1:5555, 2 connections\n"
          "\n"
          "offered             10   sent 9, accepted 7\n"
          "finished             6   stop 1, length 5\n"
          "refused              1\n"
          "failed               1   stage_lost 1\n"
          "timed out            1\n"
          "unsent               1\n"
          "goodput           1.50 requests/s, 152.50 tokens/s over 4.00 s\n"
          "\n"
          "milliseconds        count       mean        p50        p90        p99        max\n"
          "end to end              1   1500.000   1500.000   1500.000   1500.000   1500.000\n"
          "refusal                 1      0.250      0.250      0.250      0.250      0.250\n");
  }

  TEST_CASE("a request without an outcome, or a message too many, is said") {
    LoadReport lost = make_report();
    lost.outcomes.timed_out = 0;
    CHECK_FALSE(lost.is_balanced());
    CHECK(report_table(lost).ends_with("\nwrong: 10 offered, 9 outcomes, 0 messages against the protocol\n"));
    LoadReport violated = make_report();
    violated.outcomes.violations = 2;
    CHECK_FALSE(violated.is_balanced());
    CHECK(nlohmann::json::parse(report_json(violated))["balanced"] == false);
  }

  TEST_CASE("answers that were compared are said, wrong ones with them") {
    LoadReport compared = make_report();
    compared.outcomes.verified = 6;
    compared.outcomes.wrong_answers = 2;
    CHECK(report_table(compared).find("\nverified             6   wrong answers 2\n") != std::string::npos);
    const auto json = nlohmann::json::parse(report_json(compared));
    CHECK(json["verified"] == 6);
    CHECK(json["wrong_answers"] == 2);
  }

  TEST_CASE("a run in which nothing happened has a report too") {
    const LoadReport nothing;
    CHECK(nothing.is_balanced());
    CHECK(nlohmann::json::parse(report_json(nothing))["goodput"]["requests_per_s"] == 0.0);
    CHECK(report_table(nothing).find("offered              0") != std::string::npos);
  }

  TEST_CASE("the progress line has totals, and rates since the last line") {
    ProgressLine line;
    Outcomes outcomes;
    outcomes.offered = 40;
    outcomes.finished = {0, 10, 0, 0};
    outcomes.output_tokens = 500;
    CHECK(line.next(outcomes, 30, seconds(2)) ==
          "2 s: offered 40 (20/s), in flight 30, finished 10 (5/s), refused 0, failed 0, tokens 250/s");
    outcomes.offered = 50;
    outcomes.refused = 3;
    outcomes.failed[ErrorCode::kStageLost] = 2;
    CHECK(line.next(outcomes, 35, seconds(3)) ==
          "3 s: offered 50 (10/s), in flight 35, finished 10 (0/s), refused 3, failed 2, tokens 0/s");
  }
}

}  // namespace
}  // namespace sluice::load
