#include "transport/link/receiver.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace sluice::transport {
namespace {

// Answers to strangers that may wait for the wire; more are dropped, their senders ask again.
constexpr std::size_t kMaxRejections = 16;
// A peer that says it has held a message for longer is not believed.
constexpr std::uint64_t kMaxHeldUs = std::uint64_t{24} * 3600 * 1'000'000;

}  // namespace

LinkReceiver::LinkReceiver(LinkIdentity identity, const LinkLimits& limits)
    : identity_(std::move(identity)), limits_(limits) {
  SLUICE_CHECK_NE(identity_.incarnation, 0u);
  SLUICE_CHECK_GT(limits_.window.messages, 0u);
  SLUICE_CHECK_GT(limits_.window.bytes, 0u);
}

// ---- the caller's side ---------------------------------------------------------------------------------------------

std::optional<Message> LinkReceiver::take() {
  if (inbox_.empty()) return std::nullopt;
  Arrived arrived = std::move(inbox_.front());
  inbox_.pop_front();
  taken_.push_back({arrived.session, arrived.bytes});
  taken_offered_at_ = arrived.offered_at;
  return std::move(arrived.message);
}

void LinkReceiver::consumed() {
  SLUICE_CHECK(!taken_.empty());
  const Taken done = taken_.front();
  taken_.pop_front();
  held_bytes_ -= done.bytes;
  if (current_ && done.session == current_->number) {
    ++consumed_;
    consumed_bytes_ += done.bytes;
  } else {
    --former_messages_;
    former_bytes_ -= done.bytes;
  }
  if (!current_) return;
  raise_ceilings();
  const bool half_of_messages = max_messages_ - granted_messages_ >= std::max(1u, limits_.window.messages / 2);
  const bool half_of_bytes = max_bytes_ - granted_bytes_ >= std::max<std::uint64_t>(1, limits_.window.bytes / 2);
  if (half_of_messages || half_of_bytes) grant_due_ = true;
}

std::vector<LinkEvent> LinkReceiver::take_events() {
  return std::exchange(events_, {});
}

std::size_t LinkReceiver::held() const {
  return early_.size() + inbox_.size() + taken_.size();
}

void LinkReceiver::set_epoch(Epoch epoch) {
  SLUICE_CHECK_GT(epoch.value, identity_.epoch.value);
  identity_.epoch = epoch;
  inbox_.clear();
  current_.reset();
  candidate_.reset();
  opened_due_ = false;
  grant_due_ = false;
  up_ = false;
  forget_numbers();
}

void LinkReceiver::close() {
  close_due_ = current_.has_value() && !closed_;
  closed_ = true;
  up_ = false;
}

// ---- packets in ----------------------------------------------------------------------------------------------------

void LinkReceiver::receive(LinkPacket&& packet, TimePoint now) {
  const LinkHeader& header = packet.header;
  if (closed_) {
    ++counters_.ignored;
    return;
  }
  switch (header.kind) {
    case LinkKind::kOpen: on_open(header); return;
    case LinkKind::kData:
      if (match_session(header, now)) on_data(std::move(packet), now);
      return;
    case LinkKind::kPing:
      if (!match_session(header, now)) return;
      echo_ = std::max(echo_, header.sequence);
      grant_due_ = true;
      return;
    case LinkKind::kClose:
      if (!match_session(header, now)) return;
      lose_peer(LossReason::kClosed);
      disconnected_ = true;  // What it sent before and comes later does not revive it.
      return;
    case LinkKind::kOpened:
    case LinkKind::kGrant:
    case LinkKind::kRejected: ++counters_.ignored; return;
  }
}

