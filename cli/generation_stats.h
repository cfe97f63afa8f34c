// How fast one answer came, as its client saw it: the line that `generate` prints last.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "base/messages/client.h"

namespace sluice::cli {

class GenerationStats {
 public:
  explicit GenerationStats(TimePoint sent) : sent_(sent) {}

  // A piece of output with at least one token has come.
  void on_tokens(TimePoint now);

  // "120 tokens (length) after 12 of prompt, first token after 23 ms, 203.1 tokens/s, seed 7". The rate is that of the
  // tokens after the first, over the time from the first piece to the last; left out where there is no such time.
  std::string line(const Finished& finished, std::uint64_t seed) const;

 private:
  TimePoint sent_;
  std::optional<TimePoint> first_;
  TimePoint last_{};
};

}  // namespace sluice::cli
