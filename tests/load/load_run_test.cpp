#include "load/load_run.h"

#include <doctest/doctest.h>

#include <deque>

#include "base/mock_model.h"

namespace sluice::load {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint64_t kWindow = 8;

Tokens tokens(std::uint64_t number, std::uint64_t first_index, std::size_t count) {
  Tokens message;
  message.request_id = std::to_string(number);
  message.first_index = first_index;
  message.token_ids.assign(count, 1);
  return message;
}

Accepted accepted(std::uint64_t number) {
  return {std::to_string(number), 1};
}

Finished finished(std::uint64_t number, FinishReason reason = FinishReason::kLength) {
  Finished message;
  message.request_id = std::to_string(number);
  message.reason = reason;
  return message;
}

Failed failed(std::uint64_t number, ErrorCode code, std::uint32_t retry_after_ms = 0) {
  return {std::to_string(number), {code, "for a test", retry_after_ms}};
}

LoadRun open_run(const std::vector<Duration>& times, RunLimits limits = {}) {
  return LoadRun::open_loop(limits, Arrivals::recorded(times), kWindow, TimePoint{});
}

// Takes all that is due, and sends it.
std::vector<std::uint64_t> send_due(LoadRun& run, TimePoint now) {
  std::vector<std::uint64_t> numbers;
  while (const auto number = run.take_due(now)) {
    run.on_sent(*number, now);
    numbers.push_back(*number);
  }
  return numbers;
}

using Numbers = std::vector<std::uint64_t>;

TEST_SUITE("load/load_run") {
  TEST_CASE("open loop: requests are due at their times, whatever became of those before") {
    ManualClock clock;
    LoadRun run = open_run({milliseconds(10), milliseconds(10), milliseconds(30)});
    CHECK(run.next_timer() == TimePoint{milliseconds(10)});
    CHECK(send_due(run, clock.now()).empty());
    clock.advance(milliseconds(10));
    CHECK(send_due(run, clock.now()) == Numbers{0, 1});
    CHECK(run.next_timer() == TimePoint{milliseconds(30)});
    clock.advance(milliseconds(20));
    CHECK(send_due(run, clock.now()) == Numbers{2});
    CHECK(run.in_flight() == 3);
    CHECK_FALSE(run.is_over(clock.now()));
  }

  TEST_CASE("latencies count from the intended time, also where this program was late") {
    ManualClock clock;
    LoadRun run = open_run({milliseconds(10)});
    clock.advance(milliseconds(50));
    REQUIRE(run.take_due(clock.now()) == 0);
    clock.advance(milliseconds(5));  // The connection was full.
    run.on_sent(0, clock.now());
    clock.advance(milliseconds(5));
    CHECK_FALSE(run.on_message(accepted(0), clock.now()).has_value());
    run.on_message(tokens(0, 0, 1), clock.now());
    clock.advance(milliseconds(7));
    run.on_message(tokens(0, 1, 2), clock.now());
    run.on_message(tokens(0, 3, 0), clock.now());  // Text that was held back.
    clock.advance(milliseconds(1));
    run.on_message(finished(0), clock.now());

    const Outcomes& outcomes = run.outcomes();
    CHECK(outcomes.send_lag.max() == milliseconds(45));
    CHECK(outcomes.first_token.max() == milliseconds(50));
    CHECK(outcomes.between_tokens.count() == 1);
    CHECK(outcomes.between_tokens.max() == milliseconds(7));
    CHECK(outcomes.end_to_end.max() == milliseconds(58));
    CHECK(outcomes.output_tokens == 3);
    CHECK(outcomes.good_requests == 1);
    CHECK(outcomes.good_output_tokens == 3);
    CHECK(outcomes.violations == 0);
  }

  TEST_CASE("every outcome is counted once, and all of them are the offered ones") {
    ManualClock clock;
    RunLimits limits;
    limits.in_flight_max = 8;
    LoadRun run = open_run(std::vector<Duration>(10, Duration{}), limits);
    CHECK(send_due(run, clock.now()).size() == 8);  // Two more than it tracks.
    for (std::uint64_t number = 0; number < 6; ++number) {
      if (number != 4) run.on_message(accepted(number), clock.now());
    }
    clock.advance(milliseconds(3));
    run.on_message(finished(0, FinishReason::kStop), clock.now());
    run.on_message(finished(1, FinishReason::kDeadline), clock.now());
    run.on_message(failed(2, ErrorCode::kStageLost), clock.now());
    run.on_message(failed(3, ErrorCode::kOverloaded), clock.now());  // After its acceptance: no refusal at the door.
    run.on_message(failed(4, ErrorCode::kOverloaded), clock.now());
    run.on_failed(5, {ErrorCode::kTransportLost, "gone"}, clock.now());
    CHECK_FALSE(run.is_over(clock.now()));
    CHECK(run.next_timer() == TimePoint{} + limits.drain);
    clock.advance(limits.drain - milliseconds(3));
    CHECK(run.is_over(clock.now()));
    run.finish(clock.now());

    const Outcomes& outcomes = run.outcomes();
    CHECK(outcomes.offered == 10);
    CHECK(outcomes.sent == 8);
    CHECK(outcomes.accepted == 5);
    CHECK(outcomes.finished == std::array<std::uint64_t, 4>{1, 0, 0, 1});
    CHECK(outcomes.failed == std::map<ErrorCode, std::uint64_t>{{ErrorCode::kOverloaded, 1},
                                                                {ErrorCode::kTransportLost, 1},
                                                                {ErrorCode::kStageLost, 1}});
    CHECK(outcomes.refused == 1);
    CHECK(outcomes.refusal.max() == milliseconds(3));
    CHECK(outcomes.timed_out == 2);
    CHECK(outcomes.unsent == 2);
    CHECK(outcomes.total() == outcomes.offered);
    CHECK(outcomes.violations == 0);
    // What its deadline cut short is no goodput.
    CHECK(outcomes.good_requests == 1);
    CHECK(outcomes.end_to_end.count() == 1);
  }

  TEST_CASE("messages against the protocol are counted and change no outcome") {
    LoadRun run = open_run({Duration{}, Duration{}, Duration{}});
    const TimePoint now{};
    CHECK(run.take_due(now) == 0);
    run.on_message(accepted(0), now);  // Not sent yet.
    CHECK(run.outcomes().violations == 1);
    run.on_sent(0, now);
    run.on_message(accepted(0), now);
    run.on_message(accepted(0), now);  // Twice.
    CHECK(run.outcomes().violations == 2);
    run.on_message(tokens(0, 0, 2), now);
    run.on_message(tokens(0, 3, 1), now);  // A gap.
    CHECK(run.outcomes().violations == 3);
    run.on_message(finished(0), now);
    run.on_message(finished(0), now);                       // A second end.
    run.on_message(tokens(0, 4, 1), now);                   // After the end.
    run.on_message(failed(0, ErrorCode::kStageLost), now);  // A third.
    run.on_message(finished(9), now);                       // Never offered.
    run.on_message(Failed{"", {ErrorCode::kInternal, "x"}}, now);
    run.on_message(Failed{"0x", {ErrorCode::kInternal, "x"}}, now);
    run.on_message(Welcome{}, now);
    CHECK(run.outcomes().violations == 10);
    send_due(run, now);
    run.on_message(tokens(1, 0, 1), now);  // Before its acceptance, and so is the end of 2.
    run.on_message(finished(2), now);
    CHECK(run.outcomes().violations == 12);
    CHECK(run.outcomes().finished_total() == 2);
    CHECK(run.outcomes().total() == 2);
  }

  TEST_CASE("a mock's answers are compared with the known ones") {
    LoadRun run = open_run(std::vector<Duration>(5, Duration{}));
    run.expect_mock(4096);
    const TimePoint now{};
    send_due(run, now);
    // Right but for token `wrong`, and all of it after a prompt of 5.
    const auto answer = [&](std::uint64_t number, FinishReason reason, std::uint32_t claimed, int wrong) {
      run.on_message(Accepted{std::to_string(number), 100 + number}, now);
      for (std::uint32_t i = 0; i < 6; i += 2) {
        Tokens message = tokens(number, i, 2);
        for (std::uint32_t j = 0; j < 2; ++j) message.token_ids[j] = mock_token(100 + number, 0, 5 + i + j, 4096);
        if (wrong == static_cast<int>(i)) ++message.token_ids[0];
        run.on_message(message, now);
      }
      Finished message = finished(number, reason);
      message.usage = {.prompt_tokens = 5, .output_tokens = claimed};
      run.on_message(message, now);
    };
    answer(0, FinishReason::kLength, 6, -1);
    answer(1, FinishReason::kCancelled, 9, -1);  // Not all of it need have come.
    CHECK(run.outcomes().verified == 2);
    CHECK(run.outcomes().violations == 0);
    answer(2, FinishReason::kLength, 6, 4);
    answer(3, FinishReason::kStop, 7, -1);
    answer(4, FinishReason::kDeadline, 6, 0);
    CHECK(run.outcomes().verified == 5);
    CHECK(run.outcomes().wrong_answers == 3);
    CHECK(run.outcomes().violations == 3);
    CHECK(run.outcomes().finished_total() == 5);
  }

  TEST_CASE("credit is granted half a window after half a window") {
    LoadRun run = open_run({Duration{}});
    const TimePoint now{};
    send_due(run, now);
    run.on_message(accepted(0), now);
    CHECK_FALSE(run.on_message(tokens(0, 0, 3), now).has_value());
    CHECK(run.on_message(tokens(0, 3, 1), now) == Credit{"0", 12});
    CHECK_FALSE(run.on_message(tokens(0, 4, 3), now).has_value());
    CHECK(run.on_message(tokens(0, 7, 3), now) == Credit{"0", 18});
  }

  TEST_CASE("it ends at the number of requests, or at the duration, what was intended before is still offered") {
    RunLimits few;
    few.requests_max = 2;
    LoadRun counted = open_run(std::vector<Duration>(5, milliseconds(1)), few);
    CHECK(send_due(counted, TimePoint{seconds(1)}) == Numbers{0, 1});
    for (std::uint64_t number = 0; number < 2; ++number) {
      counted.on_message(accepted(number), TimePoint{seconds(2)});
      counted.on_message(finished(number), TimePoint{seconds(2)});
    }
    CHECK(counted.is_over(TimePoint{seconds(2)}));
    CHECK(counted.elapsed(TimePoint{seconds(9)}) == seconds(2));

    RunLimits brief;
    brief.duration = seconds(3);
    LoadRun timed = open_run({seconds(1), seconds(2), seconds(3)}, brief);
    CHECK(send_due(timed, TimePoint{seconds(4)}) == Numbers{0, 1});
    CHECK(timed.elapsed(TimePoint{seconds(9)}) == seconds(4));
  }

  TEST_CASE("closed loop: a caller asks again once its request has ended, after a refusal once the pause is over") {
    ManualClock clock;
    RunLimits limits;
    limits.duration = seconds(10);
    LoadRun run = LoadRun::closed_loop(limits, 2, kWindow, clock.now());
    CHECK(send_due(run, clock.now()) == Numbers{0, 1});
    CHECK(run.next_timer() == TimePoint{seconds(10)});
    clock.advance(seconds(1));
    run.on_message(accepted(0), clock.now());
    run.on_message(finished(0), clock.now());
    CHECK(send_due(run, clock.now()) == Numbers{2});
    run.on_message(failed(1, ErrorCode::kOverloaded, 50), clock.now());
    CHECK(send_due(run, clock.now()).empty());
    CHECK(run.next_timer() == TimePoint{milliseconds(1050)});
    clock.advance(milliseconds(50));
    CHECK(send_due(run, clock.now()) == Numbers{3});
    CHECK(run.outcomes().send_lag.max() == Duration{});
    clock.advance(seconds(9));
    run.on_message(accepted(3), clock.now());
    run.on_message(finished(3), clock.now());
    CHECK(send_due(run, clock.now()).empty());  // The time is up.
    CHECK_FALSE(run.is_over(clock.now()));
    run.on_message(accepted(2), clock.now());
    run.on_message(finished(2), clock.now());
    CHECK(run.is_over(clock.now()));
    CHECK(run.outcomes().offered == 4);
    CHECK(run.outcomes().total() == 4);
  }

  TEST_CASE("stopped: nothing more is due, the rest may end") {
    LoadRun run = open_run({Duration{}, seconds(1), seconds(2)});
    send_due(run, TimePoint{});
    run.stop_sending(TimePoint{seconds(1)});
    CHECK(send_due(run, TimePoint{seconds(3)}).empty());
    CHECK(run.in_flight_where([](std::uint64_t number) { return number == 0; }) == Numbers{0});
    CHECK_FALSE(run.is_over(TimePoint{seconds(3)}));
    run.finish(TimePoint{seconds(3)});
    CHECK(run.in_flight() == 0);
    CHECK(run.outcomes().timed_out == 1);
    CHECK(run.outcomes().offered == 1);
  }

  TEST_CASE("a seeded queue at twice its capacity: refusals, and every request has its outcome") {
    // One server of 10 ms each with room for 4, 200 requests/s for 5 s.
    LoadRun run = LoadRun::open_loop({.duration = seconds(5)}, Arrivals::poisson({{200, Duration::max()}}, 11), kWindow,
                                     TimePoint{});
    ManualClock clock;
    std::deque<std::uint64_t> queue;
    TimePoint next_end = TimePoint::never();
    while (!run.is_over(clock.now())) {
      const TimePoint next = std::min(run.next_timer(), next_end);
      clock.advance(std::max(next - clock.now(), Duration{}));
      if (clock.now() == next_end) {
        const std::uint64_t number = queue.front();
        queue.pop_front();
        run.on_message(tokens(number, 0, 1), clock.now());
        run.on_message(finished(number), clock.now());
        next_end = queue.empty() ? TimePoint::never() : clock.now() + milliseconds(10);
      }
      for (const std::uint64_t number : send_due(run, clock.now())) {
        if (queue.size() == 4) {
          run.on_message(failed(number, ErrorCode::kOverloaded), clock.now());
          continue;
        }
        run.on_message(accepted(number), clock.now());
        queue.push_back(number);
        if (queue.size() == 1) next_end = clock.now() + milliseconds(10);
      }
    }
    run.finish(clock.now());
    const Outcomes& outcomes = run.outcomes();
    CHECK(outcomes.total() == outcomes.offered);
    CHECK(outcomes.violations == 0);
    CHECK(outcomes.timed_out == 0);
    CHECK(outcomes.offered > 900);
    CHECK(outcomes.good_requests > 480);  // 500 at the server's peak.
    CHECK(outcomes.good_requests <= 505);
    CHECK(outcomes.refused == outcomes.offered - outcomes.good_requests);
    CHECK(outcomes.end_to_end.max() <= milliseconds(40));
  }
}

}  // namespace
}  // namespace sluice::load
