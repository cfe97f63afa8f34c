// The result of a run, as a table for people and as JSON for programs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "load/outcomes.h"

namespace sluice::load {

struct LoadReport {
  std::string address;   // Of the engine.
  std::string model;     // As its Welcome has it.
  std::string arrivals;  // What was asked for: "20 requests/s".
  std::uint32_t connections = 1;
  std::uint64_t seed = 0;
  Duration elapsed{};  // What rates refer to; see LoadRun::elapsed.
  Outcomes outcomes;
  bool is_interrupted = false;  // By Ctrl-C: what was in flight counts as timed out.
  std::optional<Error> loss;    // Of a connection, which ended the run.

  // Every offered request has exactly one outcome, and the engine kept to the protocol.
  bool is_balanced() const { return outcomes.offered == outcomes.total() && outcomes.violations == 0; }
};

// Several lines, the last one's end included.
std::string report_table(const LoadReport& report);
// One object on one line, its end included. Keys: docs/LOAD.md.
std::string report_json(const LoadReport& report);

}  // namespace sluice::load
