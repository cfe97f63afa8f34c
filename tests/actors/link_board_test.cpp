#include "actors/link_board.h"

#include <doctest/doctest.h>

#include <array>

namespace sluice::actors {
namespace {

// Turns both ends until `is_done`: in-process links need no waiting, only turns.
template <class Done>
void turn(OutPort& out, InPort& in, const Done& is_done) {
  const SteadyClock clock;
  const TimePoint end = clock.now() + std::chrono::seconds(60);
  transport::Poller poller;
  while (!is_done() && clock.now() < end) {
    poller.clear();
    poller.add(out);
    poller.add(in);
    poller.wait(clock, end);
    out.advance(clock.now());
    in.advance(clock.now());
  }
  REQUIRE(is_done());
}

TEST_SUITE("actors/link_board") {
  TEST_CASE("ports: what one end sends the other receives, typed and in order") {
    const auto context = transport::Context::create();
    REQUIRE(context.ok());
    const std::array links = {LinkName{"a", "b"}};
    auto board = LinkBoard::create(*context, links, {});
    REQUIRE(board.ok());
    OutPort out = board->out("a", "b");
    InPort in = board->in("a", "b");
    const SteadyClock clock;

    constexpr std::uint64_t kCount = 1000;
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    turn(out, in, [&] {
      while (sent < kCount && out.has_room()) out.send(SequenceCancel{SequenceId{++sent}}, clock.now());
      while (auto input = in.receive<BatcherInput>(clock.now())) {
        REQUIRE(input->ok());
        CHECK(std::get<SequenceCancel>(**input).sequence.value == ++received);
        in.consumed();
      }
      return received == kCount && out.is_flushed();
    });
  }

  TEST_CASE("ports: a message that the actor does not take is a protocol violation") {
    const auto context = transport::Context::create();
    REQUIRE(context.ok());
    const std::array links = {LinkName{"a", "b"}};
    auto board = LinkBoard::create(*context, links, {});
    REQUIRE(board.ok());
    OutPort out = board->out("a", "b");
    InPort in = board->in("a", "b");
    const SteadyClock clock;
    out.send(StreamDetach{}, clock.now());

    std::optional<Result<BatcherInput>> input;
    turn(out, in, [&] {
      if (!input) input = in.receive<BatcherInput>(clock.now());
      return input.has_value();
    });

    REQUIRE_FALSE(input->ok());
    CHECK(input->error().code == ErrorCode::kProtocolViolation);
  }
}

}  // namespace
}  // namespace sluice::actors
