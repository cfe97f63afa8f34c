#include "cli/log_setup.h"

#include <unistd.h>

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

namespace sluice::cli {

void set_up_log(const std::string& who, const std::string& level) {
  spdlog::set_default_logger(spdlog::stderr_color_mt(who));
  const std::string erase(isatty(STDERR_FILENO) == 1 ? kEraseLine : "");
  spdlog::set_pattern(erase + "%Y-%m-%d %H:%M:%S.%e %n %^%l%$ %v");
  spdlog::set_level(spdlog::level::from_str(level));
}

}  // namespace sluice::cli
