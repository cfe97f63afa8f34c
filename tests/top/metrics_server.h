// An HTTP server for tests that answers every connection by a script, byte for byte.
//
// Owns: its socket, and a thread for all connections, one after the other.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <thread>

namespace sluice::test {

// "HTTP/1.1 200 OK" with this body.
std::string http_ok(const std::string& body);

class MetricsServer {
 public:
  // What the n-th connection (from 0 on) gets for its request, before it is closed. Called on the server's thread.
  using Script = std::function<std::string(int number, const std::string& request)>;

  explicit MetricsServer(Script script);
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;
  ~MetricsServer();

  std::uint16_t port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  void serve();

  Script script_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

// A port of this machine at which nobody listens, as long as this lives.
class SilentPort {
 public:
  // `is_listening`: connections are taken, and nobody ever answers.
  explicit SilentPort(bool is_listening);
  SilentPort(const SilentPort&) = delete;
  SilentPort& operator=(const SilentPort&) = delete;
  ~SilentPort();

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  int socket_ = -1;
  std::uint16_t port_ = 0;
};

}  // namespace sluice::test