void LinkReceiver::on_open(const LinkHeader& header) {
  if (header.epoch < identity_.epoch.value) {
    reject(header, RejectReason::kStaleEpoch);
    return;
  }
  // From the future: the sender asks again, and by then our own epoch may have been raised. And an open that comes
  // after its session is in use, or after a later one of the same sender, is a late copy.
  const auto is_late = [&](const std::optional<Session>& session, std::uint64_t oldest_attempt) {
    return session && session->sender == header.sender_incarnation && header.attempt < oldest_attempt;
  };
  if (header.epoch > identity_.epoch.value || is_late(current_, current_ ? current_->attempt + 1 : 0) ||
      is_late(candidate_, candidate_ ? candidate_->attempt : 0)) {
    ++counters_.ignored;
    return;
  }
  const bool is_again =
      candidate_ && candidate_->sender == header.sender_incarnation && candidate_->attempt == header.attempt;
  if (!is_again) candidate_ = Session{++last_session_, header.sender_incarnation, header.attempt};
  opened_due_ = true;
}

// Whether the packet belongs to the session in force, which it may itself put into force. Answers it if not.
bool LinkReceiver::match_session(const LinkHeader& header, TimePoint now) {
  const auto is = [&](const std::optional<Session>& session) {
    return session && session->number == header.session && session->sender == header.sender_incarnation &&
           session->attempt == header.attempt;
  };
  if (header.epoch < identity_.epoch.value) {
    reject(header, RejectReason::kStaleEpoch);
    return false;
  }
  if (header.receiver_incarnation != identity_.incarnation) {
    reject(header, RejectReason::kUnknownSession);
    return false;
  }
  if (is(candidate_)) begin_session();
  if (is(current_)) {
    hear_peer(now);
    return true;
  }
  if (!current_ || header.session > current_->number) {
    reject(header, RejectReason::kUnknownSession);
  } else if (header.sender_incarnation != current_->sender) {
    reject(header, RejectReason::kDisplaced);
  } else {
    ++counters_.ignored;
  }
  return false;
}

void LinkReceiver::begin_session() {
  lose_peer(LossReason::kRestarted);
  current_ = std::exchange(candidate_, std::nullopt);
  opened_due_ = false;
  was_up_ = false;
  disconnected_ = false;
  forget_numbers();
  raise_ceilings();
  grant_due_ = true;
}

// What was in order before stays, and counts against the window of the next session.
void LinkReceiver::forget_numbers() {
  early_.clear();
  former_messages_ = inbox_.size() + taken_.size();
  former_bytes_ = 0;
  for (const Arrived& arrived : inbox_) former_bytes_ += arrived.bytes;
  for (const Taken& taken : taken_) former_bytes_ += taken.bytes;
  held_bytes_ = former_bytes_;
  received_ = 0;
  consumed_ = 0;
  consumed_bytes_ = 0;
  max_messages_ = 0;
  max_bytes_ = 0;
  granted_messages_ = 0;
  granted_bytes_ = 0;
  echo_ = 0;
}

void LinkReceiver::on_data(LinkPacket&& packet, TimePoint now) {
  const std::uint64_t sequence = packet.header.sequence;
  const std::uint64_t bytes = size_bytes(packet.payload);
  if (sequence == 0 || packet.payload.empty()) {
    ++counters_.ignored;
    return;
  }
  if (sequence <= received_ || early_.contains(sequence)) {
    ++counters_.duplicates;
    grant_due_ = true;  // The sender does not seem to know that it arrived.
    return;
  }
  if (sequence > granted_messages_ || bytes > limits_.max_message_bytes || packet.payload.size() > limits_.max_frames ||
      held_bytes_ + bytes > limits_.window.bytes + limits_.max_message_bytes) {
    ++counters_.beyond_credit;
    return;
  }
  held_bytes_ += bytes;
  const TimePoint offered_at = now - std::chrono::microseconds(std::min(packet.header.held_us, kMaxHeldUs));
  if (sequence != received_ + 1) {
    if (early_.empty()) grant_due_ = true;  // A new gap: ask for what is missing.
    early_.emplace(sequence, Early{std::move(packet.payload), offered_at});
    return;
  }
  admit(std::move(packet.payload), offered_at);
  if (early_.empty()) return;
  while (!early_.empty() && early_.begin()->first == received_ + 1) {
    Early& next = early_.begin()->second;
    admit(std::move(next.message), next.offered_at);
    early_.erase(early_.begin());
  }
  if (!early_.empty()) grant_due_ = true;  // The next gap.
}

