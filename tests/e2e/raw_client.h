// A peer of the ingress that keeps no rules: any frames, any number of them, no handshake unless it is asked for; and
// one that does not even speak ZeroMQ.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/messages/client.h"
#include "transport/frame.h"
#include "transport/zmq/dealer_socket.h"

namespace sluice::test {

transport::Frame frame_of(std::string_view bytes);
std::string bytes_of(const transport::Frame& frame);
// The one frame of a message, as bytes to spoil.
std::string encoded(const ClientMessage& message);

class RawClient {
 public:
  // Connected when it returns.
  explicit RawClient(const std::string& address, const std::string& routing_id = {});

  void send(const transport::Message& message);
  void send_bytes(std::string_view bytes) { send({frame_of(bytes)}); }
  void send(const ClientMessage& message) { send_bytes(encoded(message)); }

  // The next answer (a failure: none within kPatience, or one that is no message).
  ServerMessage receive();
  // Whether an answer is there already.
  bool has_answer() { return socket_.receive().has_value(); }
  // The next answer, which has to be a Failed.
  Failed receive_failed();
  // Says Hello and drops what comes before the Welcome.
  Welcome shake_hands();
  // Returns once the engine has closed the connection.
  void wait_until_closed();

 private:
  void wait(bool for_writing);

  transport::DealerSocket socket_;
  transport::Poller poller_;
};

// A TCP connection to the ingress.
class TcpPeer {
 public:
  // "tcp://127.0.0.1:PORT"
  explicit TcpPeer(const std::string& address);
  TcpPeer(const TcpPeer&) = delete;
  TcpPeer& operator=(const TcpPeer&) = delete;
  ~TcpPeer();

  // What the other side does not take any more is no failure.
  void send(std::string_view bytes);
  // What ZeroMQ's DEALER says first (ZMTP 3.0, NULL mechanism), and waits for the answer's beginning.
  void greet();
  // Reads on until the other side has closed.
  void wait_until_closed();

 private:
  // Bytes read; 0: closed.
  std::size_t read_some();

  int socket_ = -1;
};

}  // namespace sluice::test
