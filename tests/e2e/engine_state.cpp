#include "tests/e2e/engine_state.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/clock.h"

namespace sluice::test {
namespace {

// Of every thread: the supervisor's starts them.
void add_with_children(pid_t process, std::vector<pid_t>& found) {
  found.push_back(process);
  for (const auto& thread : std::filesystem::directory_iterator("/proc/" + std::to_string(process) + "/task")) {
    std::ifstream file(thread.path() / "children");
    for (pid_t child = 0; file >> child;) add_with_children(child, found);
  }
}

// The sum of all series of a family.
double sum(const MetricSamples& samples, const std::string& family) {
  double total = 0;
  for (const auto& [name, value] : samples) {
    if (name == family || name.starts_with(family + "{")) total += value;
  }
  return total;
}

MetricSamples nothing_held(const MetricSamples& now) {
  MetricSamples expected;
  for (const std::string name :
       {"requests_running", "requests_kept", "ingress_attachments", "ingress_connections", "ingress_sessions",
        "sequences_waiting", "sequences_running", "sequences_draining", "sequences_paused", "steps_in_flight",
        "streams_running", "streams_draining", "streams_paused", "streams_kept", "streams_kept_bytes",
        "streams_backlog_tokens", "admission_queued_prompt_tokens"}) {
    expected["sluice_" + name] = 0;
  }
  expected["sluice_kv_blocks{state=\"used\"}"] = 0;
  for (const auto& [name, value] : now) {
    const bool is_queue = name.starts_with("sluice_link_queued_messages{") ||
                          name.starts_with("sluice_link_unsent_messages{") ||
                          name.starts_with("sluice_link_held_messages{") || name.starts_with("sluice_link_held_bytes{");
    if (is_queue) expected[name] = 0;
  }
  return expected;
}

}  // namespace

std::vector<pid_t> processes_of(EngineUnderTest& engine) {
  std::vector<pid_t> found;
  add_with_children(engine.program().pid(), found);
  return found;
}

namespace {

std::map<pid_t, std::size_t> descriptors_now(const std::vector<pid_t>& processes) {
  std::map<pid_t, std::size_t> counts;
  for (const pid_t process : processes) {
    const std::filesystem::directory_iterator open("/proc/" + std::to_string(process) + "/fd");
    counts[process] = static_cast<std::size_t>(std::distance(begin(open), end(open)));
  }
  return counts;
}

// What they are of, for a failure's message.
std::string descriptor_names(pid_t process) {
  std::string names;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(process) + "/fd")) {
    std::error_code is_gone;
    const auto target = std::filesystem::read_symlink(entry.path(), is_gone);
    names += entry.path().filename().string() + " " + target.string() + "\n";
  }
  return names;
}

}  // namespace

std::map<pid_t, std::size_t> descriptors_of(const EngineUnderTest& engine, const std::vector<pid_t>& processes) {
  constexpr int kScrapes = 50;
  std::map<pid_t, std::size_t> least = descriptors_now(processes);
  for (int i = 0; i < kScrapes; ++i) {
    engine.metrics();
    for (const auto& [process, count] : descriptors_now(processes)) least[process] = std::min(least[process], count);
  }
  return least;
}

void check_descriptors(const EngineUnderTest& engine, const std::map<pid_t, std::size_t>& before) {
  std::vector<pid_t> processes;
  for (const auto& [process, count] : before) processes.push_back(process);
  const SteadyClock clock;
  const TimePoint end = clock.now() + kPatience;
  // Sockets are closed in the background, and for each of its reports the engine opens /proc/self/statm and fd for a
  // moment: one look that finds what there was before is the proof, the next may find one more. A scrape is a turn of
  // waiting.
  std::map<pid_t, std::size_t> now = descriptors_now(processes);
  while (now != before && clock.now() < end) {
    engine.metrics();
    now = descriptors_now(processes);
  }
  for (const auto& [process, count] : now) {
    if (count == before.at(process)) continue;
    FAIL_CHECK("process " << process << " has " << count << " descriptors, " << before.at(process)
                          << " before; now open:\n"
                          << descriptor_names(process));
  }
}

std::uint64_t resident_bytes(const std::vector<pid_t>& processes) {
  std::uint64_t kilobytes = 0;
  for (const pid_t process : processes) {
    std::ifstream status("/proc/" + std::to_string(process) + "/status");
    for (std::string word; status >> word;) {
      if (word != "VmRSS:") continue;
      std::uint64_t number = 0;
      status >> number;
      kilobytes += number;
    }
  }
  return kilobytes * 1024;
}

void check_idle(const EngineUnderTest& engine) {
  engine.check_metrics(nothing_held(engine.metrics()));
  const MetricSamples samples = engine.metrics();
  CHECK(sample(samples, "sluice_requests_accepted_total") ==
        sum(samples, "sluice_requests_finished_total") + sum(samples, "sluice_requests_failed_total"));
  CHECK(sum(samples, "sluice_kv_blocks") == sample(samples, "sluice_kv_blocks_capacity"));
  CHECK(sample(samples, "sluice_up") == 1);
}

void check_credits(const EngineUnderTest& engine, const MetricSamples& before) {
  const MetricSamples samples = engine.metrics();
  int links = 0;
  for (const auto& [name, value] : before) {
    if (!name.starts_with("sluice_link_credit_")) continue;
    CAPTURE(name);
    CHECK(sample(samples, name) >= value / 2);
    ++links;
  }
  CHECK(links > 10);
}

}  // namespace sluice::test
