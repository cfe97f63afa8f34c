// A seeded world for one link: both state machines, a network that misbehaves, actors that offer and consume at their
// own pace, deaths, rebirths and epochs, all in virtual time. After each event the promises of the link are checked
// against a model that knows only what was offered, delivered, consumed and returned.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "transport/link/receiver.h"
#include "transport/link/sender.h"

namespace sluice::transport::test {

// Probabilities in per mille, of each packet or of each chaos tick (every 50 ms of virtual time).
struct Faults {
  unsigned loss = 0;
  unsigned duplication = 0;
  unsigned max_delay_ms = 1;   // Each packet draws its own delay: more than 0 reorders.
  bool ordered = false;        // As one ZeroMQ connection is: no packet overtakes another one.
  unsigned partition = 0;      // Both ways dead for up to a second.
  unsigned disconnection = 0;  // All that is under way is lost, and both ends are told.
  unsigned sender_death = 0;
  unsigned receiver_death = 0;
  unsigned new_epoch = 0;
  std::uint32_t window_messages = 8;
  std::uint64_t window_bytes = 4000;
};

class Simulation {
 public:
  Simulation(std::uint64_t seed, const Faults& faults);

  // Runs to the end: five seconds with faults, then without until all is delivered, at most two minutes. Returns the
  // first broken promise, or nothing.
  std::optional<std::string> run();

  struct Totals {
    std::uint64_t offered = 0, delivered = 0, returned = 0, acknowledged = 0, resent = 0, duplicates = 0, sessions = 0,
                  lost_events = 0;
  };
  const Totals& totals() const { return totals_; }

 private:
  // What travels; the header as bytes, as on the wire.
  struct Packet {
    bool to_receiver = false;
    Frame header;
    Message payload;
  };
  struct Offer {
    std::uint64_t generation = 0;
    std::uint64_t epoch = 0;
    bool delivered = false;
    bool consumed = false;
  };
  // The sender's side of the model: one incarnation.
  struct SenderModel {
    std::uint64_t incarnation = 0;
    std::uint64_t generation = 0;           // Raised by each return.
    std::map<std::uint64_t, Offer> offers;  // By id.
    std::deque<std::uint64_t> outstanding;  // Ids neither acknowledged nor returned.
    std::uint64_t attempt = 0;              // Of the session whose credit these are:
    std::uint64_t max_messages = 0, max_bytes = 0, sent = 0, sent_bytes = 0;
  };

  void born_sender();
  void born_receiver();
  void bump_epoch();
  void chaos();
  void offer_some();
  void consume_some();
  void deliver(Packet&& packet);
  void transmit(bool to_receiver, LinkPacket&& packet);
  void pump();
  void take_events();
  void check();
  void note_sent(const LinkPacket& packet);
  void note_credit(const LinkHeader& header);
  void on_taken(const Message& message);
  void expect(bool condition, const char* promise);
  bool is_done() const;
  void step();

  SplitMix64 random_;
  Faults faults_;
  LinkLimits limits_;
  TimePoint now_{};
  bool is_calm_ = false;
  std::optional<std::string> broken_;
  Totals totals_;

  std::uint64_t next_incarnation_ = 1;
  std::uint64_t next_id_ = 1;
  std::uint64_t sender_epoch_ = 1, receiver_epoch_ = 1;
  std::optional<LinkSender> sender_;
  std::optional<LinkReceiver> receiver_;
  std::map<std::uint64_t, SenderModel> models_;                     // By incarnation; the last is alive.
  std::map<std::uint64_t, std::uint64_t> last_taken_;               // By sender incarnation, of this receiver.
  std::deque<std::pair<std::uint64_t, std::uint64_t>> unconsumed_;  // (sender incarnation, id), taken by this receiver.

  std::multimap<TimePoint, Packet> network_;
  TimePoint last_arrival_[2] = {};
  TimePoint partition_until_{};
  TimePoint chaos_at_{}, offer_at_{}, consume_at_{};
  TimePoint sender_told_at_ = TimePoint::never(), receiver_told_at_ = TimePoint::never();  // Of the new connection.
};

}  // namespace sluice::transport::test
