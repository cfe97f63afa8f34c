#include "tests/top/metrics_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "base/check.h"

namespace sluice::test {

namespace {

// Bound to a free port of the loopback.
std::pair<int, std::uint16_t> bound_socket() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  SLUICE_CHECK_GE(fd, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  SLUICE_CHECK_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  SLUICE_CHECK_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  return {fd, ntohs(address.sin_port)};
}

std::string read_request(int connection) {
  std::string request;
  char c = 0;
  while (!request.ends_with("\r\n\r\n") && ::read(connection, &c, 1) == 1) request += c;
  return request;
}

// A client may hang up in the middle of it.
void send_all(int connection, const std::string& text) {
  std::size_t sent = 0;
  while (sent < text.size()) {
    const ssize_t size = ::send(connection, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (size <= 0) return;
    sent += static_cast<std::size_t>(size);
  }
}

}  // namespace

std::string http_ok(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

MetricsServer::MetricsServer(Script script) : script_(std::move(script)) {
  std::tie(listener_, port_) = bound_socket();
  SLUICE_CHECK_EQ(::listen(listener_, 16), 0);
  thread_ = std::thread([this] { serve(); });
}

MetricsServer::~MetricsServer() {
  ::shutdown(listener_, SHUT_RDWR);
  thread_.join();
  ::close(listener_);
}

void MetricsServer::serve() {
  for (int number = 0;; ++number) {
    const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) return;
    send_all(connection, script_(number, read_request(connection)));
    ::shutdown(connection, SHUT_WR);
    // Closed with bytes unread it would reset, and the answer might be lost.
    char ignored = 0;
    while (::read(connection, &ignored, 1) == 1) continue;
    ::close(connection);
  }
}

SilentPort::SilentPort(bool is_listening) {
  std::tie(socket_, port_) = bound_socket();
  if (is_listening) SLUICE_CHECK_EQ(::listen(socket_, 16), 0);
}

SilentPort::~SilentPort() {
  ::close(socket_);
}

}  // namespace sluice::test
