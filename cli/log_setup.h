// Where the long-running verbs log to: standard error, one line per event (docs/LOGS.md), written by a thread of its
// own behind a bounded queue. A full queue drops its oldest lines, counted in a line; nobody who logs ever waits.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>

namespace CLI {
class App;
}

namespace sluice::cli {

// Begins every line of the log on a terminal, where a line that rewrites itself may stand.
inline constexpr std::string_view kEraseLine = "\r\x1b[K";

struct LogOptions {
  std::string level = "info";   // "debug", "info", "warn", "error" or "off"
  std::string format = "text";  // "text" or "json"
};

// Adds --log-level and --log-format; `options` outlives the verb.
void add_log_options(CLI::App& verb, LogOptions& options);

// The log of the process, from construction to destruction; one at a time. `who` stands in every line.
//
// Owns:    the queue, its thread, and the handler of SIGABRT: what has been logged when a check fails is still written.
// Errors:  at the end, and on SIGABRT, a reader of standard error that takes nothing is given up after two seconds.
class Log {
 public:
  Log(const std::string& who, const LogOptions& options);
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  ~Log();

 private:
  struct Parts;
  static void drain_on_abort();

  std::unique_ptr<Parts> parts_;
  static std::atomic<Parts*> current_;  // For the handler of SIGABRT.
};

}  // namespace sluice::cli
