// Links over real sockets: order, completeness, credit, bytes, strangers.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/transport/zmq/support.h"
#include "transport/link/header_codec.h"
#include "transport/zmq/dealer_socket.h"

using namespace sluice;
using namespace sluice::transport;
using namespace sluice::transport::test;

namespace {

struct Link {
  SocketFolder folder;
  Context context = Context::create().value();
  LinkLimits limits;
  std::optional<LinkIn> in;
  std::optional<LinkOut> out;
  Ends ends;

  explicit Link(const std::string& transport, LinkLimits with = {}) : limits(with) {
    in.emplace(LinkIn::bind(context, bind_address(transport, folder), {"in", 0, Epoch{1}}, limits).value());
    out.emplace(LinkOut::connect(context, in->address(), {"out", 0, Epoch{1}}, limits, ends.clock.now()).value());
    ends.in = &*in;
    ends.out = &*out;
  }
};

LinkLimits small_window(std::uint32_t messages, std::uint64_t bytes) {
  LinkLimits limits;
  limits.window = {messages, bytes};
  return limits;
}

void check_order_and_completeness(const std::string& transport) {
  constexpr std::uint64_t kCount = 10000;
  Link link(transport, small_window(8, 1 << 20));
  std::uint64_t offered = 0;
  std::uint64_t received = 0;
  std::uint64_t consumed = 0;
  std::size_t most_in_flight = 0;
  const bool is_done = link.ends.wait_until([&] {
    const TimePoint now = link.ends.clock.now();
    while (offered < kCount && link.out->offer(message_of(offered + 1, offered % 7), now)) ++offered;
    while (auto message = link.in->receive(now)) {
      REQUIRE(number_of(*message) == received + 1);
      ++received;
    }
    // A slow consumer: at most three for each turn.
    for (int i = 0; i < 3 && consumed < received; ++i, ++consumed) link.in->consumed();
    link.ends.is_busy = consumed < received;
    const std::size_t in_flight = link.out->queued() - link.out->unsent();
    most_in_flight = std::max(most_in_flight, in_flight);
    REQUIRE(link.in->receiver().held() <= 8);
    return consumed == kCount && link.out->queued() == 0;
  });
  CHECK(is_done);
  CHECK(received == kCount);
  CHECK(most_in_flight <= 8);
  CHECK(most_in_flight >= 4);
  CHECK(link.in->receiver().counters().beyond_credit == 0);
  CHECK(link.in->refused() == 0);
  CHECK(find_event<PeerUp>(link.ends.out_events) != nullptr);
  CHECK(find_event<Returned>(link.ends.out_events) == nullptr);
}

void check_tensors(const std::string& transport) {
  constexpr std::size_t kBytes = 1 << 20;
  Link link(transport, small_window(4, 2 << 20));
  std::uint64_t offered = 0;
  std::uint64_t received = 0;
  CHECK(link.ends.wait_until([&] {
    while (offered < 20 && link.out->offer(message_of(offered, kBytes), link.ends.clock.now())) ++offered;
    while (auto message = link.in->receive(link.ends.clock.now())) {
      const Message expected = message_of(received++, kBytes);
      REQUIRE(message->size() == 2);
      CHECK(std::ranges::equal(message->at(1).bytes(), expected[1].bytes()));
      CHECK(message->at(0).is_aligned(8));
      CHECK(message->at(1).is_aligned(8));
      link.in->consumed();
    }
    return received == 20;
  }));
}

}  // namespace

