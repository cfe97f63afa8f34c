// The vocabulary of a link: who its ends are, how much it may hold, what it tells its owner, and the header that stands
// before each message on the wire. Plain values.
//
// A link is a one-way, ordered, bounded channel. One SESSION of it lasts while both incarnations and the epoch stay the
// same; within one, every message is delivered exactly once and in order, whatever the network below loses, repeats or
// reorders. A session that ends gives what was not acknowledged back to the sending actor.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/id.h"
#include "base/messages/control.h"
#include "transport/frame.h"

namespace sluice::transport {

// One end of a link.
struct LinkIdentity {
  std::string name;  // For routing ids and logs, 1 to 200 characters, e.g. "stage-1".
  std::uint64_t incarnation =
      0;           // Never used twice: random for each link object. The drivers replace 0 by a random one.
  Epoch epoch{1};  // Only ends of the same epoch talk to each other.
};

// Random and not 0, from the operating system's generator.
std::uint64_t draw_incarnation();

// Both ends of a link need the same limits.
struct LinkLimits {
  LinkWindow window;                            // What the receiver holds at most, one message may overshoot the bytes.
  std::uint64_t max_message_bytes = 64u << 20;  // All frames of one message together.
  std::uint32_t max_frames = 64;                // Of one message.
  std::uint32_t queue_messages = 128;           // What the sender holds at most, sent and unsent together.
  std::uint64_t queue_bytes = 128u << 20;       // The last one may overshoot.
  Duration open_interval = std::chrono::milliseconds(50);  // Between attempts to open a session.
  Duration retransmit_interval =
      std::chrono::milliseconds(100);                // First probe for a loss; doubles up to ping_interval.
  Duration ping_interval = std::chrono::seconds(1);  // Heartbeat of an idle link.
  Duration socket_heartbeat_interval = std::chrono::milliseconds(100);  // ZeroMQ's own, between I/O threads.
  Duration socket_heartbeat_timeout = std::chrono::milliseconds(300);   // Shows a host or process that hangs.
  // Silence that counts as loss. Longer than the longest step of the receiving actor, which answers between steps; that
  // its process died shows at once, by the socket.
  Duration peer_timeout = std::chrono::seconds(10);
};

// ---- events --------------------------------------------------------------------------------------------------------

enum class LossReason : std::uint8_t {
  kDisconnected = 1,  // The socket says so. The session goes on if the same incarnation comes back.
  kTimeout = 2,       // Nothing was heard for peer_timeout. The session goes on when something is.
  kClosed = 3,        // The peer said goodbye.
  kRestarted = 4,     // Another incarnation answers, or took the peer's place.
  kDisplaced = 5,     // The receiver has another sender of the same epoch: this one is out until its epoch is raised.
  kStaleEpoch = 6,    // The receiver's epoch is newer: this sender is out until its own is raised.
};
std::string_view to_string(LossReason reason);

struct PeerUp {
  std::uint64_t incarnation = 0;
  bool resumed = false;  // The same session goes on.

  friend bool operator==(const PeerUp&, const PeerUp&) = default;
};
struct PeerLost {
  std::uint64_t incarnation = 0;
  LossReason reason = LossReason::kDisconnected;

  friend bool operator==(const PeerLost&, const PeerLost&) = default;
};
// The session ended: these were offered and not acknowledged, oldest first. The peer may have seen some of them.
struct Returned {
  std::vector<Message> messages;
};
using LinkEvent = std::variant<PeerUp, PeerLost, Returned>;

// ---- the wire ------------------------------------------------------------------------------------------------------

enum class LinkKind : std::uint8_t {
  kOpen = 1,    // Sender: wants a session.
  kOpened = 2,  // Receiver: here it is, with the first credit.
  kData = 3,    // Sender: message number `sequence`. The only kind that carries further frames.
  kPing = 4,    // Sender: is alive; has sent all up to `sequence`.
  kGrant = 5,   // Receiver: is alive; credit and acknowledgement. `sequence` repeats that of the ping it answers, or 0.
  kRejected = 6,  // Receiver: the session or attempt that the header names is none, see `reason`.
  kClose = 7,     // Either: goes away.
};

enum class RejectReason : std::uint8_t { kNone = 0, kUnknownSession = 1, kDisplaced = 2, kStaleEpoch = 3 };

// All numbers count from 1 within a session; 0 is "none". A field that a kind does not use is 0.
struct LinkHeader {
  LinkKind kind = LinkKind::kPing;
  RejectReason reason = RejectReason::kNone;
  std::uint64_t sender_incarnation = 0;
  std::uint64_t receiver_incarnation = 0;  // With `session`: names the session. Both 0 in kOpen.
  std::uint64_t session = 0;               // Drawn by the receiver, rising.
  std::uint64_t attempt = 0;               // Of the sender to open a session, rising.
  std::uint64_t epoch = 0;
  std::uint64_t sequence = 0;
  // kOpened and kGrant only:
  std::uint64_t received = 0;      // All up to here have arrived.
  std::uint64_t consumed = 0;      // All up to here were consumed: the acknowledgement.
  std::uint64_t max_messages = 0;  // Ceiling for the number of the last message.
  std::uint64_t max_bytes = 0;     // Messages may start while fewer bytes than this were sent in the session.
  std::uint64_t missing_last = 0;  // Numbers from received + 1 up to here are missing while later ones arrived, or 0.
  std::uint64_t held_us = 0;       // kData: how long the sender has had the message.

  friend bool operator==(const LinkHeader&, const LinkHeader&) = default;
};

// What travels: a header, and for kData the frames of one message.
struct LinkPacket {
  LinkHeader header;
  Message payload;
};

}  // namespace sluice::transport
