// Where the long-running verbs log to: standard error, one line per event.
#pragma once

#include <string>
#include <string_view>

namespace sluice::cli {

// Begins every line of the log on a terminal, where a line that rewrites itself may stand.
inline constexpr std::string_view kEraseLine = "\r\x1b[K";

// `level`: "debug", "info", "warn", "error" or "off". `who` stands in every line.
void set_up_log(const std::string& who, const std::string& level);

}  // namespace sluice::cli
