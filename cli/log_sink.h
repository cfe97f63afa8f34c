// The end of the log: makes a line of each event and writes it, with one write per line, so that processes that share
// standard error do not mix theirs.
//
// Owns:    nothing of the descriptor it writes to; two eventfds.
// Thread:  log() and flush() on one thread (that of the asynchronous logger); hurry() and wait_for_flush() on any, and
//          in a handler of SIGABRT.
// Errors:  a reader that takes nothing is waited for, until hurry(). A descriptor that is broken takes nothing: where
//          could that be said?
#pragma once

#include <spdlog/sinks/sink.h>

#include <atomic>
#include <functional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "pipeline/log/log_line.h"

namespace sluice::cli {

struct LogSinkOptions {
  int fd = 2;
  std::string process;  // Stands in every line.
  LogFormat format = LogFormat::kText;
  bool is_terminal = false;  // Erase what stands in the line, colour warnings.
  // Lines that the queue in front has dropped so far; where it grows a line says so, at most one a second.
  std::function<std::size_t()> dropped_total;
};

class LogSink final : public spdlog::sinks::sink {
 public:
  explicit LogSink(LogSinkOptions options);
  LogSink(const LogSink&) = delete;
  LogSink& operator=(const LogSink&) = delete;
  ~LogSink() override;

  void log(const spdlog::details::log_msg& message) override;
  void flush() override;
  void set_pattern(const std::string&) override {}
  void set_formatter(std::unique_ptr<spdlog::formatter>) override {}

  // From now on readers have so much time in all; then lines are dropped.
  void hurry(Duration patience);
  // Waits for the end of a flush() that has not been waited for. False: none within `timeout_ms`.
  bool wait_for_flush(int timeout_ms);

 private:
  void report_dropped(std::chrono::system_clock::time_point time, bool is_last);
  void write_line(LogLevel level, std::string_view line);
  void write_all(std::string_view bytes);
  bool wait_until_writable();

  LogSinkOptions options_;
  SteadyClock clock_;
  int hurry_fd_ = -1;
  int flushed_fd_ = -1;
  std::atomic<std::int64_t> give_up_at_;  // Nanoseconds of clock_.
  std::size_t reported_dropped_ = 0;
  std::chrono::system_clock::time_point reported_at_{};
};

}  // namespace sluice::cli
