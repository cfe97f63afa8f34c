#include "cli/generation_stats.h"

#include <doctest/doctest.h>

namespace sluice::cli {
namespace {

using std::chrono::milliseconds;

Finished make_finished(std::uint32_t output_tokens) {
  Finished finished;
  finished.reason = FinishReason::kLength;
  finished.usage = {.prompt_tokens = 12, .output_tokens = output_tokens};
  return finished;
}

TEST_SUITE("cli/generation_stats") {
  TEST_CASE("line: gives the time to the first piece and the rate after it") {
    ManualClock clock;
    GenerationStats stats(clock.now());
    clock.advance(milliseconds(23));
    stats.on_tokens(clock.now());
    clock.advance(milliseconds(500));
    stats.on_tokens(clock.now());
    clock.advance(milliseconds(1500));
    stats.on_tokens(clock.now());
    CHECK(stats.line(make_finished(101), 7) ==
          "101 tokens (length) after 12 of prompt, first token after 23 ms, 50.0 tokens/s, seed 7");
  }

  TEST_CASE("line: leaves out what was not measured") {
    GenerationStats none{TimePoint{}};
    CHECK(none.line(make_finished(0), 7) == "0 tokens (length) after 12 of prompt, seed 7");

    GenerationStats one{TimePoint{}};
    one.on_tokens({milliseconds(5)});
    CHECK(one.line(make_finished(1), 7) == "1 token (length) after 12 of prompt, first token after 5 ms, seed 7");
    CHECK(one.line(make_finished(3), 7) == "3 tokens (length) after 12 of prompt, first token after 5 ms, seed 7");
  }
}

}  // namespace
}  // namespace sluice::cli
