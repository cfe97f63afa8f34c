// Answers libzmq's questions about whoever has shown a key (ZAP). What it decides by is Authenticator's
// (transport/curve/authenticator.h).
//
// Owns:    the ZapSocket, the Authenticator.
// Thread:  its own: reading the allow-list must not keep a data link waiting.
// Errors:  strangers can cause handshakes at will: a turn decides a bounded number, log lines have a rate.
// Order:   a question is decided a turn after it was read. So whatever was told by mail before the connection was made
//          is known by then: a stage may report its address right after its peers' keys were sent here.
#pragma once

#include <memory>
#include <vector>

#include "actors/polling_actor.h"
#include "pipeline/log/line_rate.h"
#include "transport/zmq/zap_socket.h"

namespace sluice::actors {

// Where libzmq asks about keys; null where this process has none.
Result<std::unique_ptr<transport::ZapSocket>> bind_zap(const transport::Context& context);

// Replaces whom else than the list to let in.
struct TrustedPeers {
  transport::AuthorizedKeys peers;
};

class AuthenticatorActor final : public PollingActor {
 public:
  AuthenticatorActor(caf::actor_config& config, std::unique_ptr<transport::ZapSocket> socket,
                     transport::Authenticator authenticator);

 protected:
  caf::message_handler make_behavior() override;
  void watch(transport::Poller& poller) const override { poller.add(*socket_); }
  TimePoint next_timer() const override { return undecided_.empty() ? lines_.next_timer() : TimePoint{}; }
  void advance(TimePoint now) override;
  void close() override { socket_.reset(); }
  void report(TimePoint now) override;

 private:
  void decide(const transport::ZapSocket::Incoming& incoming, TimePoint now);

  std::unique_ptr<transport::ZapSocket> socket_;
  transport::Authenticator authenticator_;
  std::vector<transport::ZapSocket::Incoming> undecided_;
  LineRate lines_{1};
};

}  // namespace sluice::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sluice::actors::TrustedPeers)
