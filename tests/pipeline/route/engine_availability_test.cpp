#include "pipeline/route/engine_availability.h"

#include <doctest/doctest.h>

namespace sluice {
namespace {

AvailabilityNews up(std::uint64_t epoch) {
  return {Epoch{epoch}, std::nullopt, std::nullopt};
}
AvailabilityNews lacks(std::uint64_t epoch, const std::string& what) {
  return {Epoch{epoch}, Error{ErrorCode::kUnavailable, what, 1000}, std::nullopt};
}

TEST_SUITE("pipeline/route/engine_availability") {
  TEST_CASE("one replica up is enough, none says what each lacks") {
    EngineAvailability engine(2);
    const auto none = engine.on_news(0, lacks(1, "stage 0 is loading"));
    REQUIRE(none.has_value());
    CHECK(none->error->message == "replica 0: stage 0 is loading; replica 1: it is not up yet");
    CHECK(engine.up().none());

    CHECK(engine.on_news(1, up(1)) == up(1));
    CHECK(engine.up().to_ulong() == 0b10);
    CHECK(engine.on_news(0, up(1)) == up(1));
    CHECK(engine.on_news(1, lacks(2, "stage 1 waits")) == up(1));
    CHECK(engine.up().to_ulong() == 0b01);

    AvailabilityNews lost = lacks(2, "stage 0 waits");
    lost.loss = Error{ErrorCode::kStageLost, "killed", 1000};
    const auto down = engine.on_news(0, lost);
    REQUIRE(down.has_value());
    CHECK(down->epoch == Epoch{2});
    CHECK(down->loss == lost.loss);
    CHECK(down->error->message == "replica 0: stage 0 waits; replica 1: stage 1 waits");
    CHECK(down->error->code == ErrorCode::kUnavailable);
    CHECK(engine.on_news(0, lacks(2, "stage 0 is loading"))->epoch == Epoch{2});
    CHECK(engine.on_news(0, up(2)) == up(2));
  }

  TEST_CASE("an epoch of a replica that has ended does not come back, another's does") {
    EngineAvailability engine(2);
    engine.on_news(0, up(1));
    engine.on_news(0, lacks(2, "lost"));
    CHECK(engine.on_news(0, up(1)) == std::nullopt);
    CHECK(engine.up().none());
    CHECK(engine.on_news(1, up(1)).has_value());
    CHECK(engine.on_news(0, up(2)).has_value());
    CHECK(engine.up().to_ulong() == 0b11);
  }

  TEST_CASE("what the only replica lacks needs no number") {
    CHECK(lacking({{ErrorCode::kUnavailable, "stage 0 waits", 1000}}).message == "stage 0 waits");
  }
}

}  // namespace
}  // namespace sluice
