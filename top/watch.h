// The live picture: scrapes, draws, listens to keys and signals, until somebody has seen enough.
//
// Owns:    its scrapes. Takes SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH and SIGTSTP while it runs.
// Thread:  the caller's; nothing else waits there.
// Errors:  kUnavailable where the terminal is gone. An engine that does not answer is asked again at every interval,
//          and the picture says since when it has not.
#pragma once

#include "base/clock.h"
#include "base/error.h"
#include "top/http_get.h"
#include "top/paint.h"
#include "top/scrape.h"
#include "top/terminal.h"

namespace sluice::top {

struct WatchOptions {
  Duration interval = std::chrono::seconds(1);  // From one picture to the next.
  Duration window = std::chrono::seconds(5);    // What rates and quantiles cover.
  Look look = Look::kMonochrome;
};

enum class WatchEnd : std::uint8_t { kQuit, kInterrupted };

// GET and parse.
Result<Scrape> scrape(const HttpSource& source, const Clock& clock);

// `first`: what the engine said just before.
Result<WatchEnd> watch(const HttpSource& source, const WatchOptions& options, Terminal& terminal, Scrape first);

}  // namespace sluice::top
