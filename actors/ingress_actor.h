// The door: clients' messages in, admission, and answers out. The rules are Ledger's (pipeline/request/ledger.h).
//
// Owns:    the clients' ROUTER socket, the Ledger, its link ends, the tap of what is recorded (may be none).
// Thread:  its own.
// Errors:  bytes of clients are hostile: what is no message, or too large, is answered with Failed and changes nothing.
// Pressure: reads clients only while the responder has room, which it makes at its own speed; always reads the
//           responder, so that no circle of waiting actors can form. While the tokenizer has no room, new requests are
//           refused; a cancel goes into its queue all the same: there is at most one for each request.
#pragma once

#include <memory>

#include "actors/control_messages.h"
#include "actors/failed_handshakes.h"
#include "actors/polling_actor.h"
#include "actors/ports.h"
#include "actors/recording_tap.h"
#include "pipeline/request/ledger.h"
#include "pipeline/request/request_journal.h"
#include "transport/zmq/router_socket.h"

namespace sluice::actors {

struct IngressPorts {
  transport::RouterSocket clients;
  InPort from_responder;
  OutPort to_tokenizer;
  OutPort to_responder;
};

class IngressActor final : public PollingActor {
 public:
  // Requests are refused with `unavailable` until the pipeline is up. Without a `tap` nothing is recorded. `engine`
  // gets EngineReports.
  IngressActor(caf::actor_config& config, std::unique_ptr<IngressPorts> ports, LedgerConfig ledger_config,
               std::optional<Error> unavailable, std::unique_ptr<RecordingTap> tap, caf::actor engine);

 protected:
  caf::message_handler make_behavior() override;
  void watch(transport::Poller& poller) const override;
  TimePoint next_timer() const override;
  void advance(TimePoint now) override;
  void close() override;
  void report(TimePoint now) override;

 private:
  bool has_room() const { return ports_->to_responder.has_room(); }
  bool take_client_message(TimePoint now);
  void lose(const ClientRoute& route, TimePoint now);
  bool take_answer(TimePoint now);
  void forward(ClientAnswer& answer, TimePoint now);
  void send(IngressActions actions, TimePoint now);
  void send_to_client(const ClientRoute& route, const transport::Message& message, TimePoint now);
  void set_availability(const Availability& availability);
  void finish_drain();

  std::unique_ptr<IngressPorts> ports_;
  std::uint32_t message_bytes_max_;
  Ledger ledger_;
  IngressJournal journal_;
  std::unique_ptr<RecordingTap> tap_;
  FailedHandshakes failed_handshakes_{"ingress"};
  caf::actor engine_;
  Epoch ended_epoch_{0};  // Of the last loss: its late news of being up are stale.
  bool is_available_ = false;
  std::optional<Drain> drain_;
  std::uint64_t snapshots_total_ = 0;
};

}  // namespace sluice::actors
