// Deaths, rebirths and epochs of links over real sockets.
#include <doctest/doctest.h>

#include "tests/transport/zmq/support.h"

using namespace sluice;
using namespace sluice::transport;
using namespace sluice::transport::test;

namespace {

const PeerLost* lost_peer(const std::vector<LinkEvent>& events) {
  return find_event<PeerLost>(events);
}

LinkIn bind_in(const Context& context, const std::string& address, const LinkLimits& limits = {},
               Epoch epoch = Epoch{1}) {
  return LinkIn::bind(context, address, {"in", 0, epoch}, limits).value();
}

LinkOut connect_out(const Context& context, const std::string& address, const LinkLimits& limits = {},
                    Epoch epoch = Epoch{1}) {
  return LinkOut::connect(context, address, {"out", 0, epoch}, limits, SteadyClock().now()).value();
}

void check_closed_ends_are_seen(const std::string& transport) {
  SocketFolder folder;
  const Context context = Context::create().value();
  Ends ends;
  std::optional<LinkIn> in = bind_in(context, bind_address(transport, folder));
  std::optional<LinkOut> out = connect_out(context, in->address());
  ends.in = &*in;
  ends.out = &*out;
  REQUIRE(ends.wait_until([&] { return in->is_up() && out->is_up(); }));
  ends.out = nullptr;
  out.reset();
  REQUIRE(ends.wait_until([&] { return lost_peer(ends.in_events) != nullptr; }));
  CHECK_FALSE(in->is_up());

  out.emplace(connect_out(context, in->address()));
  ends.out = &*out;
  REQUIRE(ends.wait_until([&] { return in->is_up() && out->is_up(); }));
  ends.in = nullptr;
  in.reset();
  REQUIRE(ends.wait_until([&] { return lost_peer(ends.out_events) != nullptr; }));
  CHECK_FALSE(out->is_up());
}

// A receiver that is bound anew has forgotten all: what it had not acknowledged comes back, and the link goes on.
void check_restarted_receiver(const std::string& transport) {
  SocketFolder folder;
  const Context context = Context::create().value();
  LinkLimits limits;
  limits.window.messages = 4;
  Ends ends;
  std::optional<LinkIn> in = bind_in(context, bind_address(transport, folder), limits);
  const std::string address = in->address();
  const std::uint64_t first = in->receiver().identity().incarnation;
  LinkOut out = connect_out(context, address, limits);
  ends.in = &*in;
  ends.out = &out;
  for (std::uint64_t i = 1; i <= 10; ++i) REQUIRE(out.offer(message_of(i), ends.clock.now()));
  // Three are consumed and acknowledged, the others are in the receiver's hands or wait for credit.
  std::uint64_t consumed = 0;
  REQUIRE(ends.wait_until([&] {
    if (consumed < 3 && in->receive(ends.clock.now())) {
      in->consumed();
      ++consumed;
    }
    return consumed == 3 && out.queued() == 7;
  }));
  ends.in = nullptr;
  in.reset();
  in.emplace(bind_in(context, address, limits));
  ends.in = &*in;
  REQUIRE(ends.wait_until([&] { return find_event<Returned>(ends.out_events) != nullptr && out.is_up(); }));
  const auto& returned = find_event<Returned>(ends.out_events)->messages;
  REQUIRE(returned.size() == 7);
  for (std::size_t i = 0; i < 7; ++i) CHECK(number_of(returned[i]) == i + 4);
  CHECK(lost_peer(ends.out_events)->incarnation == first);
  CHECK(in->receiver().identity().incarnation != first);
  REQUIRE(out.offer(message_of(100), ends.clock.now()));
  std::optional<Message> received;
  REQUIRE(ends.wait_until([&] { return (received = in->receive(ends.clock.now())).has_value(); }));
  CHECK(number_of(*received) == 100);
}

void check_restarted_sender(const std::string& transport) {
  SocketFolder folder;
  const Context context = Context::create().value();
  Ends ends;
  LinkIn in = bind_in(context, bind_address(transport, folder));
  LinkOut out = connect_out(context, in.address());
  ends.in = &in;
  ends.out = &out;
  REQUIRE(out.offer(message_of(1), ends.clock.now()));
  REQUIRE(ends.wait_until([&] { return in.receive(ends.clock.now()).has_value(); }));
  in.consumed();
  out = connect_out(context, in.address());
  REQUIRE(out.offer(message_of(2), ends.clock.now()));
  std::optional<Message> received;
  REQUIRE(ends.wait_until([&] { return (received = in.receive(ends.clock.now())).has_value(); }));
  CHECK(number_of(*received) == 2);
  CHECK(lost_peer(ends.in_events) != nullptr);
  CHECK(in.receiver().sender_incarnation() == out.sender().identity().incarnation);
}

// The receiver lives in a process of its own, and is killed or stopped with messages in its hands.
void receive_forever(const PeerProcess::Pipes& pipes) {
  const std::string address = pipes.read_line();
  const Context context = Context::create().value();
  LinkIn in = bind_in(context, address);
  pipes.write_line(in.address());
  Ends ends;
  ends.in = &in;
  while (true) ends.wait_once();
}

void send_forever(const PeerProcess::Pipes& pipes) {
  const std::string address = pipes.read_line();
  const Context context = Context::create().value();
  LinkOut out = connect_out(context, address);
  Ends ends;
  ends.out = &out;
  while (true) ends.wait_once();
}

void check_killed_receiver(const std::string& transport, bool stop_only) {
  SocketFolder folder;
  PeerProcess peer(receive_forever);
  PeerProcess heir(receive_forever);
  peer.pipes().write_line(bind_address(transport, folder));
  const std::string address = peer.pipes().read_line();
  REQUIRE_FALSE(address.empty());
  const Context context = Context::create().value();
  Ends ends;
  LinkOut out = connect_out(context, address);
  ends.out = &out;
  for (std::uint64_t i = 1; i <= 5; ++i) REQUIRE(out.offer(message_of(i, 1000), ends.clock.now()));
  REQUIRE(ends.wait_until([&] { return out.is_up() && out.unsent() == 0; }));
  if (stop_only) {
    peer.stop();
  } else {
    peer.kill();
  }
  REQUIRE(ends.wait_until([&] { return lost_peer(ends.out_events) != nullptr; }));
  CHECK(lost_peer(ends.out_events)->reason == LossReason::kDisconnected);
  CHECK(out.queued() == 5);
  if (stop_only) return;
  heir.pipes().write_line(address);
  REQUIRE(heir.pipes().read_line() == address);
  REQUIRE(ends.wait_until([&] { return find_event<Returned>(ends.out_events) != nullptr && out.is_up(); }));
  CHECK(find_event<Returned>(ends.out_events)->messages.size() == 5);
}

void check_killed_sender(const std::string& transport) {
  SocketFolder folder;
  PeerProcess peer(send_forever);
  const Context context = Context::create().value();
  Ends ends;
  LinkIn in = bind_in(context, bind_address(transport, folder));
  ends.in = &in;
  peer.pipes().write_line(in.address());
  REQUIRE(ends.wait_until([&] { return in.is_up(); }));
  peer.kill();
  REQUIRE(ends.wait_until([&] { return lost_peer(ends.in_events) != nullptr; }));
  CHECK(lost_peer(ends.in_events)->reason == LossReason::kDisconnected);
}

}  // namespace

