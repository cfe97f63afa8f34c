// Where actors put what is worth a line of the log. The program decides what becomes of it (cli/log_setup.h): there the
// line is made and written on another thread, so that no actor waits for a terminal.
//
// Thread:  any.
#pragma once

#include <string_view>
#include <vector>

#include "base/error.h"
#include "pipeline/log/log_event.h"

namespace sluice::actors {

// Whether events of this level are kept: others need not be made.
bool is_logged(LogLevel level);
void write_log(const LogEvent& event);
void write_log(const std::vector<LogEvent>& events);
// That `actor` could not read what `sender` sent it.
void log_dropped_message(std::string_view actor, std::string_view sender, const Error& error);

}  // namespace sluice::actors
