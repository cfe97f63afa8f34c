#include "load/report.h"

#include <cmath>
#include <iomanip>
#include <nlohmann/json.hpp>
#include <sstream>

namespace sluice::load {

namespace {

using Json = nlohmann::ordered_json;

constexpr FinishReason kReasons[] = {FinishReason::kStop, FinishReason::kLength, FinishReason::kCancelled,
                                     FinishReason::kDeadline};

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}
double milliseconds(Duration duration) {
  return std::round(std::chrono::duration<double, std::micro>(duration).count()) / 1000;
}
double per_second(std::uint64_t count, Duration elapsed) {
  return elapsed > Duration::zero() ? std::round(static_cast<double>(count) / seconds(elapsed) * 100) / 100 : 0;
}
std::uint64_t finished(const Outcomes& outcomes, FinishReason reason) {
  return outcomes.finished[static_cast<std::size_t>(reason)];
}

// ---- table ----------------------------------------------------------------------------------------------------------

void write_outcome(std::ostringstream& out, const char* name, std::uint64_t count, const std::string& parts = {}) {
  out << std::left << std::setw(12) << name << std::right << std::setw(10) << count;
  if (!parts.empty()) out << "   " << parts;
  out << '\n';
}

void add_part(std::string& parts, std::string_view name, std::uint64_t count) {
  if (count == 0) return;
  if (!parts.empty()) parts += ", ";
  parts.append(name).append(" ").append(std::to_string(count));
}

void write_latency(std::ostringstream& out, const char* name, const LatencyHistogram& latency) {
  if (latency.count() == 0) return;
  out << std::left << std::setw(16) << name << std::right << std::setw(9) << latency.count();
  for (const Duration value :
       {latency.mean(), latency.quantile(0.5), latency.quantile(0.9), latency.quantile(0.99), latency.max()}) {
    out << std::setw(11) << std::setprecision(3) << milliseconds(value);
  }
  out << '\n';
}

void write_latencies(std::ostringstream& out, const Outcomes& outcomes) {
  out << std::left << std::setw(16) << "milliseconds" << std::right << std::setw(9) << "count";
  for (const char* column : {"mean", "p50", "p90", "p99", "max"}) out << std::setw(11) << column;
  out << '\n';
  write_latency(out, "first token", outcomes.first_token);
  write_latency(out, "between tokens", outcomes.between_tokens);
  write_latency(out, "end to end", outcomes.end_to_end);
  write_latency(out, "refusal", outcomes.refusal);
  write_latency(out, "send lag", outcomes.send_lag);
}

// ---- JSON -----------------------------------------------------------------------------------------------------------

Json latency_json(const LatencyHistogram& latency) {
  return {{"count", latency.count()},
          {"mean", milliseconds(latency.mean())},
          {"p50", milliseconds(latency.quantile(0.5))},
          {"p90", milliseconds(latency.quantile(0.9))},
          {"p99", milliseconds(latency.quantile(0.99))},
          {"max", milliseconds(latency.max())}};
}

Json outcomes_json(const Outcomes& outcomes) {
  Json by_reason = Json::object();
  for (const FinishReason reason : kReasons) by_reason[std::string(to_string(reason))] = finished(outcomes, reason);
  Json by_code = Json::object();
  for (const auto& [code, count] : outcomes.failed) by_code[std::string(to_string(code))] = count;
  return {{"finished", std::move(by_reason)},
          {"refused", outcomes.refused},
          {"failed", std::move(by_code)},
          {"timed_out", outcomes.timed_out},
          {"unsent", outcomes.unsent}};
}

}  // namespace

std::string report_table(const LoadReport& report) {
  const Outcomes& outcomes = report.outcomes;
  std::ostringstream out;
  out << std::fixed << std::setprecision(2);
  out << report.arrivals << ", seed " << report.seed << ", to " << report.model << " at " << report.address << ", "
      << report.connections << (report.connections == 1 ? " connection" : " connections") << "\n\n";
  std::string reasons, codes;
  for (const FinishReason reason : kReasons) add_part(reasons, to_string(reason), finished(outcomes, reason));
  for (const auto& [code, count] : outcomes.failed) add_part(codes, to_string(code), count);
  write_outcome(out, "offered", outcomes.offered,
                "sent " + std::to_string(outcomes.sent) + ", accepted " + std::to_string(outcomes.accepted));
  write_outcome(out, "finished", outcomes.finished_total(), reasons);
  write_outcome(out, "refused", outcomes.refused);
  write_outcome(out, "failed", outcomes.failed_total(), codes);
  write_outcome(out, "timed out", outcomes.timed_out);
  write_outcome(out, "unsent", outcomes.unsent);
  if (outcomes.verified > 0) {
    write_outcome(out, "verified", outcomes.verified, "wrong answers " + std::to_string(outcomes.wrong_answers));
  }
  out << "goodput     " << std::setw(10) << per_second(outcomes.good_requests, report.elapsed) << " requests/s, "
      << per_second(outcomes.good_output_tokens, report.elapsed) << " tokens/s over " << seconds(report.elapsed)
      << " s\n\n";
  write_latencies(out, outcomes);
  if (!report.is_balanced()) {
    out << "\nwrong: " << outcomes.offered << " offered, " << outcomes.total() << " outcomes, " << outcomes.violations
        << " messages against the protocol\n";
  }
  return out.str();
}

std::string report_json(const LoadReport& report) {
  const Outcomes& outcomes = report.outcomes;
  Json json = {{"address", report.address},
               {"model", report.model},
               {"arrivals", report.arrivals},
               {"seed", report.seed},
               {"connections", report.connections},
               {"elapsed_s", milliseconds(report.elapsed) / 1000},
               {"offered", outcomes.offered},
               {"sent", outcomes.sent},
               {"accepted", outcomes.accepted},
               {"outcomes", outcomes_json(outcomes)},
               {"violations", outcomes.violations},
               {"verified", outcomes.verified},
               {"wrong_answers", outcomes.wrong_answers},
               {"balanced", report.is_balanced()},
               {"interrupted", report.is_interrupted},
               {"output_tokens", outcomes.output_tokens}};
  json["goodput"] = {{"requests", outcomes.good_requests},
                     {"output_tokens", outcomes.good_output_tokens},
                     {"requests_per_s", per_second(outcomes.good_requests, report.elapsed)},
                     {"output_tokens_per_s", per_second(outcomes.good_output_tokens, report.elapsed)}};
  json["latency_ms"] = {{"first_token", latency_json(outcomes.first_token)},
                        {"between_tokens", latency_json(outcomes.between_tokens)},
                        {"end_to_end", latency_json(outcomes.end_to_end)},
                        {"refusal", latency_json(outcomes.refusal)},
                        {"send_lag", latency_json(outcomes.send_lag)}};
  // The model's name is the engine's: whatever bytes it has, this is JSON.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace sluice::load
