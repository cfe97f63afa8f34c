// One ZeroMQ socket with every option spelled out, and multipart messages in and out of it without copying.
//
// Owns: the socket, closed on destruction. Confined: one thread, destruction included.
// Errors: what a user or the system can cause (addresses, ports, file descriptors) is a Result; any other failure of
//   libzmq is a bug of ours and aborts. Sockets never block.
// Known limit of libzmq: max_frame_bytes bounds one frame, and the frames of one unfinished multipart message are
//   collected inside libzmq without a bound. Only CURVE (addresses with "#curve") keeps strangers from trying.
// Known defect of libzmq 4.3.4: a socket with heartbeats whose queue is full, because nobody reads it, aborts the
//   process at the next heartbeat if the peer is gone by then (assertion !_io_error).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "transport/curve/authenticator.h"
#include "transport/curve/curve_address.h"
#include "transport/frame.h"
#include "transport/zmq/context.h"

namespace sluice::transport {

enum class SocketType : std::uint8_t { kRouter, kDealer, kPair };

struct SocketOptions {
  // High-water marks in messages, never 0, and above what credits allow: they are the second line.
  int send_high_water = 1024;
  int receive_high_water = 1024;
  Duration linger = std::chrono::milliseconds(200);  // How long close() may go on sending in the background.
  std::uint64_t max_frame_bytes = 64u << 20;         // A larger frame costs a remote peer its connection.
  // Of ZeroMQ's own, answered by I/O threads; 0: none. Only where the peer cannot fill our queue, see above.
  Duration heartbeat_interval{};
  Duration heartbeat_timeout = std::chrono::milliseconds(300);
  Duration keepalive_interval{};  // Of TCP's own probes, whole seconds; a peer that misses three is lost. 0: none.
  Duration reconnect_interval = std::chrono::milliseconds(20);
  Duration reconnect_interval_max = std::chrono::milliseconds(500);
  // Of an encrypted connect: then it is tried again. (Who is to be asked again later, ZAP 300, hears nothing.)
  Duration handshake_timeout = std::chrono::seconds(2);
  std::string routing_id;  // Of a dealer, up to 255 bytes; empty: the router invents one.
  // Dealer: queue nothing for a peer that is not connected. What has come in but is not read yet is dropped when the
  // connection ends.
  bool immediate = true;
  bool router_mandatory = true;  // Router: sending to an unknown route fails instead of dropping.
  bool router_handover = false;  // Router: a new connection takes over a routing id. Between own processes only.
  bool allow_wide_bind = false;  // Permit binding beyond loopback without keys.
  CurveDomain domain = CurveDomain::kStages;  // Of an encrypted bind: who may connect.
};

struct ReceiveLimits {
  std::size_t max_frames = 64;
  std::uint64_t max_message_bytes = 64u << 20;
};

class Socket {
 public:
  Socket(Socket&&) noexcept = default;
  Socket& operator=(Socket&&) noexcept = default;
  struct Received {
    Message frames;       // Empty if the message was refused for its size.
    int connection = -1;  // File descriptor it came in by (ZMQ_SRCFD); -1 for inproc.
    std::string peer;     // Of an encrypted control link: whose key it was, as peer_from_string() reads it.
  };
  enum class Sent : std::uint8_t { kYes, kWouldBlock, kUnreachable };

  // Errors: kInternal (out of sockets or file descriptors), kInvalidConfig (routing id too long).
  static Result<Socket> create(const Context& context, SocketType type, const SocketOptions& options);

  // Address: inproc://NAME, ipc://PATH, tcp://HOST:PORT, where PORT may be "*"; see curve_address.h for encrypted ones.
  // Errors: kAddressInUse, kInvalidConfig (malformed, path too long, beyond loopback without keys or allow_wide_bind,
  // encrypted in a process without keys), all with the address in the sentence.
  Result<void> bind(const std::string& address);
  Result<void> connect(const std::string& address);
  void disconnect(const std::string& address);
  // Of the last bind or connect, with wildcards resolved; of an encrypted bind with our public key.
  std::string endpoint() const;

  bool readable() const;
  bool writable() const;

  // Sends prefix and frames as one message or not at all. Frames are shared until ZeroMQ has written them, so their
  // owners may be released on a ZeroMQ thread.
  Sent send(std::span<const Frame> prefix, const Message& frames);
  // The next message, or none. Each frame is 8-byte aligned: frames that arrived otherwise were copied.
  std::optional<Received> receive(const ReceiveLimits& limits);

  void* raw() const { return raw_.get(); }
  bool is_open() const { return raw_ != nullptr; }
  const Context& context() const { return context_; }

 private:
  friend class SocketMonitor;
  Socket(Context context, std::shared_ptr<void> raw, const SocketOptions& options)
      : context_(std::move(context)),
        raw_(std::move(raw)),
        allow_wide_bind_(options.allow_wide_bind || context_.allows_wide_bind()),
        domain_(options.domain),
        handshake_timeout_(options.handshake_timeout) {}
  Result<void> encrypt(const CurveAddress& address, bool is_server);

  Context context_;
  std::shared_ptr<void> raw_;  // Shared with the socket's monitor alone, which must end first.
  bool allow_wide_bind_ = false;
  CurveDomain domain_ = CurveDomain::kStages;
  Duration handshake_timeout_{};
  bool is_curve_server_ = false;
};

}  // namespace sluice::transport
