// Router and dealer sockets, addresses in use, options.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>

#include "base/random.h"
#include "tests/transport/zmq/support.h"
#include "transport/zmq/dealer_socket.h"
#include "transport/zmq/router_socket.h"

using namespace sluice;
using namespace sluice::transport;
using namespace sluice::transport::test;

namespace {

SocketOptions client_options(const std::string& routing_id = "") {
  SocketOptions options;
  options.routing_id = routing_id;
  return options;
}

// Turns until the condition holds; false if it never does.
bool wait_for(RouterSocket& server, const std::vector<DealerSocket*>& clients, const std::function<bool()>& condition) {
  SteadyClock clock;
  Poller poller;
  const TimePoint end = clock.now() + kGenerous;
  while (!condition()) {
    if (clock.now() >= end) return false;
    poller.clear();
    poller.add(server);
    for (const DealerSocket* client : clients) poller.add(*client);
    poller.wait(clock, clock.now() + std::chrono::milliseconds(20));
  }
  return true;
}

struct Server {
  SocketFolder folder;
  Context context = Context::create().value();
  RouterSocket socket;

  explicit Server(const std::string& transport, ReceiveLimits limits = {}, SocketOptions options = {})
      : socket(RouterSocket::bind(context, bind_address(transport, folder), options, limits).value()) {}

  DealerSocket connect(const std::string& routing_id = "") {
    return DealerSocket::connect(context, socket.address(), client_options(routing_id), ReceiveLimits{}).value();
  }
  // Sends from the client until it is accepted, and receives it here.
  RouterSocket::Incoming hear(DealerSocket& client, const Message& message) {
    bool is_sent = false;
    std::optional<RouterSocket::Incoming> incoming;
    REQUIRE(wait_for(socket, {&client}, [&] {
      is_sent = is_sent || client.send(message);
      if (!incoming) incoming = socket.receive();
      return incoming.has_value();
    }));
    return std::move(*incoming);
  }
};

void check_conversation(const std::string& transport) {
  Server server(transport);
  DealerSocket a = server.connect();
  DealerSocket b = server.connect();
  const auto from_a = server.hear(a, message_of(1, 1000));
  const auto from_b = server.hear(b, message_of(2));
  CHECK(number_of(from_a.message) == 1);
  CHECK(from_a.route != from_b.route);
  REQUIRE(server.socket.send(from_b.route, message_of(20)).value());
  REQUIRE(server.socket.send(from_a.route, message_of(10)).value());
  std::optional<Message> to_a;
  std::optional<Message> to_b;
  REQUIRE(wait_for(server.socket, {&a, &b}, [&] {
    if (!to_a) to_a = a.receive();
    if (!to_b) to_b = b.receive();
    return to_a && to_b;
  }));
  CHECK(number_of(*to_a) == 10);
  CHECK(number_of(*to_b) == 20);
}

void check_lost_client(const std::string& transport) {
  SocketFolder folder;
  PeerProcess peer([](const PeerProcess::Pipes& pipes) {
    const std::string address = pipes.read_line();
    const Context context = Context::create().value();
    auto client = DealerSocket::connect(context, address, client_options(), ReceiveLimits{}).value();
    SteadyClock clock;
    Poller poller;
    while (!client.send(message_of(1))) {
      poller.clear();
      client.watch(poller, true);
      poller.wait(clock, TimePoint::never());
      client.take_change();
    }
    pipes.read_line();
  });
  const Context context = Context::create().value();
  auto server = RouterSocket::bind(context, bind_address(transport, folder), SocketOptions{}, ReceiveLimits{}).value();
  peer.pipes().write_line(server.address());
  std::optional<RouterSocket::Incoming> incoming;
  REQUIRE(wait_for(server, {}, [&] { return (incoming = server.receive()).has_value(); }));
  CHECK(server.take_disconnected().empty());
  peer.kill();
  std::vector<Route> lost;
  REQUIRE(wait_for(server, {}, [&] {
    server.receive();
    lost = server.take_disconnected();
    return !lost.empty();
  }));
  REQUIRE(lost.size() == 1);
  CHECK(lost[0] == incoming->route);
  // libzmq may forget the route a moment later than it reports the loss.
  Result<bool> sent = true;
  REQUIRE(wait_for(server, {}, [&] { return !(sent = server.send(lost[0], message_of(1))).ok(); }));
  CHECK(sent.error().code == ErrorCode::kTransportLost);
}

}  // namespace

