#include "tests/transport/link/simulation.h"

#include <algorithm>
#include <cstring>
#include <variant>

#include "transport/link/header_codec.h"

namespace sluice::transport::test {
namespace {

constexpr std::uint64_t kMaxMessageBytes = 1500;
constexpr Duration kMillisecond = std::chrono::milliseconds(1);

struct Body {
  std::uint64_t incarnation = 0;
  std::uint64_t id = 0;
};

Message message_of(Body body, std::size_t bytes) {
  FrameBuilder head(sizeof(Body));
  std::memcpy(head.bytes().data(), &body, sizeof(Body));
  FrameBuilder tensor(bytes);
  std::memset(tensor.bytes().data(), static_cast<int>(body.id & 0xff), bytes);
  Message message;
  message.push_back(std::move(head).freeze());
  message.push_back(std::move(tensor).freeze());
  return message;
}

Body body_of(const Message& message) {
  Body body;
  std::memcpy(&body, message.at(0).bytes().data(), sizeof(Body));
  return body;
}

}  // namespace

Simulation::Simulation(std::uint64_t seed, const Faults& faults) : random_(seed), faults_(faults) {
  limits_.window = {faults.window_messages, faults.window_bytes};
  limits_.max_message_bytes = kMaxMessageBytes;
  limits_.queue_messages = 1 + static_cast<std::uint32_t>(random_.below(30));
  limits_.queue_bytes = 10000;
  limits_.peer_timeout = std::chrono::seconds(3);
  born_sender();
  born_receiver();
}

std::optional<std::string> Simulation::run() {
  const TimePoint calm_at = now_ + std::chrono::seconds(5);
  while (!broken_ && now_ < calm_at) step();
  is_calm_ = true;
  const std::uint64_t epoch = std::max(sender_epoch_, receiver_epoch_);
  if (sender_epoch_ < epoch) sender_->set_epoch(Epoch{sender_epoch_ = epoch}, now_);
  if (receiver_epoch_ < epoch) receiver_->set_epoch(Epoch{receiver_epoch_ = epoch});
  pump();
  const TimePoint end = now_ + std::chrono::minutes(2);
  while (!broken_ && now_ < end && !is_done()) step();
  if (!broken_) expect(is_done(), "no stall: all is delivered once the faults cease");
  if (sender_) totals_.resent += sender_->counters().resent;
  if (receiver_) totals_.duplicates += receiver_->counters().duplicates;
  return broken_;
}

bool Simulation::is_done() const {
  const SenderModel& model = models_.rbegin()->second;
  return sender_->is_up() && receiver_->is_up() && sender_->unsent() == 0 && unconsumed_.empty() &&
         std::all_of(model.outstanding.begin(), model.outstanding.end(),
                     [&](std::uint64_t id) { return model.offers.at(id).consumed; });
}

void Simulation::expect(bool condition, const char* promise) {
  if (!condition && !broken_) {
    broken_ = std::string("broken: ") + promise + ", at " + std::to_string(now_.since_start.count() / 1000) + " us";
  }
}

// One event: the earliest of all that can happen.
void Simulation::step() {
  TimePoint next = std::min({chaos_at_, offer_at_, consume_at_, sender_told_at_, receiver_told_at_,
                             sender_->next_timer(), receiver_->next_timer()});
  if (!network_.empty()) next = std::min(next, network_.begin()->first);
  now_ = std::max(now_, next);
  if (!network_.empty() && network_.begin()->first <= now_) {
    Packet packet = std::move(network_.begin()->second);
    network_.erase(network_.begin());
    deliver(std::move(packet));
  } else if (chaos_at_ <= now_) {
    chaos_at_ = now_ + 50 * kMillisecond;
    if (!is_calm_) chaos();
  } else if (offer_at_ <= now_) {
    offer_at_ = now_ + static_cast<Duration::rep>(random_.below(40)) * kMillisecond;
    if (!is_calm_) offer_some();
  } else if (consume_at_ <= now_) {
    consume_at_ = now_ + static_cast<Duration::rep>(1 + random_.below(40)) * kMillisecond;
    consume_some();
  } else if (sender_told_at_ <= now_) {
    sender_told_at_ = TimePoint::never();
    sender_->on_connected(now_);
  } else if (receiver_told_at_ <= now_) {
    receiver_told_at_ = TimePoint::never();
    receiver_->on_connected(now_);
  } else {
    sender_->on_timer(now_);
    receiver_->on_timer(now_);
  }
  take_events();
  pump();
  check();
}

// ---- actors --------------------------------------------------------------------------------------------------------

void Simulation::born_sender() {
  if (sender_) totals_.resent += sender_->counters().resent;
  const std::uint64_t incarnation = next_incarnation_++;
  sender_.emplace(LinkIdentity{"sender", incarnation, Epoch{sender_epoch_}}, limits_, now_);
  models_[incarnation].incarnation = incarnation;
  sender_told_at_ = TimePoint::never();
}

void Simulation::born_receiver() {
  if (receiver_) totals_.duplicates += receiver_->counters().duplicates;
  receiver_.emplace(LinkIdentity{"receiver", next_incarnation_++, Epoch{receiver_epoch_}}, limits_);
  last_taken_.clear();
  unconsumed_.clear();
  receiver_told_at_ = TimePoint::never();
}

void Simulation::bump_epoch() {
  // The two ends hear of it one after the other; sometimes an end has died and is born into the new epoch.
  const std::uint64_t epoch = std::max(sender_epoch_, receiver_epoch_) + (sender_epoch_ == receiver_epoch_ ? 1 : 0);
  if (sender_epoch_ < epoch && random_.below(2) == 0) {
    sender_epoch_ = epoch;
    random_.below(4) == 0 ? born_sender() : sender_->set_epoch(Epoch{epoch}, now_);
  } else if (receiver_epoch_ < epoch) {
    receiver_epoch_ = epoch;
    random_.below(4) == 0 ? born_receiver() : receiver_->set_epoch(Epoch{epoch});
  }
}

void Simulation::chaos() {
  if (random_.below(1000) < faults_.partition) {
    partition_until_ = now_ + static_cast<Duration::rep>(random_.below(5000)) * kMillisecond;
  }
  if (random_.below(1000) < faults_.disconnection) {
    network_.clear();
    sender_->on_disconnected(now_);
    receiver_->on_disconnected(now_);
    sender_told_at_ = now_ + static_cast<Duration::rep>(random_.below(100)) * kMillisecond;
    receiver_told_at_ = now_ + static_cast<Duration::rep>(random_.below(100)) * kMillisecond;
  }
  if (random_.below(1000) < faults_.sender_death) born_sender();
  if (random_.below(1000) < faults_.receiver_death) born_receiver();
  if (random_.below(1000) < faults_.new_epoch) bump_epoch();
}

void Simulation::offer_some() {
  SenderModel& model = models_.rbegin()->second;
  for (std::uint64_t n = random_.below(4); n > 0; --n) {
    const std::uint64_t id = next_id_;
    const bool could = sender_->can_offer();
    const std::size_t bytes =
        random_.below(3) == 0 ? random_.below(kMaxMessageBytes - sizeof(Body)) : random_.below(64);
    const bool taken = sender_->offer(message_of({model.incarnation, id}, bytes), now_);
    expect(taken == could, "offer() does what can_offer() says");
    if (!taken) return;
    ++next_id_;
    ++totals_.offered;
    model.offers[id] = {model.generation, sender_epoch_, false, false};
    model.outstanding.push_back(id);
  }
}

void Simulation::consume_some() {
  for (std::uint64_t n = random_.below(5); n > 0; --n) {
    auto message = receiver_->take();
    if (!message) break;
    on_taken(*message);
  }
  for (std::uint64_t n = random_.below(6); n > 0 && !unconsumed_.empty(); --n) {
    const auto [incarnation, id] = unconsumed_.front();
    unconsumed_.pop_front();
    receiver_->consumed();
    models_.at(incarnation).offers.at(id).consumed = true;
  }
}

void Simulation::on_taken(const Message& message) {
  const Body body = body_of(message);
  ++totals_.delivered;
  SenderModel& model = models_.at(body.incarnation);
  const auto offer = model.offers.find(body.id);
  expect(offer != model.offers.end(), "only what was offered is delivered");
  if (broken_) return;
  expect(offer->second.epoch == receiver_epoch_, "nothing of an older epoch is delivered");
  expect(last_taken_[body.incarnation] < body.id, "order is kept and nothing is delivered twice");
  last_taken_[body.incarnation] = body.id;
  if (offer != model.offers.begin()) {
    const Offer& before = std::prev(offer)->second;
    expect(before.generation != offer->second.generation || before.delivered, "nothing is left out within a session");
  }
  for (const std::byte b : message.at(1).bytes()) {
    if (b != static_cast<std::byte>(body.id & 0xff)) expect(false, "bytes arrive unchanged");
  }
  offer->second.delivered = true;
  unconsumed_.emplace_back(body.incarnation, body.id);
}

// ---- the network ---------------------------------------------------------------------------------------------------

void Simulation::pump() {
  while (auto packet = sender_->next_packet(now_)) {
    note_sent(*packet);
    transmit(true, std::move(*packet));
  }
  while (auto packet = receiver_->next_packet()) transmit(false, std::move(*packet));
}

void Simulation::transmit(bool to_receiver, LinkPacket&& packet) {
  const Frame header = encode_header(packet.header);
  const unsigned copies = !is_calm_ && random_.below(1000) < faults_.duplication ? 2 : 1;
  for (unsigned copy = 0; copy < copies; ++copy) {
    if (!is_calm_ && (now_ < partition_until_ || random_.below(1000) < faults_.loss)) continue;
    const std::uint64_t max_delay_us = is_calm_ ? 1000 : 1000u * faults_.max_delay_ms;
    TimePoint arrival = now_ + std::chrono::microseconds(1 + random_.below(max_delay_us));
    TimePoint& last = last_arrival_[to_receiver ? 1 : 0];
    if (faults_.ordered) arrival = std::max(arrival, last);
    last = std::max(arrival, last);
    network_.emplace(arrival, Packet{to_receiver, header, packet.payload});
  }
}

void Simulation::deliver(Packet&& packet) {
  const auto header = decode_header(packet.header.bytes());
  expect(header.ok(), "headers decode");
  if (!header.ok()) return;
  if (packet.to_receiver) {
    receiver_->receive({*header, std::move(packet.payload)}, now_);
  } else {
    note_credit(*header);
    sender_->receive(*header, now_);
  }
}

// ---- promises ------------------------------------------------------------------------------------------------------

void Simulation::note_credit(const LinkHeader& header) {
  SenderModel& model = models_.rbegin()->second;
  if (header.kind != LinkKind::kGrant || header.sender_incarnation != model.incarnation) return;
  if (header.attempt < model.attempt) return;
  if (header.attempt > model.attempt) {
    model.attempt = header.attempt;
    model.max_messages = model.max_bytes = model.sent = model.sent_bytes = 0;
    ++totals_.sessions;
  }
  model.max_messages = std::max(model.max_messages, header.max_messages);
  model.max_bytes = std::max(model.max_bytes, header.max_bytes);
}

void Simulation::note_sent(const LinkPacket& packet) {
  if (packet.header.kind != LinkKind::kData) return;
  SenderModel& model = models_.rbegin()->second;
  expect(packet.header.attempt == model.attempt, "nothing is sent before the first grant of a session");
  expect(packet.header.sequence <= model.max_messages, "messages stay within the ceiling granted");
  if (packet.header.sequence <= model.sent) return;  // Again.
  expect(packet.header.sequence == model.sent + 1, "numbers rise one by one");
  expect(model.sent_bytes < model.max_bytes, "at most one message overshoots the ceiling of bytes");
  model.sent = packet.header.sequence;
  model.sent_bytes += size_bytes(packet.payload);
}

void Simulation::take_events() {
  SenderModel& model = models_.rbegin()->second;
  for (LinkEvent& event : sender_->take_events()) {
    if (std::holds_alternative<PeerLost>(event)) ++totals_.lost_events;
    auto* returned = std::get_if<Returned>(&event);
    if (returned == nullptr) continue;
    expect(returned->messages.size() <= model.outstanding.size(), "only what is outstanding is returned");
    while (model.outstanding.size() > returned->messages.size()) {
      expect(model.offers.at(model.outstanding.front()).consumed, "what is acknowledged was consumed");
      model.outstanding.pop_front();
    }
    for (const Message& message : returned->messages) {
      expect(body_of(message).id == model.outstanding.front(), "all that is not acknowledged is returned in order");
      model.outstanding.pop_front();
      ++totals_.returned;
    }
    ++model.generation;
  }
  receiver_->take_events();
}

void Simulation::check() {
  SenderModel& model = models_.rbegin()->second;
  expect(sender_->queued() <= model.outstanding.size(), "nothing is invented");
  while (model.outstanding.size() > sender_->queued()) {
    expect(model.offers.at(model.outstanding.front()).consumed, "what is acknowledged was consumed");
    model.outstanding.pop_front();
    ++totals_.acknowledged;
  }
  expect(sender_->queued() <= limits_.queue_messages, "the sender's queue is bounded");
  expect(receiver_->held() <= limits_.window.messages, "the receiver holds at most its window of messages");
  expect(receiver_->held_bytes() < limits_.window.bytes + kMaxMessageBytes,
         "the receiver holds a window and one message");
  expect(receiver_->counters().beyond_credit == 0, "an honest sender stays within its credit");
}

}  // namespace sluice::transport::test
