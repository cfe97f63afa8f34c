#include "actors/ports.h"

#include <algorithm>

namespace sluice::actors {

namespace {

// Whether the session is over. After a disconnection or a silence it may go on: a dead process is noticed by the
// supervisor, a hung one by its overdue step.
bool ends_session(transport::LossReason reason) {
  return reason != transport::LossReason::kDisconnected && reason != transport::LossReason::kTimeout;
}

// Messages that an ended session gives back belong to an epoch that is over: their owner plans anew.
std::optional<std::string> loss_in(const std::vector<transport::LinkEvent>& events) {
  std::optional<std::string> reason;
  for (const transport::LinkEvent& event : events) {
    const auto* lost = std::get_if<transport::PeerLost>(&event);
    if (lost != nullptr && ends_session(lost->reason)) reason = std::string(to_string(lost->reason));
  }
  return reason;
}

}  // namespace

transport::LinkLimits link_limits(const LinkSettings& links) {
  transport::LinkLimits limits;
  limits.window = links.window;
  limits.max_message_bytes = std::max<std::uint64_t>(limits.max_message_bytes, links.window.bytes);
  limits.queue_messages = 2 * links.window.messages;
  limits.queue_bytes = 2 * links.window.bytes;
  limits.socket_heartbeat_interval = std::chrono::milliseconds(links.heartbeat_ms);
  limits.socket_heartbeat_timeout = std::chrono::milliseconds(links.timeout_ms);
  return limits;
}

std::optional<std::string> OutPort::advance(TimePoint now) {
  link_.on_event(now);
  std::optional<std::string> lost = loss_in(link_.take_events());
  while (!waiting_.empty() && link_.offer(std::move(waiting_.front()), now)) waiting_.pop_front();
  return lost;
}

LinkSenderStats OutPort::stats(TimePoint now) const {
  LinkSenderStats stats = link_.sender().stats(now);
  stats.queued_messages += waiting_.size();
  stats.unsent_messages += waiting_.size();
  return stats;
}

std::optional<std::string> InPort::advance(TimePoint now) {
  link_.on_event(now);
  return loss_in(link_.take_events());
}

std::optional<Result<LinkMessage>> InPort::receive_any(TimePoint now) {
  std::optional<transport::Message> message = link_.receive(now);
  if (!message) return std::nullopt;
  return transport::decode_link_message(*message);
}

}  // namespace sluice::actors
