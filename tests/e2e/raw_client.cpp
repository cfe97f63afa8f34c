#include "tests/e2e/raw_client.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "base/clock.h"
#include "tests/e2e/program.h"
#include "transport/codec/client_codec.h"

namespace sluice::test {
namespace {

const SteadyClock kClock;  // Has no state.

transport::DealerSocket connect(const std::string& address, const std::string& routing_id) {
  auto context = transport::Context::create();
  REQUIRE(context.ok());
  transport::SocketOptions options;
  options.routing_id = routing_id;
  auto socket = transport::DealerSocket::connect(*context, address, options, {});
  REQUIRE(socket.ok());
  return std::move(*socket);
}

}  // namespace

transport::Frame frame_of(std::string_view bytes) {
  transport::FrameBuilder builder(bytes.size());
  bytes.copy(reinterpret_cast<char*>(builder.bytes().data()), bytes.size());
  return std::move(builder).freeze();
}

std::string bytes_of(const transport::Frame& frame) {
  return {reinterpret_cast<const char*>(frame.bytes().data()), frame.size()};
}

std::string encoded(const ClientMessage& message) {
  return bytes_of(transport::encode(message).front());
}

RawClient::RawClient(const std::string& address, const std::string& routing_id)
    : socket_(connect(address, routing_id)) {
  while (socket_.take_change() != transport::DealerSocket::Change::kEstablished) wait(true);
}

void RawClient::send(const transport::Message& message) {
  const TimePoint until = kClock.now() + kPatience;
  while (!socket_.send(message)) {
    REQUIRE(kClock.now() < until);
    wait(true);
  }
}

ServerMessage RawClient::receive() {
  const TimePoint until = kClock.now() + kPatience;
  for (;;) {
    if (const auto message = socket_.receive()) {
      auto decoded = transport::decode_server_message(*message);
      REQUIRE(decoded.ok());
      return std::move(*decoded);
    }
    REQUIRE_MESSAGE(kClock.now() < until, "the engine does not answer");
    wait(false);
  }
}

Failed RawClient::receive_failed() {
  const ServerMessage message = receive();
  REQUIRE(std::holds_alternative<Failed>(message));
  return std::get<Failed>(message);
}

Welcome RawClient::shake_hands() {
  send(Hello{});
  for (;;) {
    ServerMessage message = receive();
    if (auto* welcome = std::get_if<Welcome>(&message)) return std::move(*welcome);
  }
}

void RawClient::wait_until_closed() {
  const TimePoint until = kClock.now() + kPatience;
  while (socket_.take_change() != transport::DealerSocket::Change::kLost) {
    REQUIRE_MESSAGE(kClock.now() < until, "the engine keeps the connection");
    wait(false);
  }
}

void RawClient::wait(bool for_writing) {
  poller_.clear();
  socket_.watch(poller_, for_writing);
  poller_.wait(kClock, kClock.now() + kPatience);
}

TcpPeer::TcpPeer(const std::string& address) : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  REQUIRE(socket_ >= 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
}

TcpPeer::~TcpPeer() {
  close(socket_);
}

void TcpPeer::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

void TcpPeer::greet() {
  std::string greeting("\xFF\0\0\0\0\0\0\0\1\x7F\3\0NULL", 16);
  greeting.resize(64, '\0');
  send(greeting);
  send(std::string_view("\4\x1C\5READY\13Socket-Type\0\0\0\6DEALER", 30));
  REQUIRE(read_some() > 0);
}

void TcpPeer::wait_until_closed() {
  while (read_some() > 0) {
  }
}

std::size_t TcpPeer::read_some() {
  pollfd item{socket_, POLLIN, 0};
  const auto patience_ms = std::chrono::duration_cast<std::chrono::milliseconds>(kPatience).count();
  REQUIRE_MESSAGE(poll(&item, 1, static_cast<int>(patience_ms)) == 1, "the engine neither speaks nor closes");
  std::array<char, 4096> bytes{};
  const ssize_t count = recv(socket_, bytes.data(), bytes.size(), 0);
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

}  // namespace sluice::test
