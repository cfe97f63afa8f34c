// A client of the engine's ZeroMQ ingress: one connection, one session. docs/PROTOCOL.md describes what it speaks.
//
// Owns:       a DEALER socket, and the messages that arrived while generate() waited for others.
// Thread:     one thread per object; a Client may be moved to another thread, not shared.
// Errors:     kTransportLost once the engine is gone: final for this object. The requests may live on (resume grace):
//             connect again with the session of welcome() and send Attach.
//             kProtocolViolation: the engine sent what this version does not understand.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "base/messages/client.h"
#include "transport/codec/decode_limits.h"
#include "transport/zmq/context.h"
#include "transport/zmq/poller.h"

namespace sluice::transport {

struct ClientOptions {
  std::string client_name = "sluice-client";           // For the engine's logs; at most 64 bytes.
  std::optional<SessionToken> session;                 // Resumes a session; absent: a new one.
  Duration connect_timeout = std::chrono::seconds(5);  // For connection and handshake together.
  DecodeLimits limits;                                 // Of the engine's messages.
  // Of an engine that encrypts: our key pair and its public key, both or neither (the address may name the key, too).
  std::shared_ptr<const KeyPair> keys;
  std::optional<PublicKey> server_key;
  // Shares its I/O threads, and its keys, with others; absent: one of its own.
  std::optional<Context> context;
};

class Client {
 public:
  // Connects to "tcp://host:port" or "ipc://path" and exchanges Hello and Welcome; waits for an engine that is
  // starting. kInvalidConfig: no such kind of address, or the engine does not take our key. kTransportLost: nobody
  // answered in time. Else the engine's refusal.
  static Result<Client> connect(const std::string& address, const ClientOptions& options = {});

  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();  // Tells the engine nothing: requests end after their resume grace.

  const Welcome& welcome() const;

  // kInvalidRequest: larger than the engine takes. kOverloaded: the connection's outbound queue is full.
  Result<void> send(const ClientMessage& message);

  // The next message; nothing after `timeout` without one (zero: only looks).
  Result<std::optional<ServerMessage>> receive(Duration timeout);

  // For a loop over several clients: the poller's wait ends when receive() may have something, with `for_writing` also
  // when send() may succeed again. To be added anew for each wait; receive(zero) until it gives nothing comes after it.
  void watch(Poller& poller, bool for_writing = false) const;

  // Runs one request to its end, calling `on_tokens` for each piece of output and granting credit as it goes: half a
  // window after half a window, so that the engine never waits for a live consumer. Where `cancel_requested` turns
  // true (within 100 ms), or `on_tokens` returns false, the request is cancelled and ends as Finished{cancelled}.
  // The error of a Failed is returned as it came. Messages of other requests are kept for receive(). `accepted`, where
  // given, is filled in before the first call of `on_tokens`: it has the seed in force.
  Result<Finished> generate(const Generate& request, const std::function<bool(const Tokens&)>& on_tokens,
                            const std::atomic<bool>* cancel_requested = nullptr, Accepted* accepted = nullptr);

  // Shorthand for send(Cancel{...}).
  Result<void> cancel(const std::string& request_id);

 private:
  struct Connection;
  explicit Client(std::unique_ptr<Connection> connection);

  std::unique_ptr<Connection> connection_;
};

}  // namespace sluice::transport
