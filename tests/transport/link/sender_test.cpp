#include "transport/link/sender.h"

#include <doctest/doctest.h>

#include <variant>

using namespace sluice;
using namespace sluice::transport;

namespace {

constexpr std::uint64_t kSender = 7;
constexpr std::uint64_t kReceiver = 9;

Message message_of(std::size_t bytes) {
  Message message;
  message.push_back(FrameBuilder(bytes).freeze());
  return message;
}

// Answers as a receiver would, by hand.
LinkHeader answer(LinkKind kind, std::uint64_t attempt = 1, std::uint64_t session = 1) {
  LinkHeader header;
  header.kind = kind;
  header.sender_incarnation = kSender;
  header.receiver_incarnation = kReceiver;
  header.session = session;
  header.attempt = attempt;
  header.epoch = 1;
  return header;
}

LinkHeader grant(std::uint64_t received, std::uint64_t consumed, std::uint64_t max_messages, std::uint64_t max_bytes) {
  LinkHeader header = answer(LinkKind::kGrant);
  header.received = received;
  header.consumed = consumed;
  header.max_messages = max_messages;
  header.max_bytes = max_bytes;
  return header;
}

struct Fixture {
  TimePoint now{std::chrono::seconds(1)};
  LinkLimits limits;
  LinkSender sender{{"a", kSender, Epoch{1}}, limits, now};

  std::vector<LinkKind> sent() {
    std::vector<LinkKind> kinds;
    while (auto packet = sender.next_packet(now)) kinds.push_back(packet->header.kind);
    return kinds;
  }
  void open() {
    sent();
    sender.receive(answer(LinkKind::kOpened), now);
    sent();
  }
};

using Kinds = std::vector<LinkKind>;

}  // namespace