TEST_SUITE("transport/zmq/link_failure") {
  TEST_CASE("inproc: an end that is closed is seen by the other") {
    check_closed_ends_are_seen("inproc");
  }
  TEST_CASE("ipc: an end that is closed is seen by the other") {
    check_closed_ends_are_seen("ipc");
  }
  TEST_CASE("tcp: an end that is closed is seen by the other") {
    check_closed_ends_are_seen("tcp");
  }

  TEST_CASE("inproc: a restarted receiver gives back what it had not acknowledged") {
    check_restarted_receiver("inproc");
  }
  TEST_CASE("ipc: a restarted receiver gives back what it had not acknowledged") {
    check_restarted_receiver("ipc");
  }
  TEST_CASE("tcp: a restarted receiver gives back what it had not acknowledged") {
    check_restarted_receiver("tcp");
  }

  TEST_CASE("inproc: a restarted sender takes the place of the old one") {
    check_restarted_sender("inproc");
  }
  TEST_CASE("ipc: a restarted sender takes the place of the old one") {
    check_restarted_sender("ipc");
  }
  TEST_CASE("tcp: a restarted sender takes the place of the old one") {
    check_restarted_sender("tcp");
  }

  TEST_CASE("ipc: a killed receiver is seen and its heir gets a fresh session") {
    check_killed_receiver("ipc", false);
  }
  TEST_CASE("tcp: a killed receiver is seen and its heir gets a fresh session") {
    check_killed_receiver("tcp", false);
  }
  TEST_CASE("tcp: a stopped receiver is seen by its missing heartbeats") {
    check_killed_receiver("tcp", true);
  }
  TEST_CASE("ipc: a killed sender is seen") {
    check_killed_sender("ipc");
  }
  TEST_CASE("tcp: a killed sender is seen") {
    check_killed_sender("tcp");
  }

  TEST_CASE("an epoch that rises at both ends returns the old messages and carries the new ones") {
    SocketFolder folder;
    const Context context = Context::create().value();
    Ends ends;
    LinkIn in = bind_in(context, bind_address("ipc", folder));
    LinkOut out = connect_out(context, in.address());
    ends.in = &in;
    ends.out = &out;
    REQUIRE(out.offer(message_of(1), ends.clock.now()));
    REQUIRE(ends.wait_until([&] { return in.receiver().waiting() == 1; }));
    in.set_epoch(Epoch{2});
    CHECK_FALSE(in.receive(ends.clock.now()).has_value());
    out.set_epoch(Epoch{2}, ends.clock.now());
    REQUIRE(ends.wait_until([&] { return find_event<Returned>(ends.out_events) != nullptr; }));
    REQUIRE(out.offer(message_of(2), ends.clock.now()));
    std::optional<Message> received;
    REQUIRE(ends.wait_until([&] { return (received = in.receive(ends.clock.now())).has_value(); }));
    CHECK(number_of(*received) == 2);
  }

  TEST_CASE("a sender of an old epoch is turned away and told so") {
    SocketFolder folder;
    const Context context = Context::create().value();
    Ends ends;
    LinkIn in = bind_in(context, bind_address("tcp", folder), LinkLimits{}, Epoch{5});
    LinkOut out = connect_out(context, in.address(), LinkLimits{}, Epoch{4});
    ends.in = &in;
    ends.out = &out;
    REQUIRE(out.offer(message_of(1), ends.clock.now()));
    REQUIRE(ends.wait_until([&] { return lost_peer(ends.out_events) != nullptr; }));
    CHECK(lost_peer(ends.out_events)->reason == LossReason::kStaleEpoch);
    CHECK(find_event<Returned>(ends.out_events) != nullptr);
    CHECK_FALSE(in.receive(ends.clock.now()).has_value());
  }
}