void LinkReceiver::admit(Message&& message, TimePoint offered_at) {
  ++received_;
  const std::uint64_t bytes = size_bytes(message);
  ++counters_.messages;
  counters_.bytes += bytes;
  inbox_.push_back({std::move(message), current_->number, bytes, offered_at});
}

void LinkReceiver::reject(const LinkHeader& header, RejectReason reason) {
  ++counters_.ignored;
  if (rejections_.size() >= kMaxRejections) return;
  LinkHeader answer;
  answer.kind = LinkKind::kRejected;
  answer.reason = reason;
  answer.sender_incarnation = header.sender_incarnation;
  answer.receiver_incarnation = header.receiver_incarnation;
  answer.session = header.session;
  answer.attempt = header.attempt;
  answer.epoch = identity_.epoch.value;
  rejections_.push_back(answer);
}

// ---- packets out ---------------------------------------------------------------------------------------------------

// What earlier sessions left counts against the window, and gives its share back as it is consumed; so ceilings only
// rise.
void LinkReceiver::raise_ceilings() {
  const std::uint64_t window_messages = limits_.window.messages;
  const std::uint64_t window_bytes = limits_.window.bytes;
  max_messages_ = std::max(max_messages_, consumed_ + window_messages - std::min(window_messages, former_messages_));
  max_bytes_ = std::max(max_bytes_, consumed_bytes_ + window_bytes - std::min(window_bytes, former_bytes_));
}

std::optional<LinkPacket> LinkReceiver::next_packet() {
  if (!rejections_.empty()) {
    LinkPacket packet{rejections_.front(), {}};
    rejections_.pop_front();
    return packet;
  }
  if (closed_) {
    if (!std::exchange(close_due_, false)) return std::nullopt;
    return LinkPacket{header_of(LinkKind::kClose, *current_), {}};
  }
  // The first credit comes with the first grant: until the session is in use, that of the last one may still take
  // space.
  if (std::exchange(opened_due_, false)) return LinkPacket{header_of(LinkKind::kOpened, *candidate_), {}};
  if (!std::exchange(grant_due_, false)) return std::nullopt;
  LinkPacket packet{header_of(LinkKind::kGrant, *current_), {}};
  packet.header.sequence = std::exchange(echo_, 0);
  packet.header.received = received_;
  packet.header.consumed = consumed_;
  packet.header.max_messages = granted_messages_ = max_messages_;
  packet.header.max_bytes = granted_bytes_ = max_bytes_;
  packet.header.missing_last = early_.empty() ? 0 : early_.begin()->first - 1;
  return packet;
}

LinkHeader LinkReceiver::header_of(LinkKind kind, const Session& session) const {
  LinkHeader header;
  header.kind = kind;
  header.sender_incarnation = session.sender;
  header.receiver_incarnation = identity_.incarnation;
  header.session = session.number;
  header.attempt = session.attempt;
  header.epoch = identity_.epoch.value;
  return header;
}

// ---- time and the peer ---------------------------------------------------------------------------------------------

TimePoint LinkReceiver::next_timer() const {
  return up_ ? heard_at_ + limits_.peer_timeout : TimePoint::never();
}

void LinkReceiver::on_timer(TimePoint now) {
  if (up_ && now >= next_timer()) lose_peer(LossReason::kTimeout);
}

void LinkReceiver::on_connected(TimePoint) {
  disconnected_ = false;
}

void LinkReceiver::on_disconnected(TimePoint) {
  disconnected_ = true;
  lose_peer(LossReason::kDisconnected);
}

void LinkReceiver::lose_peer(LossReason reason) {
  if (!up_) return;
  up_ = false;
  events_.emplace_back(PeerLost{current_->sender, reason});
}

void LinkReceiver::hear_peer(TimePoint now) {
  heard_at_ = now;
  // What a lost connection had delivered before does not prove that the peer lives.
  if (disconnected_ || up_) return;
  up_ = true;
  events_.emplace_back(PeerUp{current_->sender, was_up_});
  was_up_ = true;
}

}  // namespace sluice::transport
