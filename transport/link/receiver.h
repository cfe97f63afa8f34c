// The receiving end of a link as a state machine without input or output of its own.
//
// Owns: messages that arrived and were not taken, the numbers of the session, the credit it grants.
// Confined: one thread.
// Time: `now` is an argument and never goes back. Call on_timer() at next_timer() or later, as often as you like.
// Use: pass packets in, take messages with receive(), say consumed() once for each, in order; after any call, put the
//   packets of next_packet() on the wire.
// Invariant: at most window.messages messages, and at most window.bytes + max_message_bytes bytes, are held or taken
//   and not consumed; whatever a peer sends beyond its credit is dropped and counted.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "base/messages/stats.h"
#include "transport/link/types.h"

namespace sluice::transport {

class LinkReceiver {
 public:
  struct Counters {
    std::uint64_t messages = 0;  // That arrived, in order.
    std::uint64_t bytes = 0;
    std::uint64_t duplicates = 0;     // Messages that had arrived before.
    std::uint64_t beyond_credit = 0;  // Messages that the peer had no credit for.
    std::uint64_t ignored = 0;        // Packets that were stale or out of turn.
  };

  // identity.incarnation must not be 0.
  LinkReceiver(LinkIdentity identity, const LinkLimits& limits);

  // A packet from hostile bytes. `now` is when it was read.
  void receive(LinkPacket&& packet, TimePoint now);
  // What the socket's monitor saw of the current sender. Optional, as with the sender.
  void on_connected(TimePoint now);
  void on_disconnected(TimePoint now);

  // The next message in order, or none.
  std::optional<Message> take();
  // How long the message that take() gave last had been in the link by `now`: with the sender, and here. The time on
  // the network is not counted.
  Duration waited(TimePoint now) const { return now - taken_offered_at_; }
  // The oldest message that was taken and not yet consumed is done with: acknowledges it and frees its credit.
  void consumed();

  // The next packet for the wire, or none; its header names the sender it is for. A lost packet does no harm.
  std::optional<LinkPacket> next_packet();

  TimePoint next_timer() const;
  void on_timer(TimePoint now);

  std::vector<LinkEvent> take_events();

  // Ends the session, drops what arrived and was not taken; senders of older epochs are turned away from now on.
  // What was taken still wants its consumed().
  void set_epoch(Epoch epoch);
  // Ends the link. next_packet() has a goodbye.
  void close();

  std::size_t waiting() const { return inbox_.size(); }  // Messages that take() would give.
  std::size_t held() const;                              // Messages that count against the window.
  std::uint64_t held_bytes() const { return held_bytes_; }
  std::uint64_t max_messages() const { return max_messages_; }  // The ceilings in force.
  std::uint64_t max_bytes() const { return max_bytes_; }
  bool is_up() const { return up_; }
  std::uint64_t sender_incarnation() const { return current_ ? current_->sender : 0; }
  Epoch epoch() const { return identity_.epoch; }
  const LinkIdentity& identity() const { return identity_; }
  const Counters& counters() const { return counters_; }
  LinkReceiverStats stats() const { return {counters_.messages, counters_.bytes, held(), held_bytes_}; }

 private:
  struct Session {
    std::uint64_t number = 0;
    std::uint64_t sender = 0;
    std::uint64_t attempt = 0;
  };
  struct Arrived {
    Message message;
    std::uint64_t session = 0;
    std::uint64_t bytes = 0;
    TimePoint offered_at;  // By our clock.
  };
  struct Early {
    Message message;
    TimePoint offered_at;
  };
  struct Taken {
    std::uint64_t session = 0;
    std::uint64_t bytes = 0;
  };

  void on_open(const LinkHeader& header);
  void on_data(LinkPacket&& packet, TimePoint now);
  bool match_session(const LinkHeader& header, TimePoint now);
  void begin_session();
  void forget_numbers();
  void admit(Message&& message, TimePoint offered_at);
  void raise_ceilings();
  void hear_peer(TimePoint now);
  void lose_peer(LossReason reason);
  void reject(const LinkHeader& header, RejectReason reason);
  LinkHeader header_of(LinkKind kind, const Session& session) const;

  LinkIdentity identity_;
  LinkLimits limits_;
  bool closed_ = false;

  std::uint64_t last_session_ = 0;
  std::optional<Session> current_;    // Messages of this session are taken.
  std::optional<Session> candidate_;  // Offered to a sender; becomes current when the sender uses it.

  // Of the current session.
  std::uint64_t received_ = 0;
  std::uint64_t consumed_ = 0;
  std::uint64_t consumed_bytes_ = 0;
  std::uint64_t max_messages_ = 0;
  std::uint64_t max_bytes_ = 0;
  std::uint64_t granted_messages_ = 0;  // As last put on the wire.
  std::uint64_t granted_bytes_ = 0;
  std::map<std::uint64_t, Early> early_;  // Arrived before a number that is missing.
  std::uint64_t former_messages_ = 0;     // In inbox_ and taken_ from earlier sessions.
  std::uint64_t former_bytes_ = 0;

  std::deque<Arrived> inbox_;
  std::deque<Taken> taken_;
  TimePoint taken_offered_at_{};  // Of the last.
  std::uint64_t held_bytes_ = 0;  // early_, inbox_ and taken_ together.

  bool up_ = false;
  bool was_up_ = false;  // In this session.
  bool disconnected_ = false;
  bool opened_due_ = false;
  bool grant_due_ = false;
  bool close_due_ = false;
  std::uint64_t echo_ = 0;  // Sequence of the last ping, to be repeated in the next grant.
  TimePoint heard_at_{};
  std::deque<LinkHeader> rejections_;
  std::vector<LinkEvent> events_;
  Counters counters_;
};

}  // namespace sluice::transport
