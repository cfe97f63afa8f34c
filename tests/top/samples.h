// Scrapes from text, for tests.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "top/scrape.h"

namespace sluice::top {

inline Scrape scrape_at(Duration time, std::string_view text) {
  auto families = parse_exposition(text);
  if (!families.ok()) FAIL(to_string(families.error()));
  return {*std::move(families), TimePoint{time}};
}

// An engine of two stages, with as much of its metrics as the picture shows. `n` times the same happened.
std::string engine_metrics(int n);

}  // namespace sluice::top
