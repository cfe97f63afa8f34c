#include "transport/link/receiver.h"

#include <doctest/doctest.h>

#include <variant>

using namespace sluice;
using namespace sluice::transport;

namespace {

constexpr std::uint64_t kReceiver = 9;

struct Fixture {
  TimePoint now{std::chrono::hours(100)};
  Duration held{};
  LinkLimits limits = [] {
    LinkLimits small;
    small.window = {4, 100};
    small.max_message_bytes = 50;
    return small;
  }();
  LinkReceiver receiver{{"b", kReceiver, Epoch{1}}, limits};

  void packet(LinkKind kind, std::uint64_t sender, std::uint64_t session, std::uint64_t sequence = 0,
              std::size_t bytes = 0, std::uint64_t epoch = 1, std::uint64_t attempt = 1) {
    LinkPacket packet;
    packet.header.kind = kind;
    packet.header.sender_incarnation = sender;
    packet.header.receiver_incarnation = kind == LinkKind::kOpen ? 0 : kReceiver;
    packet.header.session = session;
    packet.header.sequence = sequence;
    packet.header.epoch = epoch;
    packet.header.attempt = attempt;
    if (kind == LinkKind::kData) {
      packet.header.held_us =
          static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(held).count());
    }
    if (kind == LinkKind::kData) packet.payload.push_back(FrameBuilder(bytes).freeze());
    receiver.receive(std::move(packet), now);
  }
  LinkHeader answer() {
    auto packet = receiver.next_packet();
    REQUIRE(packet.has_value());
    return packet->header;
  }
  // A session with sender 7 in force, its first grant sent.
  void open() {
    packet(LinkKind::kOpen, 7, 0);
    CHECK(answer().kind == LinkKind::kOpened);
    packet(LinkKind::kPing, 7, 1);
    CHECK(answer().kind == LinkKind::kGrant);
  }
};

}  // namespace

