#include "pipeline/request/admission.h"

#include <doctest/doctest.h>

#include <chrono>
#include <vector>

namespace sluice {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// An admission with its clock and the places it gave.
struct Door {
  explicit Door(AdmissionLimits limits) : admission(limits) {}

  // Index of the place.
  std::size_t enter(std::uint64_t tokens, std::int32_t priority = 0) {
    auto place = admission.admit({.prompt_tokens = tokens, .priority = priority}, now);
    REQUIRE(place.ok());
    places.push_back(*place);
    return places.size() - 1;
  }
  Error refusal(const AdmissionRequest& request) {
    const auto place = admission.admit(request, now);
    REQUIRE_FALSE(place.ok());
    CHECK(place.error().code == ErrorCode::kOverloaded);
    return place.error();
  }
  void show_output(std::size_t index) { admission.show_output(places[index], now); }
  void end(std::size_t index) { admission.give_back(places[index], now); }
  Duration wait(std::uint64_t tokens, std::int32_t priority = 0) {
    return admission.predicted_wait({.prompt_tokens = tokens, .priority = priority}, now);
  }
  void pass(Duration time) { now = now + time; }

  Admission admission;
  TimePoint now{};
  std::vector<Admission::Place> places;
};

// Queued without a break: 100 tokens come to their first output each 100 ms, five times. 500 tokens stay queued.
Door busy_door() {
  Door door({.max_requests = 64});
  for (int n = 0; n < 10; ++n) door.enter(100);
  for (std::size_t n = 0; n < 5; ++n) {
    door.pass(milliseconds(100));
    door.show_output(n);
  }
  return door;
}

TEST_SUITE("pipeline/request/admission") {
  TEST_CASE("places: gives out exactly as many as there are, and again those that came back") {
    Door door({.max_requests = 2});
    door.enter(1);
    door.enter(1);
    CHECK(door.refusal({}).message == "all 2 places for requests are taken");
    door.end(0);
    door.enter(1);
    door.refusal({});
    CHECK(door.admission.taken() == 2);
  }

  TEST_CASE("places: the retry hint is the mean time between ends, once more for each refused") {
    Door door({.max_requests = 8});
    for (int i = 0; i < 8; ++i) door.enter(1);
    CHECK(door.refusal({}).retry_after_ms == Admission::kRetryUnknown_ms);
    const auto end_and_enter = [&](std::size_t index) {
      door.end(index);
      door.enter(1);
    };
    for (std::size_t i = 0; i < 4; ++i) {
      end_and_enter(i);
      door.pass(milliseconds(200));
    }

    CHECK(door.refusal({}).retry_after_ms == 200);
    CHECK(door.refusal({}).retry_after_ms == 400);
    end_and_enter(4);
    CHECK(door.refusal({}).retry_after_ms == 160);  // Five ends in 800 ms.
  }

  TEST_CASE("places: the hint stays between 50 ms and 30 s, and an idle night is no part of it") {
    Door door({.max_requests = 1});
    door.enter(1);
    door.end(0);
    door.pass(seconds(100'000));
    door.enter(1);
    CHECK(door.refusal({}).retry_after_ms == Admission::kRetryUnknown_ms);  // Nothing has ended since the night.
    door.pass(milliseconds(1));
    door.end(1);
    door.enter(1);
    CHECK(door.refusal({}).retry_after_ms >= Admission::kRetryMin_ms);

    Door slow({.max_requests = 2});
    slow.enter(1);
    slow.enter(1);
    slow.pass(seconds(10));
    slow.end(0);
    slow.enter(1);
    for (int n = 0; n < 100; ++n) slow.refusal({});
    CHECK(slow.refusal({}).retry_after_ms == Admission::kRetryMax_ms);
  }

  TEST_CASE("tokens: queued until the first output, the end, or the loss of the last client") {
    Door door({.max_requests = 8});
    for (const std::uint64_t tokens : {1u, 10u, 100u, 1000u}) door.enter(tokens);
    CHECK(door.admission.queued_prompt_tokens() == 1111);
    door.show_output(0);
    door.show_output(0);
    CHECK(door.admission.queued_prompt_tokens() == 1110);
    door.admission.leave_queue(door.places[1]);
    door.show_output(1);
    CHECK(door.admission.queued_prompt_tokens() == 1100);
    door.end(2);
    CHECK(door.admission.queued_prompt_tokens() == 1000);
    for (const std::size_t index : {0u, 1u, 3u}) door.end(index);
    CHECK(door.admission.queued_prompt_tokens() == 0);
    CHECK(door.admission.taken() == 0);
  }

  TEST_CASE("tokens: refused beyond the limit, with a hint in proportion to the excess") {
    Door door({.max_requests = 64, .max_queued_prompt_tokens = 1'000});
    door.enter(600);
    door.enter(400);
    const Error first = door.refusal({.prompt_tokens = 100});
    CHECK(first.message == "about 1000 prompt tokens are queued, with this prompt's 100 the limit of 1000 is exceeded");
    CHECK(first.retry_after_ms == Admission::kRetryUnknown_ms);

    door.pass(milliseconds(2'400));
    door.show_output(0);  // 600 tokens in 2.4 s.
    door.enter(600);
    CHECK(door.refusal({.prompt_tokens = 100}).retry_after_ms == 400);
    CHECK(door.refusal({.prompt_tokens = 100}).retry_after_ms == 800);  // The other one comes back too.
    door.pass(milliseconds(2'600));
    door.show_output(1);  // 1,000 tokens in 5 s.
    CHECK(door.refusal({.prompt_tokens = 500}).retry_after_ms == 500);
    CHECK(door.admission.refused_for_tokens() == 4);
    door.enter(400);  // It is the excess that is refused, not the next one.
  }

  TEST_CASE("tokens: one prompt alone is always taken, and what comes while it waits is not") {
    Door door({.max_requests = 4, .max_queued_prompt_tokens = 10});
    door.enter(1'000'000);
    door.refusal({.prompt_tokens = 1});
    door.show_output(0);
    door.enter(9);
    door.enter(1);
    door.refusal({.prompt_tokens = 1});
  }

  TEST_CASE("tokens: without a limit of its own it is 4096 for each place") {
    CHECK(Admission({.max_requests = 64}).max_queued_prompt_tokens() == 64u * 4096u);
    Door door({.max_requests = 64});
    for (int n = 0; n < 64; ++n) door.enter(4096);
  }

  TEST_CASE("held up: refused while the tokenizer's queue is full") {
    Door door({.max_requests = 4});
    CHECK(door.refusal({.is_held_up = true}).retry_after_ms == Admission::kRetryUnknown_ms);
    CHECK(door.admission.refused_for_held_up() == 1);
    door.enter(1);
  }

  TEST_CASE("wait: an idle engine refuses nobody, whatever it did before") {
    Door door({.max_requests = 64});
    const AdmissionRequest urgent{.prompt_tokens = 1'000'000, .time_left = milliseconds(1)};
    CHECK(door.admission.admit(urgent, door.now).ok());
    Door slow({.max_requests = 64});
    for (std::size_t n = 0; n < 10; ++n) {
      slow.enter(1);
      slow.pass(seconds(9));
      slow.show_output(n);
    }
    CHECK(slow.wait(1'000'000) == Duration{0});
    CHECK(slow.admission.admit(urgent, slow.now).ok());
  }

  TEST_CASE("wait: a burst that meets an idle engine is taken: nothing is known of it yet") {
    Door door({.max_requests = 64});
    for (std::size_t n = 0; n < 20; ++n) {  // Light traffic, one at a time, with long pauses.
      door.enter(10);
      door.pass(milliseconds(50));
      door.show_output(n);
      door.pass(seconds(1));
    }
    for (int n = 0; n < 40; ++n) {
      CHECK(door.admission.admit({.prompt_tokens = 10, .time_left = milliseconds(10)}, door.now).ok());
    }
  }

  TEST_CASE("wait: what is queued and the own prompt, at the rate of first outputs") {
    Door door = busy_door();
    CHECK(door.wait(100) == milliseconds(600));
    CHECK(door.wait(500) == milliseconds(1'000));
    const Error error = door.refusal({.prompt_tokens = 100, .time_left = milliseconds(400)});
    CHECK(error.message == "the first token is expected in 600 ms, the deadline is in 400 ms");
    CHECK(error.retry_after_ms == 200);
    CHECK(door.admission.refused_for_wait() == 1);
    CHECK(door.admission.admit({.prompt_tokens = 100, .time_left = milliseconds(600)}, door.now).ok());
    CHECK(door.admission.admit({.prompt_tokens = 100}, door.now).ok());  // No deadline.
  }

  TEST_CASE("wait: only the same and higher priorities are in the way") {
    Door door = busy_door();
    door.enter(1'000, 5);
    door.enter(10'000, -5);
    CHECK(door.wait(100, 6) == Duration{0});
    CHECK(door.wait(100, 5) == milliseconds(1'100));
    CHECK(door.wait(100, 1) == milliseconds(1'100));
    CHECK(door.wait(100, 0) == milliseconds(1'600));
    CHECK(door.wait(100, -5) == milliseconds(11'600));
  }

  TEST_CASE("wait: a standstill counts as long as it lasts, and ends with the next output") {
    Door door({.max_requests = 64});
    door.enter(100);
    door.enter(100);
    CHECK(door.wait(1) == Duration{0});
    door.pass(seconds(3));
    CHECK(door.wait(1) == seconds(3));
    door.refusal({.time_left = seconds(2)});
    door.show_output(0);
    CHECK(door.wait(1) == Duration{0});  // One output is no rate.
    door.enter(1);
  }

  TEST_CASE("wait: an overload that is over is forgotten with the last of its queue, or with time") {
    Door door = busy_door();
    for (std::size_t n = 5; n < 10; ++n) {
      door.pass(seconds(1));
      door.show_output(n);
    }
    door.enter(100);
    CHECK(door.wait(100) == Duration{0});

    // The queue never empties, but the engine has become a hundred times faster.
    Door faster({.max_requests = 256});
    faster.enter(1);
    faster.enter(1);
    for (std::size_t n = 0; n < 20; ++n) {
      faster.pass(seconds(1));
      faster.show_output(n);
      faster.enter(1);
    }
    CHECK(faster.wait(1) > milliseconds(2'000));
    for (std::size_t n = 20; n < 120; ++n) {
      faster.pass(milliseconds(200));
      faster.show_output(n);
      faster.enter(1);
    }
    CHECK(faster.wait(1) <= milliseconds(600));
  }

  TEST_CASE("wait: prompts that ended without output are no sign of progress") {
    Door door({.max_requests = 64});
    for (int n = 0; n < 20; ++n) door.enter(100);
    for (std::size_t n = 0; n < 10; ++n) {
      door.pass(milliseconds(100));
      door.end(n);
    }
    CHECK(door.wait(100) == seconds(1));
  }
}

}  // namespace
}  // namespace sluice
