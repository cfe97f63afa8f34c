// The live picture of `sluice top`: see live_screen.h for what it owns and takes, and its errors.
#pragma once

#include "base/clock.h"
#include "base/error.h"
#include "top/http_get.h"
#include "top/live_screen.h"
#include "top/scrape.h"

namespace sluice::top {

struct WatchOptions {
  Duration interval = std::chrono::seconds(1);  // From one picture to the next.
  Duration window = std::chrono::seconds(5);    // What rates and quantiles cover.
  Look look = Look::kMonochrome;
};

// GET and parse.
Result<Scrape> scrape(const HttpSource& source, const Clock& clock);

// `first`: what the engine said just before.
Result<LiveEnd> watch(const HttpSource& source, const WatchOptions& options, Terminal& terminal, Scrape first);

}  // namespace sluice::top
