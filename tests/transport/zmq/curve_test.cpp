// Encrypted sockets and links: who is let in, who is not, and that nobody else notices.
#include <doctest/doctest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>

#include "tests/transport/zmq/support.h"
#include "transport/zmq/dealer_socket.h"
#include "transport/zmq/router_socket.h"
#include "transport/zmq/zap_socket.h"

using namespace sluice;
using namespace sluice::transport;
using namespace sluice::transport::test;

namespace {

std::shared_ptr<const KeyPair> make_keys() {
  return std::make_shared<const KeyPair>(generate_key_pair().value());
}

Context context_with(std::shared_ptr<const KeyPair> keys) {
  return Context::create({.keys = std::move(keys)}).value();
}

// What the authenticating actor does, on a thread of the test.
class Doorkeeper {
 public:
  Doorkeeper(const Context& context, Authenticator authenticator)
      : socket_(ZapSocket::bind(context).value()),
        authenticator_(std::move(authenticator)),
        thread_([this] { run(); }) {}
  Doorkeeper(const Doorkeeper&) = delete;
  Doorkeeper& operator=(const Doorkeeper&) = delete;
  ~Doorkeeper() {
    is_stopping_ = true;
    thread_.join();
  }

  int asked() const { return asked_; }

 private:
  void run() {
    const SteadyClock clock;
    Poller poller;
    while (!is_stopping_) {
      while (auto incoming = socket_.receive()) {
        socket_.answer(*incoming, authenticator_.decide(incoming->request.domain, incoming->request.key));
        ++asked_;
      }
      poller.clear();
      poller.add(socket_);
      poller.wait(clock, clock.now() + std::chrono::milliseconds(10));
    }
  }

  ZapSocket socket_;
  Authenticator authenticator_;
  std::atomic<int> asked_{0};
  std::atomic<bool> is_stopping_{false};
  std::thread thread_;
};

// A server that encrypts, with a list of one client and one worker.
struct Server {
  SocketFolder folder;
  std::shared_ptr<const KeyPair> keys = make_keys();
  std::shared_ptr<const KeyPair> client_keys = make_keys();
  std::shared_ptr<const KeyPair> worker_keys = make_keys();
  std::filesystem::path list = std::filesystem::path(folder.ipc("authorized_keys").substr(6));
  Context context = context_with(keys);
  std::optional<Doorkeeper> doorkeeper;
  std::optional<RouterSocket> socket;

  explicit Server(CurveDomain domain, const std::string& transport = "tcp") {
    write_list("client public " + to_z85(client_keys->public_key) + " alice\nworker public " +
               to_z85(worker_keys->public_key) + " worker-a\n");
    doorkeeper.emplace(context, Authenticator(list));
    SocketOptions options;
    options.domain = domain;
    socket = RouterSocket::bind(context, bind_address(transport, folder) + "#curve", options, {}).value();
  }

  void write_list(const std::string& text) const { std::ofstream(list) << text; }
};

// One who tries to get in, with a context of its own.
struct Peer {
  Context context;
  DealerSocket socket;

  Peer(std::shared_ptr<const KeyPair> keys, const std::string& address, const SocketOptions& options = {})
      : context(context_with(std::move(keys))), socket(DealerSocket::connect(context, address, options, {}).value()) {}
};

template <class Condition>
bool wait_for(Server& server, DealerSocket& peer, const Condition& condition) {
  const SteadyClock clock;
  Poller poller;
  const TimePoint end = clock.now() + kGenerous;
  while (!condition()) {
    if (clock.now() >= end) return false;
    poller.clear();
    poller.add(*server.socket);
    poller.add(peer);
    poller.wait(clock, clock.now() + std::chrono::milliseconds(20));
  }
  return true;
}

// Sends until the server has it; the message as it came.
RouterSocket::Incoming hear(Server& server, DealerSocket& peer) {
  bool is_sent = false;
  std::optional<RouterSocket::Incoming> incoming;
  REQUIRE(wait_for(server, peer, [&] {
    is_sent = is_sent || peer.send(message_of(7));
    incoming = server.socket->receive();
    return incoming.has_value();
  }));
  return std::move(*incoming);
}

// Waits for the refusal of the peer, and that the server has counted it and heard nothing.
std::string refusal_of(Server& server, DealerSocket& peer) {
  const std::uint64_t before = server.socket->failed_handshakes();
  REQUIRE(wait_for(server, peer, [&] {
    static_cast<void>(peer.take_change());
    CHECK_FALSE(server.socket->receive().has_value());
    CHECK(server.socket->take_disconnected().empty());
    return !peer.refusal().empty() && server.socket->failed_handshakes() > before;
  }));
  CHECK_FALSE(peer.send(message_of(1)));
  return peer.refusal();
}

}  // namespace