TEST_SUITE("transport/zmq/link") {
  TEST_CASE("inproc: order and completeness of 10000 messages with a slow consumer") {
    check_order_and_completeness("inproc");
  }
  TEST_CASE("ipc: order and completeness of 10000 messages with a slow consumer") {
    check_order_and_completeness("ipc");
  }
  TEST_CASE("tcp: order and completeness of 10000 messages with a slow consumer") {
    check_order_and_completeness("tcp");
  }
  TEST_CASE("inproc: tensors of a megabyte arrive with equal bytes") {
    check_tensors("inproc");
  }
  TEST_CASE("ipc: tensors of a megabyte arrive with equal bytes") {
    check_tensors("ipc");
  }
  TEST_CASE("tcp: tensors of a megabyte arrive with equal bytes") {
    check_tensors("tcp");
  }

  TEST_CASE("in-process frames are shared and not copied") {
    Link link("inproc");
    const Message message = message_of(1, 4096);
    Message copy = message;
    REQUIRE(link.out->offer(std::move(copy), link.ends.clock.now()));
    std::optional<Message> received;
    REQUIRE(link.ends.wait_until([&] { return (received = link.in->receive(link.ends.clock.now())).has_value(); }));
    CHECK(received->at(1).bytes().data() == message[1].bytes().data());
  }

  TEST_CASE("a sender without credit does not send") {
    Link link("tcp", small_window(4, 1 << 20));
    for (std::uint64_t i = 0; i < 20; ++i) REQUIRE(link.out->offer(message_of(i), link.ends.clock.now()));
    REQUIRE(link.ends.wait_until([&] { return link.in->receiver().waiting() == 4; }));
    // Pings and their answers go on; data does not.
    REQUIRE(link.ends.wait_until([&, turns = 0]() mutable { return ++turns > 10; }));
    CHECK(link.out->unsent() == 16);
    CHECK(link.in->receiver().waiting() == 4);
    CHECK_FALSE(link.out->sender().has_packet());
    for (std::uint64_t i = 0; i < 4; ++i) {
      CHECK(number_of(link.in->receive(link.ends.clock.now()).value()) == i);
      link.in->consumed();
    }
    CHECK(link.ends.wait_until([&] { return link.in->receiver().waiting() == 4; }));
    CHECK(link.out->unsent() == 12);
  }

  TEST_CASE("the queue is bounded and takes messages again after progress") {
    LinkLimits limits = small_window(2, 1 << 20);
    limits.queue_messages = 5;
    Link link("inproc", limits);
    for (std::uint64_t i = 0; i < 5; ++i) REQUIRE(link.out->offer(message_of(i), link.ends.clock.now()));
    CHECK_FALSE(link.out->offer(message_of(5), link.ends.clock.now()));
    REQUIRE(link.ends.wait_until([&] { return link.in->receive(link.ends.clock.now()).has_value(); }));
    link.in->consumed();
    CHECK(link.ends.wait_until([&] { return link.out->can_offer(); }));
  }

  TEST_CASE("a link may be connected before its other end is bound") {
    for (const std::string transport : {"inproc", "ipc"}) {
      CAPTURE(transport);
      SocketFolder folder;
      const Context context = Context::create().value();
      Ends ends;
      const std::string address = bind_address(transport, folder);
      auto out = LinkOut::connect(context, address, {"out", 0, Epoch{1}}, LinkLimits{}, ends.clock.now()).value();
      ends.out = &out;
      REQUIRE(out.offer(message_of(1), ends.clock.now()));
      ends.turn();
      auto in = LinkIn::bind(context, address, {"in", 0, Epoch{1}}, LinkLimits{}).value();
      ends.in = &in;
      CHECK(ends.wait_until([&] { return in.receive(ends.clock.now()).has_value(); }));
    }
  }

  TEST_CASE("garbage of a stranger is counted and ignored and the link goes on") {
    for (const std::string transport : {"inproc", "tcp"}) {
      CAPTURE(transport);
      Link link(transport);
      auto stranger = DealerSocket::connect(link.context, link.in->address(), SocketOptions{}, ReceiveLimits{}).value();
      LinkHeader ping;
      ping.sender_incarnation = 99;
      ping.attempt = ping.epoch = 1;
      // No header, an empty one, a header with too little or too much behind it, and far too many frames.
      std::vector<Message> garbage(5);
      garbage[0] = message_of(12345, 100);
      garbage[1] = {Frame{}};
      garbage[2] = {encode_header(ping), message_of(1)[0]};
      ping.kind = LinkKind::kData;
      garbage[3] = {encode_header(ping)};
      garbage[4] = Message(1000, message_of(1)[0]);
      for (const Message& message : garbage) {
        REQUIRE(link.ends.wait_until([&] { return stranger.send(message); }));
      }
      CHECK(link.ends.wait_until([&] { return link.in->refused() == garbage.size(); }));
      REQUIRE(link.out->offer(message_of(7), link.ends.clock.now()));
      std::optional<Message> received;
      REQUIRE(link.ends.wait_until([&] { return (received = link.in->receive(link.ends.clock.now())).has_value(); }));
      CHECK(number_of(*received) == 7);
    }
  }

  TEST_CASE("an oversized frame costs a stranger its connection and the link goes on") {
    LinkLimits limits;
    limits.max_message_bytes = 10000;
    Link link("tcp", limits);
    auto stranger = DealerSocket::connect(link.context, link.in->address(), SocketOptions{}, ReceiveLimits{}).value();
    auto change = DealerSocket::Change::kNone;
    REQUIRE(link.ends.wait_until([&] {
      if (stranger.take_change() == DealerSocket::Change::kEstablished) change = DealerSocket::Change::kEstablished;
      return change == DealerSocket::Change::kEstablished;
    }));
    REQUIRE(stranger.send(message_of(1, 20000)));
    CHECK(link.ends.wait_until([&] { return stranger.take_change() == DealerSocket::Change::kLost; }));
    REQUIRE(link.out->offer(message_of(7, 9000), link.ends.clock.now()));
    CHECK(link.ends.wait_until([&] { return link.in->receive(link.ends.clock.now()).has_value(); }));
    CHECK(link.in->receiver().counters().beyond_credit == 0);
  }
}
