// A status as JSON, and back: what the head serves under /status (docs/STATUS.md).
//
// Thread:  pure functions.
// Units:   times are milliseconds until `now`, which is each side's own.
// Errors:  the reader takes whatever it is given: kProtocolViolation, which names the place, for text that is no status
//          or goes beyond a limit. Keys that it does not know it skips: there may be more of them one day.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "pipeline/membership/engine_status.h"

namespace sluice {

// One object of ASCII, with a newline at its end.
std::string render_status_json(const EngineStatus& status, TimePoint now);
Result<EngineStatus> parse_status_json(std::string_view text, TimePoint now);

}  // namespace sluice
