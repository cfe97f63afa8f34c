// The sending end of a link as a state machine without input or output of its own.
//
// Owns: every message that was offered and is neither acknowledged nor returned (its frames share memory with the
//   caller's), and the credit.
// Confined: one thread.
// Time: `now` is an argument and never goes back. Call on_timer() at next_timer() or later, as often as you like.
// Use: after any call, take packets with next_packet() while the network accepts them, then take_events().
// Invariant: the number of the last message sent is at most the highest ceiling granted; a message is sent for the
//   first time only while the bytes sent before it are below the ceiling of bytes.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "base/messages/stats.h"
#include "transport/link/types.h"

namespace sluice::transport {

class LinkSender {
 public:
  struct Counters {
    std::uint64_t messages = 0;  // Put on the wire for the first time in a session.
    std::uint64_t bytes = 0;
    std::uint64_t resent = 0;    // Data packets sent again.
    std::uint64_t ignored = 0;   // Packets that were stale, out of turn or contradicted themselves.
  };

  // Starts opening a session at once. identity.incarnation must not be 0.
  LinkSender(LinkIdentity identity, const LinkLimits& limits, TimePoint now);

  // Whether offer() would take a message: the queue has room, and what was returned has been taken.
  bool can_offer() const;
  // Takes the message for delivery, or returns false and leaves it: try again after progress. The message must have 1
  // to max_frames frames and at most max_message_bytes (checked: limits are the caller's knowledge).
  bool offer(Message&& message, TimePoint now);

  // A packet of the peer, from hostile bytes. Payload does not belong into this direction and is not passed.
  void receive(const LinkHeader& header, TimePoint now);
  // What the socket's monitor saw. Optional: without it, time-outs find everything, only later.
  void on_connected(TimePoint now);
  void on_disconnected(TimePoint now);

  // The next packet to put on the wire, or none. Packets that get lost afterwards do no harm.
  std::optional<LinkPacket> next_packet(TimePoint now);
  // Whether next_packet() would give one now.
  bool has_packet() const;

  TimePoint next_timer() const;
  void on_timer(TimePoint now);

  // Call after any change, with its time: a message that waits while there is no credit counts as stalled.
  void note_stall(TimePoint now);
  LinkSenderStats stats(TimePoint now) const;

  // What happened since the last call, in order.
  std::vector<LinkEvent> take_events();

  // Ends the session and opens one of the new epoch, which must be higher; all that was not acknowledged is returned.
  void set_epoch(Epoch epoch, TimePoint now);
  // Ends the link: returns all that was not acknowledged, nothing is opened again. next_packet() has a goodbye.
  std::vector<Message> close();

  std::size_t queued() const { return messages_.size(); }  // Sent or not, not acknowledged.
  std::size_t unsent() const { return messages_.size() - sent_; }
  bool is_up() const { return up_; }  // In session with a peer that was heard lately.
  Epoch epoch() const { return identity_.epoch; }
  const LinkIdentity& identity() const { return identity_; }
  const Counters& counters() const { return counters_; }

 private:
  // kOut: displaced or of a stale epoch; only set_epoch() helps.
  enum class State : std::uint8_t { kOpening, kOpen, kOut, kClosed };

  void start_opening(TimePoint now);
  void end_session(LossReason reason);
  void return_all();
  void lose_peer(LossReason reason);
  void hear_peer(TimePoint now);
  void on_opened(const LinkHeader& header, TimePoint now);
  void on_grant(const LinkHeader& header, TimePoint now);
  void on_rejected(const LinkHeader& header, TimePoint now);
  bool take_credit(const LinkHeader& header);
  void note_loss(const LinkHeader& header);
  bool may_send_new() const;
  bool may_resend() const;
  bool is_settled() const { return unsent() == 0 && received_ == last_sent(); }
  std::uint64_t last_sent() const { return consumed_ + sent_; }
  LinkHeader header_of(LinkKind kind) const;
  LinkPacket data_packet(std::uint64_t sequence, TimePoint now) const;

  LinkIdentity identity_;
  LinkLimits limits_;
  State state_ = State::kOpening;

  // The session, all 0 while there is none.
  std::uint64_t receiver_incarnation_ = 0;
  std::uint64_t session_ = 0;
  std::uint64_t attempt_ = 0;
  std::uint64_t received_ = 0;
  std::uint64_t consumed_ = 0;
  std::uint64_t max_messages_ = 0;
  std::uint64_t max_bytes_ = 0;
  std::uint64_t bytes_sent_ = 0;
  std::uint64_t resend_next_ = 1;  // Numbers to send again: from here
  std::uint64_t resend_last_ = 0;  // up to here.

  struct Held {
    Message message;
    TimePoint since;
  };
  std::vector<Message> take_all();

  std::deque<Held> messages_;  // Numbers consumed_ + 1 and up; the first sent_ of them are sent.
  std::size_t sent_ = 0;
  std::uint64_t messages_bytes_ = 0;

  bool up_ = false;
  bool confirmed_ = false;  // The session brought credit.
  bool was_up_ = false;     // In this session.
  bool disconnected_ = false;
  bool open_due_ = true;
  bool ping_due_ = false;
  bool close_due_ = false;
  bool returned_pending_ = false;
  TimePoint open_at_{};
  TimePoint ping_at_{};
  TimePoint heard_at_{};
  Duration probe_interval_{};
  std::optional<TimePoint> stalled_since_;
  Duration stalled_{};
  std::vector<LinkEvent> events_;
  Counters counters_;
};

}  // namespace sluice::transport