TEST_SUITE("transport/zmq/sockets") {
  TEST_CASE("inproc: router and dealers talk by their routes") {
    check_conversation("inproc");
  }
  TEST_CASE("ipc: router and dealers talk by their routes") {
    check_conversation("ipc");
  }
  TEST_CASE("tcp: router and dealers talk by their routes") {
    check_conversation("tcp");
  }

  TEST_CASE("ipc: a killed client is reported with its route") {
    check_lost_client("ipc");
  }
  TEST_CASE("tcp: a killed client is reported with its route") {
    check_lost_client("tcp");
  }

  TEST_CASE("a client that says something and leaves at once is heard and reported") {
    Server server("tcp");
    std::optional<DealerSocket> client = server.connect();
    REQUIRE(wait_for(server.socket, {&*client}, [&] { return client->send(message_of(5)); }));
    client.reset();  // Before the server looks at anything.
    std::optional<RouterSocket::Incoming> incoming;
    REQUIRE(wait_for(server.socket, {}, [&] { return (incoming = server.socket.receive()).has_value(); }));
    std::vector<Route> lost;
    REQUIRE(wait_for(server.socket, {}, [&] { return !(lost = server.socket.take_disconnected()).empty(); }));
    CHECK(lost == std::vector<Route>{incoming->route});
  }

  TEST_CASE("a client that comes back under its routing id before anybody looked is heard as a new one") {
    Server server("tcp");
    std::optional<DealerSocket> first = server.connect("client-1");
    CHECK_FALSE(server.hear(*first, message_of(1)).follows_loss);
    first.reset();
    // libzmq has forgotten it once sending fails; nobody asks for losses meanwhile.
    REQUIRE(wait_for(server.socket, {}, [&] { return !server.socket.send(Route{"client-1"}, message_of(2)).ok(); }));
    DealerSocket second = server.connect("client-1");
    const auto incoming = server.hear(second, message_of(3));
    CHECK(incoming.route == Route{"client-1"});
    CHECK(incoming.follows_loss);
    CHECK(server.socket.take_disconnected().empty());
    CHECK_FALSE(server.hear(second, message_of(4)).follows_loss);
  }

  TEST_CASE("what a router has sent arrives although it ends at once, and its address is free then") {
    for (const std::string transport : {"ipc", "tcp"}) {
      CAPTURE(transport);
      const SocketFolder folder;
      const Context context = Context::create().value();
      const Context others = Context::create().value();  // With an I/O thread that the router does not wait for.
      std::string address = bind_address(transport, folder);
      for (int round = 0; round < 200; ++round) {
        std::optional<RouterSocket> server = RouterSocket::bind(context, address, {}, {}).value();
        address = server->address();
        SocketOptions options;
        options.immediate = false;
        DealerSocket client = DealerSocket::connect(others, address, options, ReceiveLimits{}).value();
        bool is_sent = false;
        std::optional<RouterSocket::Incoming> incoming;
        REQUIRE(wait_for(*server, {&client}, [&] {
          is_sent = is_sent || client.send(message_of(1));
          incoming = server->receive();
          return incoming.has_value();
        }));
        constexpr int kMessages = 20;
        for (int i = 0; i < kMessages; ++i) REQUIRE(server->send(incoming->route, message_of(i, 3000)).value());
        server.reset();
        SteadyClock clock;
        Poller poller;
        int received = 0;
        const TimePoint end = clock.now() + kGenerous;
        while (received < kMessages && clock.now() < end) {
          while (const auto message = client.receive()) CHECK(number_of(*message) == received++);
          poller.clear();
          poller.add(client);
          if (received < kMessages) poller.wait(clock, clock.now() + std::chrono::milliseconds(20));
        }
        CAPTURE(round);
        REQUIRE(received == kMessages);
      }
    }
  }

  TEST_CASE("inproc: a router ends while a dealer of the same thread is there, which still gets what was sent") {
    std::optional<Server> server(std::in_place, "inproc");
    const Context context = server->context;
    const std::string address = server->socket.address();
    DealerSocket client = server->connect();
    const auto incoming = server->hear(client, message_of(1));
    REQUIRE(server->socket.send(incoming.route, message_of(2)).value());
    server.reset();
    CHECK(RouterSocket::bind(context, address, {}, {}).ok());
    const auto message = client.receive();
    REQUIRE(message.has_value());
    CHECK(number_of(*message) == 2);
  }

  TEST_CASE("a route that nobody has is unreachable") {
    Server server("tcp");
    const auto sent = server.socket.send(Route{"nobody"}, message_of(1));
    REQUIRE_FALSE(sent.ok());
    CHECK(sent.error().code == ErrorCode::kTransportLost);
  }

  TEST_CASE("without handover a second client cannot take a routing id over") {
    Server server("tcp");
    DealerSocket owner = server.connect("client-1");
    const auto incoming = server.hear(owner, message_of(1));
    CHECK(incoming.route == Route{"client-1"});
    DealerSocket thief = server.connect("client-1");
    REQUIRE(
        wait_for(server.socket, {&thief}, [&] { return thief.take_change() == DealerSocket::Change::kEstablished; }));
    DealerSocket witness = server.connect();
    server.hear(witness, message_of(2));
    REQUIRE(server.socket.send(incoming.route, message_of(3)).value());
    std::optional<Message> answer;
    REQUIRE(wait_for(server.socket, {&owner}, [&] { return (answer = owner.receive()).has_value(); }));
    CHECK(number_of(*answer) == 3);
    CHECK_FALSE(thief.receive().has_value());
  }

  TEST_CASE("messages beyond the limits are counted and dropped") {
    for (const std::string transport : {"inproc", "ipc"}) {
      CAPTURE(transport);
      Server server(transport, ReceiveLimits{4, 5000});
      DealerSocket client = server.connect();
      REQUIRE(wait_for(server.socket, {&client}, [&] { return client.send(Message(5, message_of(1)[0])); }));
      REQUIRE(wait_for(server.socket, {&client}, [&] { return client.send(message_of(2, 6000)); }));
      CHECK(number_of(server.hear(client, message_of(3, 4000)).message) == 3);
      CHECK(server.socket.refused() == 2);
    }
  }

  TEST_CASE("each frame arrives 8-byte aligned and with its bytes, whatever its size") {
    Server server("tcp");
    DealerSocket client = server.connect();
    SplitMix64 random(1);
    std::vector<Message> sent;
    for (int i = 0; i < 200; ++i) {
      Message message;
      for (std::uint64_t n = 1 + random.below(4); n > 0; --n) {
        FrameBuilder frame(random.below(8) == 0 ? random.below(100000) : random.below(600));
        for (std::byte& b : frame.bytes()) b = static_cast<std::byte>(random.below(256));
        message.push_back(std::move(frame).freeze());
      }
      sent.push_back(message);
    }
    std::size_t next_sent = 0;
    std::size_t received = 0;
    REQUIRE(wait_for(server.socket, {&client}, [&] {
      while (next_sent < sent.size() && client.send(sent[next_sent])) ++next_sent;
      while (auto incoming = server.socket.receive()) {
        const Message& expected = sent.at(received++);
        REQUIRE(incoming->message.size() == expected.size());
        for (std::size_t i = 0; i < expected.size(); ++i) {
          CHECK(std::ranges::equal(incoming->message[i].bytes(), expected[i].bytes()));
          CHECK(incoming->message[i].is_aligned(8));
        }
      }
      return received == sent.size();
    }));
  }

  TEST_CASE("a dealer without a server sends nothing") {
    SocketFolder folder;
    const Context context = Context::create().value();
    auto client = DealerSocket::connect(context, folder.ipc("nobody"), client_options(), ReceiveLimits{}).value();
    CHECK_FALSE(client.send(message_of(1)));
  }

  TEST_CASE("an address in use says which") {
    for (const std::string transport : {"inproc", "ipc", "tcp"}) {
      CAPTURE(transport);
      Server server(transport);
      const std::string address = server.socket.address();
      const auto second = RouterSocket::bind(server.context, address, SocketOptions{}, ReceiveLimits{});
      REQUIRE_FALSE(second.ok());
      CHECK(second.error().code == ErrorCode::kAddressInUse);
      CHECK(second.error().message.find(address) != std::string::npos);
      const auto link = LinkIn::bind(server.context, address, {"in", 0, Epoch{1}}, LinkLimits{});
      REQUIRE_FALSE(link.ok());
      CHECK(link.error().code == ErrorCode::kAddressInUse);
    }
  }

  TEST_CASE("a path that nobody listens at any more is free again") {
    SocketFolder folder;
    const std::string address = folder.ipc("stale");
    PeerProcess peer([&](const PeerProcess::Pipes& pipes) {
      const Context context = Context::create().value();
      auto server = RouterSocket::bind(context, address, SocketOptions{}, ReceiveLimits{}).value();
      pipes.write_line("bound");
      pipes.read_line();
    });
    REQUIRE(peer.pipes().read_line() == "bound");
    const Context context = Context::create().value();
    CHECK(RouterSocket::bind(context, address, SocketOptions{}, ReceiveLimits{}).error().code ==
          ErrorCode::kAddressInUse);
    peer.kill();
    CHECK(RouterSocket::bind(context, address, SocketOptions{}, ReceiveLimits{}).ok());
  }

  TEST_CASE("a wide bind is refused unless it is allowed") {
    const Context context = Context::create().value();
    SocketOptions options;
    const auto refused = RouterSocket::bind(context, "tcp://0.0.0.0:*", options, ReceiveLimits{});
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().code == ErrorCode::kInvalidConfig);
    CHECK(refused.error().message.find("refuses") != std::string::npos);
    CHECK_FALSE(LinkIn::bind(context, "tcp://0.0.0.0:*", {"in", 0, Epoch{1}}, LinkLimits{}).ok());
    options.allow_wide_bind = true;
    CHECK(RouterSocket::bind(context, "tcp://0.0.0.0:*", options, ReceiveLimits{}).ok());
  }

  TEST_CASE("a routing id beyond the limit is refused") {
    const Context context = Context::create().value();
    const auto client =
        DealerSocket::connect(context, "inproc://x", client_options(std::string(256, 'x')), ReceiveLimits{});
    REQUIRE_FALSE(client.ok());
    CHECK(client.error().code == ErrorCode::kInvalidConfig);
  }

  TEST_CASE("the poller wakes up for a plain descriptor and for a timer") {
    SteadyClock clock;
    Poller poller;
    std::array<int, 2> pipe{};
    REQUIRE(::pipe(pipe.data()) == 0);
    const auto index = poller.add_fd(pipe[0]);
    poller.add_timer(clock.now() + std::chrono::milliseconds(1));
    poller.wait(clock, TimePoint::never());
    CHECK_FALSE(poller.is_ready(index));
    REQUIRE(::write(pipe[1], "x", 1) == 1);
    poller.clear();
    const auto again = poller.add_fd(pipe[0]);
    poller.wait(clock, TimePoint::never());
    CHECK(poller.is_ready(again));
    ::close(pipe[0]);
    ::close(pipe[1]);
  }
}
