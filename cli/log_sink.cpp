#include "cli/log_sink.h"

#include <limits.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/check.h"
#include "cli/log_setup.h"

namespace sluice::cli {
namespace {

constexpr std::string_view kYellow = "\x1b[33m";
constexpr std::string_view kRed = "\x1b[31m";
constexpr std::string_view kPlain = "\x1b[0m";

LogLevel level_of(spdlog::level::level_enum level) {
  if (level <= spdlog::level::debug) return LogLevel::kDebug;
  if (level == spdlog::level::info) return LogLevel::kInfo;
  return level == spdlog::level::warn ? LogLevel::kWarn : LogLevel::kError;
}

void signal_event(int fd) {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = write(fd, &one, sizeof one);
}

}  // namespace

LogSink::LogSink(LogSinkOptions options)
    : options_(std::move(options)),
      hurry_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      flushed_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      give_up_at_(TimePoint::never().since_start.count()) {
  SLUICE_CHECK_GE(hurry_fd_, 0);
  SLUICE_CHECK_GE(flushed_fd_, 0);
}

LogSink::~LogSink() {
  close(hurry_fd_);
  close(flushed_fd_);
}

void LogSink::log(const spdlog::details::log_msg& message) {
  report_dropped(message.time, false);
  const std::string_view payload(message.payload.data(), message.payload.size());
  const LogLevel level = level_of(message.level);
  write_line(level, line_of({message.time, options_.process, level, payload}, options_.format));
}

void LogSink::flush() {
  report_dropped(std::chrono::system_clock::now(), true);
  signal_event(flushed_fd_);
}

void LogSink::report_dropped(std::chrono::system_clock::time_point time, bool is_last) {
  const std::size_t dropped = options_.dropped_total ? options_.dropped_total() : 0;
  if (dropped == reported_dropped_ || (!is_last && time - reported_at_ < std::chrono::seconds(1))) return;
  const LogEvent event = LogEvent(LogLevel::kWarn, "log", "lines dropped").with("count", dropped - reported_dropped_);
  write_line(event.level(), line_of({time, options_.process, event.level(), event.payload()}, options_.format));
  reported_dropped_ = dropped;
  reported_at_ = time;
}

void LogSink::write_line(LogLevel level, std::string_view line) {
  if (!options_.is_terminal) return write_all(line);
  std::string shown(kEraseLine);
  if (level >= LogLevel::kWarn) shown += level == LogLevel::kWarn ? kYellow : kRed;
  shown += line.substr(0, line.size() - 1);
  if (level >= LogLevel::kWarn) shown += kPlain;
  write_all(shown + "\n");
}

// A pipe that is writable takes PIPE_BUF bytes without waiting.
void LogSink::write_all(std::string_view bytes) {
  while (!bytes.empty() && wait_until_writable()) {
    const ssize_t written = write(options_.fd, bytes.data(), std::min<std::size_t>(bytes.size(), PIPE_BUF));
    if (written < 0 && errno != EINTR && errno != EAGAIN) return;
    if (written > 0) bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

bool LogSink::wait_until_writable() {
  while (true) {
    const std::int64_t give_up_at = give_up_at_;
    const bool is_hurried = give_up_at != TimePoint::never().since_start.count();
    int timeout_ms = -1;
    if (is_hurried) {
      const std::int64_t left_ns = std::max<std::int64_t>(0, give_up_at - clock_.now().since_start.count());
      timeout_ms = static_cast<int>((left_ns + 999'999) / 1'000'000);
    }
    pollfd items[] = {{options_.fd, POLLOUT, 0}, {hurry_fd_, POLLIN, 0}};
    const int ready = poll(items, is_hurried ? 1 : 2, timeout_ms);
    if (ready < 0 && errno != EINTR) return false;
    if (ready > 0 && items[0].revents != 0) return true;
    if (ready == 0) return false;
  }
}

void LogSink::hurry(Duration patience) {
  give_up_at_ = (clock_.now() + patience).since_start.count();
  signal_event(hurry_fd_);
}

bool LogSink::wait_for_flush(int timeout_ms) {
  pollfd item{flushed_fd_, POLLIN, 0};
  if (poll(&item, 1, timeout_ms) != 1) return false;
  std::uint64_t count = 0;
  return read(flushed_fd_, &count, sizeof count) == sizeof count;
}

}  // namespace sluice::cli
