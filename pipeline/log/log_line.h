// A line of the log, from an event's payload:
//
//   text  2026-02-03T04:05:06.789Z sluice info ingress: request accepted id="a" sequence=17
//   json  {"time":"2026-02-03T04:05:06.789Z","process":"sluice","level":"info","actor":"ingress",
//          "event":"request accepted","id":"a","sequence":17}         (in one line)
//
// Both are one line whatever the payload holds: what is no LogEvent's, of a library say, is quoted as a whole.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "pipeline/log/log_event.h"

namespace sluice {

enum class LogFormat : std::uint8_t { kText, kJson };

struct LogRecord {
  std::chrono::system_clock::time_point time;
  std::string_view process;  // A name of ours: [a-z0-9-].
  LogLevel level = LogLevel::kInfo;
  std::string_view payload;
};

// With its line end.
std::string line_of(const LogRecord& record, LogFormat format);

}  // namespace sluice
