// Where the long-running verbs log to: standard error, one line per event.
#pragma once

#include <string>

namespace sluice::cli {

// `level`: "debug", "info", "warn", "error" or "off". `who` stands in every line.
void set_up_log(const std::string& who, const std::string& level);

}  // namespace sluice::cli