TEST_SUITE("transport/link/sender") {
  TEST_CASE_FIXTURE(Fixture, "data says how long the sender has had it, also when it is sent again") {
    open();
    REQUIRE(sender.offer(message_of(1), now));
    now = now + std::chrono::milliseconds(30);
    REQUIRE(sender.offer(message_of(1), now));
    sender.receive(grant(0, 0, 10, 1'000), now);
    now = now + std::chrono::milliseconds(4);
    CHECK(sender.next_packet(now)->header.held_us == 34'000);
    CHECK(sender.next_packet(now)->header.held_us == 4'000);
    LinkHeader loss = grant(0, 0, 10, 1'000);
    loss.missing_last = 1;
    sender.receive(loss, now);
    now = now + std::chrono::milliseconds(6);
    CHECK(sender.next_packet(now)->header.held_us == 40'000);
  }

  TEST_CASE_FIXTURE(Fixture, "it opens, pings, and sends nothing before the first grant") {
    REQUIRE(sender.offer(message_of(10), now));
    CHECK(sent() == Kinds{LinkKind::kOpen});
    sender.receive(answer(LinkKind::kOpened), now);
    CHECK(sent() == Kinds{LinkKind::kPing});
    CHECK(sender.take_events().empty());
    sender.receive(grant(0, 0, 1, 100), now);
    CHECK(sent() == Kinds{LinkKind::kData});
    const auto events = sender.take_events();
    REQUIRE(events.size() == 1);
    CHECK(std::get<PeerUp>(events[0]) == PeerUp{kReceiver, false});
  }

  TEST_CASE_FIXTURE(Fixture, "it asks again for a session at each interval") {
    CHECK(sent() == Kinds{LinkKind::kOpen});
    now = sender.next_timer();
    sender.on_timer(now);
    CHECK(sent() == Kinds{LinkKind::kOpen});
  }

  TEST_CASE_FIXTURE(Fixture, "messages stop at the ceiling of messages, and one overshoots the ceiling of bytes") {
    open();
    for (int i = 0; i < 10; ++i) REQUIRE(sender.offer(message_of(60), now));
    sender.receive(grant(0, 0, 3, 100), now);
    CHECK(sent() == Kinds(2, LinkKind::kData));
    sender.receive(grant(2, 0, 3, 1000), now);
    CHECK(sent() == Kinds(1, LinkKind::kData));
    sender.receive(grant(2, 0, 1, 10), now);  // An old one, late: nothing shrinks.
    CHECK(sent().empty());
  }

  TEST_CASE_FIXTURE(Fixture, "a repeated grant gives no more credit and a lower acknowledgement takes nothing back") {
    open();
    for (int i = 0; i < 4; ++i) REQUIRE(sender.offer(message_of(1), now));
    sender.receive(grant(0, 0, 2, 100), now);
    CHECK(sent().size() == 2);
    sender.receive(grant(2, 2, 2, 100), now);
    sender.receive(grant(2, 2, 2, 100), now);
    sender.receive(grant(1, 1, 2, 100), now);
    CHECK(sent().empty());
    CHECK(sender.queued() == 2);
  }

  TEST_CASE_FIXTURE(Fixture, "grants that contradict what was sent are ignored") {
    open();
    REQUIRE(sender.offer(message_of(1), now));
    sender.receive(grant(0, 0, 1, 100), now);
    CHECK(sent().size() == 1);
    const std::uint64_t ignored = sender.counters().ignored;
    sender.receive(grant(2, 0, 9, 900), now);  // More received than sent.
    sender.receive(grant(0, 1, 9, 900), now);  // More consumed than received.
    LinkHeader gap = grant(0, 0, 9, 900);
    gap.missing_last = 5;
    sender.receive(gap, now);
    CHECK(sender.counters().ignored == ignored + 3);
    REQUIRE(sender.offer(message_of(1), now));
    CHECK(sent().empty());
  }

  TEST_CASE_FIXTURE(Fixture, "a gap at the receiver makes it send what is missing and nothing else") {
    open();
    for (int i = 0; i < 5; ++i) REQUIRE(sender.offer(message_of(1), now));
    sender.receive(grant(0, 0, 5, 100), now);
    CHECK(sent().size() == 5);
    LinkHeader gap = grant(1, 0, 5, 100);
    gap.missing_last = 3;
    sender.receive(gap, now);
    CHECK(sender.next_packet(now)->header.sequence == 2);
    CHECK(sender.next_packet(now)->header.sequence == 3);
    CHECK_FALSE(sender.next_packet(now).has_value());
  }

  TEST_CASE_FIXTURE(Fixture, "the queue is bounded in messages and a full one leaves the message with the caller") {
    for (std::uint32_t i = 0; i < limits.queue_messages; ++i) REQUIRE(sender.offer(message_of(1), now));
    Message message = message_of(1);
    CHECK_FALSE(sender.offer(std::move(message), now));
    CHECK(message.size() == 1);
  }

  TEST_CASE_FIXTURE(Fixture, "a receiver that lost its state ends the session and all comes back in order") {
    open();
    for (std::size_t bytes = 1; bytes <= 3; ++bytes) REQUIRE(sender.offer(message_of(bytes), now));
    sender.receive(grant(0, 0, 2, 100), now);
    sent();
    sender.receive(grant(1, 1, 2, 100), now);
    sender.take_events();
    LinkHeader rejected = answer(LinkKind::kRejected);
    rejected.reason = RejectReason::kUnknownSession;
    sender.receive(rejected, now);
    const auto events = sender.take_events();
    REQUIRE(events.size() == 2);
    CHECK(std::get<PeerLost>(events[0]) == PeerLost{kReceiver, LossReason::kRestarted});
    const auto& returned = std::get<Returned>(events[1]).messages;
    REQUIRE(returned.size() == 2);
    CHECK(size_bytes(returned[0]) == 2);
    CHECK(size_bytes(returned[1]) == 3);
    CHECK(sender.queued() == 0);
    CHECK(sent() == Kinds{LinkKind::kOpen});
    sender.receive(rejected, now);  // A late copy names a session that is no more.
    CHECK(sender.take_events().empty());
  }

  TEST_CASE_FIXTURE(Fixture, "a queue for a session that never brought credit survives its rejection") {
    open();
    REQUIRE(sender.offer(message_of(1), now));
    LinkHeader rejected = answer(LinkKind::kRejected);
    rejected.reason = RejectReason::kUnknownSession;
    sender.receive(rejected, now);
    CHECK(sender.take_events().empty());
    CHECK(sender.queued() == 1);
    CHECK(sent() == Kinds{LinkKind::kOpen});
  }

  TEST_CASE_FIXTURE(Fixture, "silence is a loss of the peer and the same session is resumed afterwards") {
    open();
    sender.receive(grant(0, 0, 1, 100), now);
    sender.take_events();
    now = now + limits.peer_timeout;
    sender.on_timer(now);
    auto events = sender.take_events();
    REQUIRE(events.size() == 1);
    CHECK(std::get<PeerLost>(events[0]).reason == LossReason::kTimeout);
    sender.receive(grant(0, 0, 1, 100), now);
    events = sender.take_events();
    REQUIRE(events.size() == 1);
    CHECK(std::get<PeerUp>(events[0]) == PeerUp{kReceiver, true});
  }

  TEST_CASE_FIXTURE(Fixture, "a lost connection is a loss of the peer until it is back and the peer is heard") {
    open();
    sender.receive(grant(0, 0, 1, 100), now);
    sender.take_events();
    sender.on_disconnected(now);
    CHECK(std::get<PeerLost>(sender.take_events().at(0)).reason == LossReason::kDisconnected);
    sender.receive(grant(0, 0, 1, 100), now);  // Left over from the lost connection.
    CHECK(sender.take_events().empty());
    sender.on_connected(now);
    CHECK(sent() == Kinds{LinkKind::kPing});
    sender.receive(grant(0, 0, 1, 100), now);
    CHECK(std::get<PeerUp>(sender.take_events().at(0)).resumed);
  }

  TEST_CASE_FIXTURE(Fixture, "a newer epoch at the receiver puts the sender out until its own is raised") {
    sent();
    REQUIRE(sender.offer(message_of(1), now));
    LinkHeader rejected = answer(LinkKind::kRejected);
    rejected.receiver_incarnation = rejected.session = 0;
    rejected.reason = RejectReason::kStaleEpoch;
    rejected.epoch = 2;
    sender.receive(rejected, now);
    const auto events = sender.take_events();
    REQUIRE(events.size() == 2);
    CHECK(std::get<PeerLost>(events[0]).reason == LossReason::kStaleEpoch);
    CHECK(std::get<Returned>(events[1]).messages.size() == 1);
    CHECK(sender.next_timer() == TimePoint::never());
    CHECK(sent().empty());
    sender.set_epoch(Epoch{2}, now);
    CHECK(sent() == Kinds{LinkKind::kOpen});
  }

  TEST_CASE_FIXTURE(Fixture, "closing gives back what is not acknowledged and says goodbye once") {
    open();
    REQUIRE(sender.offer(message_of(1), now));
    CHECK(sender.close().size() == 1);
    CHECK(sent() == Kinds{LinkKind::kClose});
    CHECK_FALSE(sender.can_offer());
    CHECK(sender.close().empty());
    CHECK(sent().empty());
  }

  TEST_CASE_FIXTURE(Fixture, "stats: what was sent, what waits, and the credit that is left") {
    open();
    sender.receive(grant(0, 0, 3, 100), now);
    for (int i = 0; i < 2; ++i) CHECK(sender.offer(message_of(10), now));
    sent();
    CHECK(sender.stats(now) == LinkSenderStats{2, 20, 0, 0, 2, 0, 1, 80});
    for (int i = 0; i < 2; ++i) CHECK(sender.offer(message_of(90), now));
    sent();
    CHECK(sender.stats(now) == LinkSenderStats{3, 110, 0, 0, 4, 1, 0, 0});
    sender.receive(grant(3, 3, 4, 1000), now);
    sent();
    CHECK(sender.stats(now) == LinkSenderStats{4, 200, 0, 0, 1, 0, 0, 800});
  }

  TEST_CASE_FIXTURE(Fixture, "stats: it is stalled while a message waits without credit, and not while none waits") {
    const auto advance = [&](int ms) { now = now + std::chrono::milliseconds(ms); };
    open();
    sender.receive(grant(0, 0, 1, 100), now);
    sender.note_stall(now);
    advance(10);  // Nothing waits.
    CHECK(sender.offer(message_of(1), now));
    sent();
    sender.note_stall(now);
    advance(10);  // Without credit, and nothing waits.
    CHECK(sender.offer(message_of(1), now));
    sent();
    sender.note_stall(now);
    CHECK(sender.stats(now).stalled_us_total == 0);
    advance(5);
    CHECK(sender.stats(now).stalled_us_total == 5'000);  // As of now, without having been told.
    sender.note_stall(now);
    advance(2);
    sender.receive(grant(1, 1, 2, 100), now);
    sent();
    sender.note_stall(now);
    advance(100);
    CHECK(sender.stats(now).stalled_us_total == 7'000);
  }
}
