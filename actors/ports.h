// The ends of links as actors use them: typed messages in and out, encoded and decoded on the way.
//
// Pressure: an actor takes input only while each of its outputs has_room(). One input may cause a few outputs more than
// a link's queue takes: they wait in the port, which then has no room until they are gone. So nothing here grows beyond
// what one input can cause.
//
// Owns:    the link, and encoded messages that wait for its queue.
// Thread:  of the actor; made before its spawn or on it.
// Errors:  receive() -> kProtocolViolation for bytes that are no message, or one that this actor does not take.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/messages/control.h"
#include "base/messages/pipeline.h"
#include "transport/codec/link_codec.h"
#include "transport/zmq/link_in.h"
#include "transport/zmq/link_out.h"

namespace sluice::actors {

// Of every link between our actors: the queue holds a window that is sent and one that is not.
transport::LinkLimits link_limits(const LinkSettings& links);

// Whole microseconds, never negative.
inline std::uint64_t to_us(Duration duration) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
  return us > 0 ? static_cast<std::uint64_t>(us) : 0;
}

class OutPort {
 public:
  explicit OutPort(transport::LinkOut link) : link_(std::move(link)) {}

  bool has_room() const { return waiting_.empty() && link_.can_offer(); }
  // Whether everything sent has been acknowledged.
  bool is_flushed() const { return waiting_.empty() && link_.queued() == 0; }

  template <class T>
  void send(const T& message, TimePoint now) {
    if constexpr (requires { transport::encode(message); }) {
      send_encoded(transport::encode(message), now);
    } else {
      send_encoded(transport::encode(LinkMessage{message}), now);
    }
  }
  // To several ports: encode once.
  void send_encoded(transport::Message message, TimePoint now) {
    if (waiting_.empty() && link_.offer(std::move(message), now)) return;
    waiting_.push_back(std::move(message));
  }
  // One of several alternatives: ResponderSignal, TokenizerInput, ...
  template <class... Ts>
  void send_any(const std::variant<Ts...>& message, TimePoint now) {
    std::visit([&](const auto& alternative) { send(alternative, now); }, message);
  }

  // Reads grants, sends what they allow. The reason if the session with the peer ended.
  std::optional<std::string> advance(TimePoint now);
  void watch(transport::Poller& poller) const { link_.watch(poller); }
  LinkSenderStats stats(TimePoint now) const;

 private:
  transport::LinkOut link_;
  std::deque<transport::Message> waiting_;
};

class InPort {
 public:
  explicit InPort(transport::LinkIn link) : link_(std::move(link)) {}

  const std::string& address() const { return link_.address(); }
  Epoch epoch() const { return link_.receiver().epoch(); }
  void set_epoch(Epoch epoch) { link_.set_epoch(epoch); }  // Higher than epoch().

  // The reason if the session with the peer ended.
  std::optional<std::string> advance(TimePoint now);
  // The next message as one of the alternatives that the actor takes. Say consumed() when it is dealt with.
  template <class Input>
  std::optional<Result<Input>> receive(TimePoint now) {
    std::optional<Result<LinkMessage>> message = receive_any(now);
    if (!message) return std::nullopt;
    if (!message->ok()) return Result<Input>(std::move(*message).error());
    return std::visit(
        [](auto&& alternative) -> Result<Input> {
          using T = std::decay_t<decltype(alternative)>;
          if constexpr (std::is_same_v<T, Input> || std::is_constructible_v<Input, T&&>) {
            return Input(std::move(alternative));
          } else {
            return Error{ErrorCode::kProtocolViolation, "a message of a kind that does not belong on this link"};
          }
        },
        std::move(**message));
  }
  // How long the last one had been in the link; exact where advance() comes before each receive().
  Duration waited(TimePoint now) const { return link_.waited(now); }
  void consumed() { link_.consumed(); }
  void watch(transport::Poller& poller) const { link_.watch(poller); }
  LinkReceiverStats stats() const { return link_.receiver().stats(); }

 private:
  std::optional<Result<LinkMessage>> receive_any(TimePoint now);

  transport::LinkIn link_;
};

}  // namespace sluice::actors
