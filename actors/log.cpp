#include "actors/log.h"

#include <spdlog/spdlog.h>

namespace sluice::actors {

namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug: return spdlog::level::debug;
    case LogLevel::kInfo: return spdlog::level::info;
    case LogLevel::kWarn: return spdlog::level::warn;
    case LogLevel::kError: return spdlog::level::err;
  }
  return spdlog::level::err;
}

}  // namespace

bool is_logged(LogLevel level) {
  return spdlog::default_logger_raw()->should_log(to_spdlog(level));
}

void write_log(const LogEvent& event) {
  spdlog::default_logger_raw()->log(to_spdlog(event.level()), spdlog::string_view_t(event.payload()));
}

void write_log(const std::vector<LogEvent>& events) {
  for (const LogEvent& event : events) write_log(event);
}

void log_dropped_message(std::string_view actor, std::string_view sender, const Error& error) {
  write_log(LogEvent(LogLevel::kError, actor, "message dropped").with("from", sender).with("error", to_string(error)));
}

}  // namespace sluice::actors