TEST_SUITE("transport/zmq/curve") {
  TEST_CASE("a listed client is heard and answered, over tcp and ipc") {
    for (const std::string transport : {"tcp", "ipc"}) {
      CAPTURE(transport);
      Server server(CurveDomain::kIngress, transport);
      Peer alice(server.client_keys, server.socket->address());
      const auto incoming = hear(server, alice.socket);
      CHECK(number_of(incoming.message) == 7);
      REQUIRE(server.socket->send(incoming.route, message_of(8, 100'000)).value());
      std::optional<Message> answer;
      REQUIRE(wait_for(server, alice.socket, [&] {
        answer = alice.socket.receive();
        return answer.has_value();
      }));
      CHECK(number_of(*answer) == 8);
      CHECK(answer->at(1).size() == 100'000);
    }
  }

  TEST_CASE("a worker's messages on the control link tell whose key it was") {
    Server server(CurveDomain::kControl);
    Peer worker(server.worker_keys, server.socket->address());
    const auto incoming = hear(server, worker.socket);
    CHECK(peer_from_string(incoming.peer) == PeerIdentity{server.worker_keys->public_key, "worker-a"});
    // Also of a message that a poll has seen before it is read: libzmq takes another way then.
    REQUIRE(worker.socket.send(message_of(8)));
    const SteadyClock clock;
    Poller poller;
    poller.add(*server.socket);
    poller.wait(clock, clock.now() + kGenerous);
    const auto polled = hear(server, worker.socket);
    CHECK(peer_from_string(polled.peer) == PeerIdentity{server.worker_keys->public_key, "worker-a"});
  }

  TEST_CASE(
      "an unlisted key, another role's key and a revoked key are refused while a listed one is served all the while") {
    Server server(CurveDomain::kIngress);
    Peer alice(server.client_keys, server.socket->address());
    hear(server, alice.socket);
    Peer stranger(make_keys(), server.socket->address());
    CHECK(refusal_of(server, stranger.socket) == "our key is not on its list");
    Peer worker(server.worker_keys, server.socket->address());
    CHECK(refusal_of(server, worker.socket) == "our key is not on its list");
    server.write_list("# revoked\n");
    Peer again(server.client_keys, server.socket->address());
    CHECK(refusal_of(server, again.socket) == "our key is not on its list");
    // What is connected stays connected: docs/SECURITY.md says so.
    CHECK(number_of(hear(server, alice.socket).message) == 7);
  }

  TEST_CASE("who has no key is refused, and so is who encrypts toward a server that does not") {
    Server server(CurveDomain::kIngress);
    const std::string endpoint = parse_curve_address(server.socket->address())->endpoint;
    Peer plain(nullptr, endpoint);
    CHECK(refusal_of(server, plain.socket) == "it takes encrypted connections only");
    CHECK(server.doorkeeper->asked() == 0);
    server.socket = RouterSocket::bind(server.context, "tcp://127.0.0.1:*", {}, {}).value();
    Peer alice(server.client_keys, address_of_server(server.socket->address(), server.keys->public_key));
    CHECK(refusal_of(server, alice.socket) == "it takes no encrypted connections");
  }

  TEST_CASE("a wrong server key: no handshake succeeds, and the list is never asked") {
    Server server(CurveDomain::kIngress);
    const std::string endpoint = parse_curve_address(server.socket->address())->endpoint;
    Peer misled(server.client_keys, address_of_server(endpoint, make_keys()->public_key));
    REQUIRE(wait_for(server, misled.socket, [&] {
      static_cast<void>(misled.socket.take_change());
      CHECK_FALSE(misled.socket.send(message_of(1)));
      CHECK_FALSE(server.socket->receive().has_value());
      CHECK(server.socket->take_disconnected().empty());
      return misled.socket.broken_handshakes() > 2 && server.socket->failed_handshakes() > 2;
    }));
    CHECK(misled.socket.refusal().empty());
    CHECK(server.doorkeeper->asked() == 0);
  }

  TEST_CASE("a broken list lets nobody in until it is mended: then who waits is let in") {
    Server server(CurveDomain::kIngress);
    server.write_list("nonsense\n");
    SocketOptions options;
    options.handshake_timeout = std::chrono::seconds(1);  // A busy machine takes its time for one.
    Peer alice(server.client_keys, server.socket->address(), options);
    REQUIRE(wait_for(server, alice.socket, [&] {
      static_cast<void>(alice.socket.take_change());
      CHECK_FALSE(alice.socket.send(message_of(1)));
      CHECK(server.socket->take_disconnected().empty());
      return server.doorkeeper->asked() > 2;
    }));
    CHECK(alice.socket.refusal().empty());
    server.write_list("client public " + to_z85(server.client_keys->public_key) + " alice\n");
    hear(server, alice.socket);
  }

  TEST_CASE("nobody to ask: nobody is let in") {
    Server server(CurveDomain::kIngress);
    server.doorkeeper.reset();
    Peer alice(server.client_keys, server.socket->address());
    REQUIRE(wait_for(server, alice.socket, [&] {
      static_cast<void>(alice.socket.take_change());
      CHECK_FALSE(alice.socket.send(message_of(1)));
      CHECK_FALSE(server.socket->receive().has_value());
      CHECK(server.socket->take_disconnected().empty());
      return server.socket->failed_handshakes() > 0;
    }));
  }

  TEST_CASE("a link: encrypted between two processes' contexts, to a stage that was told its peer") {
    const auto stage_keys = make_keys();
    const auto head_keys = make_keys();
    const Context stage = context_with(stage_keys);
    const Context head = context_with(head_keys);
    Authenticator peers;
    peers.set_peers({{head_keys->public_key, {KeyRole::kWorker, "head"}}});
    const Doorkeeper doorkeeper(stage, std::move(peers));
    Ends ends;
    LinkIn in = LinkIn::bind(stage, "tcp://127.0.0.1:*#curve", {"stage-0", 0, Epoch{1}}, {}).value();
    LinkOut out = LinkOut::connect(head, in.address(), {"batcher", 0, Epoch{1}}, {}, ends.clock.now()).value();
    ends.in = &in;
    ends.out = &out;
    for (std::uint64_t number = 0; number < 200; ++number) {
      REQUIRE(ends.wait_until([&] { return out.can_offer(); }));
      REQUIRE(out.offer(message_of(number, 3000), ends.clock.now()));
      std::optional<Message> message;
      REQUIRE(ends.wait_until([&] {
        message = in.receive(ends.clock.now());
        return message.has_value();
      }));
      CHECK(number_of(*message) == number);
      in.consumed();
    }
    LinkOut stranger =
        LinkOut::connect(context_with(make_keys()), in.address(), {"x", 0, Epoch{1}}, {}, ends.clock.now()).value();
    const int asked = doorkeeper.asked();
    ends.out = &stranger;
    REQUIRE(ends.wait_until([&] { return doorkeeper.asked() > asked + 1; }));
    CHECK_FALSE(stranger.is_up());
    CHECK_FALSE(in.receive(ends.clock.now()).has_value());
  }

  TEST_CASE("encryption without keys, or toward nobody known, is refused with the address") {
    const Context plain = Context::create().value();
    const Context keyed = context_with(make_keys());
    const auto bound = RouterSocket::bind(plain, "tcp://127.0.0.1:*#curve", {}, {});
    REQUIRE_FALSE(bound.ok());
    CHECK(bound.error().message == "address 'tcp://127.0.0.1:*': this process has no key");
    const auto connected = DealerSocket::connect(keyed, "tcp://127.0.0.1:1#curve", {}, {});
    REQUIRE_FALSE(connected.ok());
    CHECK(connected.error().message == "address 'tcp://127.0.0.1:1': the key of who listens is missing");
  }

  TEST_CASE("beyond loopback: with keys, or with leave") {
    const Context plain = Context::create().value();
    const auto refused = RouterSocket::bind(plain, "tcp://0.0.0.0:*", {}, {});
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().code == ErrorCode::kInvalidConfig);
    CHECK(RouterSocket::bind(context_with(make_keys()), "tcp://0.0.0.0:*#curve", {}, {}).ok());
    const Context careless = Context::create({.allow_wide_bind = true}).value();
    CHECK(RouterSocket::bind(careless, "tcp://0.0.0.0:*", {}, {}).ok());
  }

  TEST_CASE("an encrypted address is free again when its socket is gone") {
    const Context context = context_with(make_keys());
    auto first = RouterSocket::bind(context, "tcp://127.0.0.1:*#curve", {}, {});
    const std::string endpoint = parse_curve_address(first->address())->endpoint;
    first = RouterSocket::bind(context, "tcp://127.0.0.1:*", {}, {});
    CHECK(RouterSocket::bind(context, endpoint + "#curve", {}, {}).ok());
  }
}
