// The router between a tokenizer, two batchers and an ingress that the test plays.
#include "actors/router_actor.h"

#include <doctest/doctest.h>

#include <memory>
#include <set>

#include "actors/replica_wiring.h"

namespace sluice::actors {
namespace {

const std::vector<std::string> kBatchers = {"batcher-0", "batcher-1"};

LinkBoard make_board(const transport::Context& context) {
  std::vector<LinkName> links = {{"tokenizer", "router"}};
  for (const std::string& batcher : kBatchers) {
    links.push_back({"router", batcher});
    links.push_back({batcher, "router"});
  }
  LinkSettings settings;
  settings.window.messages = 2;
  return LinkBoard::create(context, links, link_limits(settings)).value();
}

struct Fixture {
  Fixture() {
    for (const std::string& batcher : kBatchers) {
      starts.push_back(board.in("router", batcher));
      ends.push_back(board.out(batcher, "router"));
    }
    RouterConfig settings;
    settings.policy = RoutePolicy::kRoundRobin;
    settings.weights = {1, 1};
    router = system.spawn<RouterActor, caf::detached>(router_ports(kBatchers, board), settings, kBatchers,
                                                      caf::actor_cast<caf::actor>(self.ptr()));
  }
  ~Fixture() { caf::anon_send(router, Stop{}); }

  // The answer to the ingress follows what the router knows.
  Availability tell(std::uint32_t replica, std::uint64_t epoch, std::optional<Error> error = std::nullopt) {
    caf::anon_send(router, Availability{Epoch{epoch}, std::move(error), std::nullopt, replica});
    std::optional<Availability> heard;
    self->receive([&](const Availability& news) { heard = news; }, caf::after(std::chrono::seconds(60)) >> [] {});
    REQUIRE(heard.has_value());
    return *heard;
  }

  void start(std::uint64_t id) { tokenizer.send(SequenceStart{{id}, {1, 2}, {}, {}, 0}, clock.now()); }
  void cancel(std::uint64_t id) { tokenizer.send(SequenceCancel{{id}}, clock.now()); }

  // The next message to one of these batchers: waits as long as only a defect takes.
  std::pair<std::uint32_t, BatcherInput> next_of(const std::vector<std::uint32_t>& replicas) {
    const TimePoint end = clock.now() + std::chrono::seconds(60);
    transport::Poller poller;
    while (clock.now() < end) {
      tokenizer.advance(clock.now());
      poller.clear();
      poller.add(tokenizer);
      for (const std::uint32_t replica : replicas) {
        starts[replica].advance(clock.now());
        if (auto input = starts[replica].receive<BatcherInput>(clock.now())) {
          starts[replica].consumed();
          REQUIRE(input->ok());
          return {replica, **input};
        }
        poller.add(starts[replica]);
      }
      poller.wait(clock, end);
    }
    FAIL("the message did not come");
    return {};
  }
  BatcherInput next(std::uint32_t replica) { return next_of({replica}).second; }
  std::uint64_t next_start(std::uint32_t replica) { return std::get<SequenceStart>(next(replica)).sequence.value; }

  SteadyClock clock;
  transport::Context context = transport::Context::create().value();
  LinkBoard board = make_board(context);
  OutPort tokenizer = board.out("tokenizer", "router");
  std::vector<InPort> starts;
  std::vector<OutPort> ends;
  caf::actor_system_config config;
  caf::actor_system system{config};
  caf::scoped_actor self{system};
  caf::actor router;
};

TEST_SUITE("actors/router_actor") {
  TEST_CASE("sequences go to what is up, and cancels after them") {
    Fixture fixture;
    CHECK_FALSE(fixture.tell(1, 1).error.has_value());
    for (const std::uint64_t id : {1, 2}) {
      fixture.start(id);
      CHECK(fixture.next_start(1) == id);
    }
    fixture.tell(0, 1);
    const Error lost{ErrorCode::kUnavailable, "gone", 1000};
    CHECK_FALSE(fixture.tell(1, 2, lost).error.has_value());
    fixture.start(3);
    CHECK(fixture.next_start(0) == 3);
    fixture.cancel(99);  // Of nobody.
    fixture.cancel(2);
    CHECK(std::get<SequenceCancel>(fixture.next(1)).sequence == SequenceId{2});
    const Availability none = fixture.tell(0, 2, lost);
    REQUIRE(none.error.has_value());
    CHECK(none.error->message == "replica 0: gone; replica 1: gone");
    CHECK(none.epoch == Epoch{2});
    fixture.start(4);  // Whose batcher ends it.
    CHECK(fixture.next_start(0) == 4);
  }

  TEST_CASE("a batcher that reads nothing is passed over, and what it was sent is kept") {
    Fixture fixture;
    fixture.tell(0, 1);
    fixture.tell(1, 1);
    // Its link holds a few; after that all go to the other, who reads.
    std::uint64_t sent = 0;
    std::set<std::uint64_t> taken;
    for (int i = 0; i < 50; ++i) {
      while (sent < 2 * static_cast<std::uint64_t>(i) + 2 && sent < 70) fixture.start(++sent);
      taken.insert(fixture.next_start(1));
    }
    std::size_t num_first = 0;
    while (taken.size() < sent) {
      const auto [replica, input] = fixture.next_of({0, 1});
      CHECK(taken.insert(std::get<SequenceStart>(input).sequence.value).second);
      if (replica == 0) ++num_first;
    }
    CHECK(num_first > 0);
  }
}

}  // namespace
}  // namespace sluice::actors
