#include "transport/link/sender.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/check.h"

namespace sluice::transport {

LinkSender::LinkSender(LinkIdentity identity, const LinkLimits& limits, TimePoint now)
    : identity_(std::move(identity)), limits_(limits), heard_at_(now), probe_interval_(limits.retransmit_interval) {
  SLUICE_CHECK_NE(identity_.incarnation, 0u);
  start_opening(now);
}

// ---- the caller's side ---------------------------------------------------------------------------------------------

bool LinkSender::can_offer() const {
  return state_ != State::kClosed && !returned_pending_ && messages_.size() < limits_.queue_messages &&
         messages_bytes_ < limits_.queue_bytes;
}

bool LinkSender::offer(Message&& message, TimePoint now) {
  SLUICE_CHECK(!message.empty());
  SLUICE_CHECK_LE(message.size(), limits_.max_frames);
  const std::uint64_t bytes = size_bytes(message);
  SLUICE_CHECK_LE(bytes, limits_.max_message_bytes);
  if (!can_offer()) return false;
  messages_.push_back({std::move(message), now});
  messages_bytes_ += bytes;
  return true;
}

std::vector<LinkEvent> LinkSender::take_events() {
  returned_pending_ = false;
  return std::exchange(events_, {});
}

void LinkSender::set_epoch(Epoch epoch, TimePoint now) {
  SLUICE_CHECK_GT(epoch.value, identity_.epoch.value);
  identity_.epoch = epoch;
  if (state_ == State::kClosed) return;
  up_ = false;
  return_all();
  start_opening(now);
}

std::vector<Message> LinkSender::close() {
  close_due_ = state_ == State::kOpen;
  state_ = State::kClosed;
  up_ = false;
  messages_bytes_ = 0;
  sent_ = 0;
  return take_all();
}

std::vector<Message> LinkSender::take_all() {
  std::vector<Message> all;
  all.reserve(messages_.size());
  for (Held& held : messages_) all.push_back(std::move(held.message));
  messages_.clear();
  return all;
}

// ---- packets in ----------------------------------------------------------------------------------------------------

void LinkSender::receive(const LinkHeader& header, TimePoint now) {
  if (state_ == State::kClosed || header.sender_incarnation != identity_.incarnation || header.attempt != attempt_) {
    ++counters_.ignored;
    return;
  }
  const bool of_session = header.receiver_incarnation == receiver_incarnation_ && header.session == session_;
  if (header.kind == LinkKind::kOpened) {
    on_opened(header, now);
  } else if (header.kind == LinkKind::kGrant && state_ == State::kOpen && of_session) {
    on_grant(header, now);
  } else if (header.kind == LinkKind::kRejected && of_session) {
    on_rejected(header, now);
  } else if (header.kind == LinkKind::kClose && state_ == State::kOpen && of_session) {
    end_session(LossReason::kClosed);
    start_opening(now);
  } else {
    ++counters_.ignored;
  }
}

void LinkSender::on_opened(const LinkHeader& header, TimePoint now) {
  if (state_ != State::kOpening || header.epoch != identity_.epoch.value || header.receiver_incarnation == 0 ||
      header.session == 0) {
    ++counters_.ignored;
    return;
  }
  state_ = State::kOpen;
  receiver_incarnation_ = header.receiver_incarnation;
  session_ = header.session;
  confirmed_ = false;
  was_up_ = false;
  open_due_ = false;
  ping_due_ = true;  // Tells the receiver that this session is used; its grant brings the first credit.
  probe_interval_ = limits_.retransmit_interval;
  ping_at_ = now + probe_interval_;
}

void LinkSender::on_grant(const LinkHeader& header, TimePoint now) {
  if (!take_credit(header)) {
    ++counters_.ignored;
    return;
  }
  confirmed_ = true;
  note_loss(header);
  hear_peer(now);
}

// False if the header contradicts what was sent. Grants may arrive late and out of order: nothing ever shrinks.
bool LinkSender::take_credit(const LinkHeader& header) {
  if (header.received > last_sent() || header.consumed > header.received || header.missing_last > last_sent() ||
      header.sequence > last_sent()) {
    return false;
  }
  max_messages_ = std::max(max_messages_, header.max_messages);
  max_bytes_ = std::max(max_bytes_, header.max_bytes);
  received_ = std::max(received_, header.received);
  while (consumed_ < header.consumed) {
    messages_bytes_ -= size_bytes(messages_.front().message);
    messages_.pop_front();
    --sent_;
    ++consumed_;
  }
  return true;
}

// The answer to a ping tells what had been sent before it and is not there: on an ordered network, what was lost.
void LinkSender::note_loss(const LinkHeader& header) {
  if (header.received < received_) return;
  std::uint64_t last = 0;
  if (header.missing_last > header.received) {
    last = header.missing_last;
  } else if (header.sequence > header.received) {
    last = header.sequence;
  } else {
    return;
  }
  if (!may_resend()) resend_next_ = header.received + 1;
  resend_last_ = std::max(resend_last_, last);
}

void LinkSender::on_rejected(const LinkHeader& header, TimePoint now) {
  if (header.reason == RejectReason::kUnknownSession && state_ == State::kOpen) {
    end_session(LossReason::kRestarted);
    start_opening(now);
  } else if (header.reason == RejectReason::kDisplaced && state_ == State::kOpen) {
    end_session(LossReason::kDisplaced);
    state_ = State::kOut;
  } else if (header.reason == RejectReason::kStaleEpoch && state_ != State::kOut &&
             header.epoch > identity_.epoch.value) {
    end_session(LossReason::kStaleEpoch);
    state_ = State::kOut;
  } else {
    ++counters_.ignored;
  }
}

void LinkSender::on_connected(TimePoint now) {
  disconnected_ = false;
  if (state_ == State::kOpening) open_due_ = true;
  if (state_ == State::kOpen) {
    ping_due_ = true;  // The answer tells what the old connection lost.
    probe_interval_ = limits_.retransmit_interval;
    ping_at_ = now + probe_interval_;
  }
}

void LinkSender::on_disconnected(TimePoint) {
  disconnected_ = true;
  lose_peer(LossReason::kDisconnected);
}

// ---- packets out ---------------------------------------------------------------------------------------------------

bool LinkSender::may_send_new() const {
  return unsent() > 0 && last_sent() < max_messages_ && bytes_sent_ < max_bytes_;
}

bool LinkSender::may_resend() const {
  return std::max(resend_next_, received_ + 1) <= std::min(resend_last_, last_sent());
}

bool LinkSender::has_packet() const {
  switch (state_) {
    case State::kOpening: return open_due_;
    case State::kOpen: return ping_due_ || may_resend() || may_send_new();
    case State::kOut: return false;
    case State::kClosed: return close_due_;
  }
  return false;
}

std::optional<LinkPacket> LinkSender::next_packet(TimePoint now) {
  if (!has_packet()) return std::nullopt;
  if (state_ == State::kClosed) {
    close_due_ = false;
    return LinkPacket{header_of(LinkKind::kClose), {}};
  }
  if (state_ == State::kOpening) {
    open_due_ = false;
    return LinkPacket{header_of(LinkKind::kOpen), {}};
  }
  if (may_resend()) {
    const std::uint64_t sequence = std::max(resend_next_, received_ + 1);
    resend_next_ = sequence + 1;
    ++counters_.resent;
    return data_packet(sequence, now);
  }
  if (ping_due_) {
    ping_due_ = false;
    LinkPacket ping{header_of(LinkKind::kPing), {}};
    ping.header.sequence = last_sent();
    return ping;
  }
  const std::uint64_t bytes = size_bytes(messages_[sent_].message);
  bytes_sent_ += bytes;
  ++sent_;
  ++counters_.messages;
  counters_.bytes += bytes;
  ping_at_ = std::min(ping_at_, now + probe_interval_);
  return data_packet(last_sent(), now);
}

LinkPacket LinkSender::data_packet(std::uint64_t sequence, TimePoint now) const {
  const Held& held = messages_[sequence - consumed_ - 1];
  LinkPacket packet{header_of(LinkKind::kData), held.message};
  packet.header.sequence = sequence;
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(now - held.since).count();
  packet.header.held_us = us > 0 ? static_cast<std::uint64_t>(us) : 0;
  return packet;
}

LinkHeader LinkSender::header_of(LinkKind kind) const {
  LinkHeader header;
  header.kind = kind;
  header.sender_incarnation = identity_.incarnation;
  header.receiver_incarnation = receiver_incarnation_;
  header.session = session_;
  header.attempt = attempt_;
  header.epoch = identity_.epoch.value;
  return header;
}

// ---- time ----------------------------------------------------------------------------------------------------------

TimePoint LinkSender::next_timer() const {
  if (state_ == State::kOpening) return open_at_;
  if (state_ != State::kOpen) return TimePoint::never();
  return up_ ? std::min(ping_at_, heard_at_ + limits_.peer_timeout) : ping_at_;
}

void LinkSender::on_timer(TimePoint now) {
  if (state_ == State::kOpening && now >= open_at_) {
    open_due_ = true;
    open_at_ = now + limits_.open_interval;
  }
  if (state_ != State::kOpen) return;
  if (now >= ping_at_) {
    ping_due_ = true;
    if (!is_settled()) probe_interval_ = std::min(2 * probe_interval_, limits_.ping_interval);
    ping_at_ = now + (is_settled() ? limits_.ping_interval : probe_interval_);
  }
  if (now >= heard_at_ + limits_.peer_timeout) lose_peer(LossReason::kTimeout);
}

void LinkSender::note_stall(TimePoint now) {
  if (stalled_since_) stalled_ += now - *stalled_since_;
  stalled_since_.reset();
  if (unsent() > 0 && !may_send_new()) stalled_since_ = now;
}

LinkSenderStats LinkSender::stats(TimePoint now) const {
  LinkSenderStats stats;
  stats.messages_total = counters_.messages;
  stats.bytes_total = counters_.bytes;
  stats.resent_total = counters_.resent;
  stats.stalled_us_total = whole_us(stalled_since_ ? stalled_ + (now - *stalled_since_) : stalled_);
  stats.queued_messages = queued();
  stats.unsent_messages = unsent();
  stats.credit_messages = max_messages_ - std::min(max_messages_, last_sent());
  stats.credit_bytes = max_bytes_ - std::min(max_bytes_, bytes_sent_);
  return stats;
}

// ---- sessions ------------------------------------------------------------------------------------------------------

void LinkSender::start_opening(TimePoint now) {
  state_ = State::kOpening;
  ++attempt_;
  receiver_incarnation_ = 0;
  session_ = 0;
  open_due_ = true;
  ping_due_ = false;
  open_at_ = now + limits_.open_interval;
}

void LinkSender::end_session(LossReason reason) {
  // An attempt that failed before any credit came concerns nobody: what is queued waits for the next.
  if (reason == LossReason::kRestarted && !confirmed_) return;
  if (reason == LossReason::kDisplaced || reason == LossReason::kStaleEpoch) up_ = true;  // Always worth an event.
  lose_peer(reason);
  return_all();
}

// Forgets the session's numbers too.
void LinkSender::return_all() {
  if (!messages_.empty()) {
    events_.emplace_back(Returned{take_all()});
    returned_pending_ = true;
  }
  sent_ = 0;
  messages_bytes_ = 0;
  receiver_incarnation_ = 0;
  session_ = 0;
  received_ = 0;
  consumed_ = 0;
  max_messages_ = 0;
  max_bytes_ = 0;
  bytes_sent_ = 0;
  resend_next_ = 1;
  resend_last_ = 0;
}

void LinkSender::lose_peer(LossReason reason) {
  if (!up_) return;
  up_ = false;
  events_.emplace_back(PeerLost{receiver_incarnation_, reason});
}

void LinkSender::hear_peer(TimePoint now) {
  heard_at_ = now;
  probe_interval_ = limits_.retransmit_interval;
  // What a lost connection had delivered before does not prove that the peer lives.
  if (disconnected_ || up_) return;
  up_ = true;
  events_.emplace_back(PeerUp{receiver_incarnation_, was_up_});
  was_up_ = true;
}

}  // namespace sluice::transport