TEST_SUITE("transport/link/receiver") {
  TEST_CASE_FIXTURE(Fixture, "credit comes with the first grant, when the session is in use") {
    packet(LinkKind::kOpen, 7, 0);
    const LinkHeader opened = answer();
    CHECK(opened.session == 1);
    CHECK(opened.max_messages == 0);
    CHECK(receiver.take_events().empty());
    packet(LinkKind::kPing, 7, 1);
    const LinkHeader grant = answer();
    CHECK(grant.max_messages == 4);
    CHECK(grant.max_bytes == 100);
    CHECK(std::get<PeerUp>(receiver.take_events().at(0)) == PeerUp{7, false});
  }

  TEST_CASE_FIXTURE(Fixture, "order is restored, the gap is named, copies are dropped") {
    open();
    packet(LinkKind::kData, 7, 1, 3, 3);
    const LinkHeader gap = answer();
    CHECK(gap.received == 0);
    CHECK(gap.missing_last == 2);
    packet(LinkKind::kData, 7, 1, 3, 3);
    CHECK_FALSE(receiver.take().has_value());
    packet(LinkKind::kData, 7, 1, 1, 1);
    packet(LinkKind::kData, 7, 1, 2, 2);
    packet(LinkKind::kData, 7, 1, 1, 1);
    for (std::size_t i = 1; i <= 3; ++i) CHECK(size_bytes(receiver.take().value()) == i);
    CHECK_FALSE(receiver.take().has_value());
    CHECK(receiver.counters().duplicates == 2);
  }

  TEST_CASE_FIXTURE(Fixture, "the wait of a message is that with the sender and that in the inbox, in order or not") {
    open();
    held = std::chrono::milliseconds(30);
    packet(LinkKind::kData, 7, 1, 2, 1);
    now = now + std::chrono::milliseconds(5);
    held = std::chrono::milliseconds(100);
    packet(LinkKind::kData, 7, 1, 1, 1);
    now = now + std::chrono::milliseconds(7);
    REQUIRE(receiver.take().has_value());
    CHECK(receiver.waited(now) == std::chrono::milliseconds(107));
    REQUIRE(receiver.take().has_value());
    CHECK(receiver.waited(now) == std::chrono::milliseconds(42));
    held = std::chrono::hours(1'000'000);
    packet(LinkKind::kData, 7, 1, 3, 1);
    REQUIRE(receiver.take().has_value());
    CHECK(receiver.waited(now) == std::chrono::hours(24));
  }

  TEST_CASE_FIXTURE(Fixture, "credit flows back for half a window and acknowledges what was consumed") {
    open();
    for (std::uint64_t i = 1; i <= 4; ++i) packet(LinkKind::kData, 7, 1, i, 1);
    REQUIRE(receiver.take().has_value());
    REQUIRE(receiver.take().has_value());
    receiver.consumed();
    CHECK_FALSE(receiver.next_packet().has_value());
    receiver.consumed();
    const LinkHeader grant = answer();
    CHECK(grant.received == 4);
    CHECK(grant.consumed == 2);
    CHECK(grant.max_messages == 6);
    CHECK(grant.max_bytes == 102);
  }

  TEST_CASE_FIXTURE(Fixture, "what a peer sends beyond its credit or the largest message is dropped and counted") {
    open();
    packet(LinkKind::kData, 7, 1, 5, 1);                                          // The window is 4.
    packet(LinkKind::kData, 7, 1, 1, 51);                                         // The largest message is 50.
    for (std::uint64_t i = 1; i <= 4; ++i) packet(LinkKind::kData, 7, 1, i, 50);  // 200 of 150 bytes.
    CHECK(receiver.counters().beyond_credit == 3);
    CHECK(receiver.held_bytes() == 150);
  }

  TEST_CASE_FIXTURE(Fixture, "a session of another receiver is unknown here") {
    LinkPacket stale;
    stale.header.kind = LinkKind::kPing;
    stale.header.sender_incarnation = 7;
    stale.header.receiver_incarnation = 8;
    stale.header.session = 3;
    stale.header.attempt = 2;
    stale.header.epoch = 1;
    receiver.receive(std::move(stale), now);
    const LinkHeader rejected = answer();
    CHECK(rejected.kind == LinkKind::kRejected);
    CHECK(rejected.reason == RejectReason::kUnknownSession);
    CHECK(rejected.receiver_incarnation == 8);
    CHECK(rejected.session == 3);
    CHECK(rejected.attempt == 2);
  }

  TEST_CASE_FIXTURE(Fixture, "an open alone takes nobody's place and its use does") {
    open();
    receiver.take_events();
    packet(LinkKind::kData, 7, 1, 1, 1);
    packet(LinkKind::kOpen, 8, 0);
    CHECK(answer().session == 2);
    packet(LinkKind::kData, 7, 1, 2, 1);
    CHECK(receiver.waiting() == 2);
    CHECK(receiver.take_events().empty());
    packet(LinkKind::kPing, 8, 2);
    const auto events = receiver.take_events();
    REQUIRE(events.size() == 2);
    CHECK(std::get<PeerLost>(events[0]) == PeerLost{7, LossReason::kRestarted});
    CHECK(std::get<PeerUp>(events[1]) == PeerUp{8, false});
    CHECK(answer().max_messages == 2);  // What the old one left counts.
    packet(LinkKind::kData, 7, 1, 3, 1);
    CHECK(answer().reason == RejectReason::kDisplaced);
    CHECK(receiver.waiting() == 2);
    REQUIRE(receiver.take().has_value());
    receiver.consumed();
    REQUIRE(receiver.take().has_value());
    receiver.consumed();
    CHECK(answer().max_messages == 4);
  }

  TEST_CASE_FIXTURE(Fixture, "a session that was offered and then offered to another is unknown") {
    open();
    packet(LinkKind::kOpen, 8, 0);
    CHECK(answer().session == 2);
    packet(LinkKind::kOpen, 9, 0);
    CHECK(answer().session == 3);
    packet(LinkKind::kPing, 8, 2);
    CHECK(answer().reason == RejectReason::kUnknownSession);
    packet(LinkKind::kOpen, 8, 0, 0, 0, 1, 2);
    CHECK(answer().session == 4);
    packet(LinkKind::kPing, 8, 4, 0, 0, 1, 2);
    CHECK(answer().kind == LinkKind::kGrant);
  }

  TEST_CASE_FIXTURE(Fixture, "late copies of an open change nothing") {
    open();
    packet(LinkKind::kOpen, 7, 0);
    CHECK_FALSE(receiver.next_packet().has_value());
    packet(LinkKind::kOpen, 7, 0, 0, 0, 1, 2);  // The next attempt of the same sender.
    CHECK(answer().session == 2);
    packet(LinkKind::kOpen, 7, 0, 0, 0, 1, 2);
    CHECK(answer().session == 2);
  }

  TEST_CASE_FIXTURE(Fixture, "a raised epoch drops what was not taken and turns the old one away") {
    open();
    packet(LinkKind::kData, 7, 1, 1, 10);
    packet(LinkKind::kData, 7, 1, 2, 10);
    REQUIRE(receiver.take().has_value());
    receiver.set_epoch(Epoch{2});
    CHECK_FALSE(receiver.take().has_value());
    CHECK(receiver.held() == 1);
    packet(LinkKind::kData, 7, 1, 3, 10);
    LinkHeader rejected = answer();
    CHECK(rejected.reason == RejectReason::kStaleEpoch);
    CHECK(rejected.epoch == 2);
    packet(LinkKind::kOpen, 7, 0);
    CHECK(answer().reason == RejectReason::kStaleEpoch);
    packet(LinkKind::kOpen, 7, 0, 0, 0, 3);  // From the future: asks again later.
    CHECK_FALSE(receiver.next_packet().has_value());
    receiver.consumed();
    CHECK(receiver.held_bytes() == 0);
  }

  TEST_CASE_FIXTURE(Fixture, "silence and a lost connection are losses of the peer") {
    open();
    receiver.take_events();
    now = receiver.next_timer();
    receiver.on_timer(now);
    CHECK(std::get<PeerLost>(receiver.take_events().at(0)) == PeerLost{7, LossReason::kTimeout});
    packet(LinkKind::kPing, 7, 1);
    CHECK(std::get<PeerUp>(receiver.take_events().at(0)) == PeerUp{7, true});
    receiver.on_disconnected(now);
    CHECK(std::get<PeerLost>(receiver.take_events().at(0)) == PeerLost{7, LossReason::kDisconnected});
    packet(LinkKind::kPing, 7, 1);
    CHECK(receiver.take_events().empty());
  }

  TEST_CASE_FIXTURE(Fixture, "answers to strangers are bounded") {
    for (std::uint64_t i = 1; i <= 1000; ++i) packet(LinkKind::kPing, i, 1);
    std::size_t answers = 0;
    while (receiver.next_packet()) ++answers;
    CHECK(answers == 16);
  }

  TEST_CASE_FIXTURE(Fixture, "stats: what arrived in order, and what is held until it is consumed") {
    open();
    packet(LinkKind::kData, 7, 1, 1, 10);
    packet(LinkKind::kData, 7, 1, 3, 30);  // Early.
    CHECK(receiver.stats() == LinkReceiverStats{1, 10, 2, 40});
    packet(LinkKind::kData, 7, 1, 2, 20);
    packet(LinkKind::kData, 7, 1, 2, 20);  // A copy.
    CHECK(receiver.stats() == LinkReceiverStats{3, 60, 3, 60});
    receiver.take();
    receiver.consumed();
    CHECK(receiver.stats() == LinkReceiverStats{3, 60, 2, 50});
  }
}
