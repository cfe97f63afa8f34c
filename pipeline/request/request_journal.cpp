#include "pipeline/request/request_journal.h"

#include <algorithm>

namespace sluice {
namespace {

LogEvent event(LogLevel level, std::string_view sentence) {
  return LogEvent(level, "ingress", sentence);
}

LogEvent refusal(ErrorCode code, bool is_request, std::uint64_t count) {
  // What a retry cures is the engine's lack, and its operator's concern.
  const LogLevel level = is_retryable(code) || !is_request ? LogLevel::kWarn : LogLevel::kInfo;
  return event(level, is_request ? "request refused" : "client message refused")
      .with("code", to_string(code))
      .with("count", count);
}

std::string_view kind_of(const Prompt& prompt) {
  static constexpr std::string_view kKinds[] = {"text", "ids", "chat"};
  return kKinds[prompt.index()];
}

}  // namespace

std::string short_name(const SessionToken& session) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  std::string name;
  for (std::size_t i = 0; i < 4; ++i) {
    name += kHex[session.bytes[i] >> 4];
    name += kHex[session.bytes[i] & 15];
  }
  return name;
}

std::vector<LogEvent> IngressJournal::note(const IngressActions& actions, TimePoint now) {
  std::vector<LogEvent> events;
  for (const IngressNews& news : actions.news) {
    if (const auto* connected = std::get_if<ClientConnected>(&news)) note(*connected, now, events);
    if (const auto* lost = std::get_if<ClientLost>(&news)) note(*lost, now, events);
    if (const auto* accepted = std::get_if<RequestAccepted>(&news)) note(*accepted, actions, events);
  }
  for (const auto& [route, message] : actions.to_clients) {
    if (const auto* failed = std::get_if<Failed>(&message)) note(*failed, now, events);
  }
  return events;
}

std::vector<LogEvent> IngressJournal::on_timer(TimePoint now) {
  std::vector<LogEvent> events;
  if (const std::uint64_t count = connected_.take_counted(now)) {
    events.push_back(event(LogLevel::kInfo, "clients connected").with("count", count));
  }
  if (const std::uint64_t count = lost_.take_counted(now)) {
    events.push_back(event(LogLevel::kInfo, "clients lost").with("count", count));
  }
  for (auto& [kind, rate] : refusals_) {
    if (const std::uint64_t count = rate.take_counted(now)) events.push_back(refusal(kind.first, kind.second, count));
  }
  return events;
}

std::vector<LogEvent> IngressJournal::finish() {
  return on_timer(TimePoint::never() - std::chrono::hours(1));
}

TimePoint IngressJournal::next_timer() const {
  TimePoint next = std::min(connected_.next_timer(), lost_.next_timer());
  for (const auto& [kind, rate] : refusals_) next = std::min(next, rate.next_timer());
  return next;
}

void IngressJournal::note(const ClientConnected& connected, TimePoint now, std::vector<LogEvent>& events) {
  if (!connected_.take(now)) return;
  events.push_back(event(LogLevel::kInfo, "client connected")
                       .with("client", connected.client_name)
                       .with("session", short_name(connected.session))
                       .with("resumed", connected.is_resumed));
}

void IngressJournal::note(const ClientLost& lost, TimePoint now, std::vector<LogEvent>& events) {
  if (!lost_.take(now)) return;
  events.push_back(event(LogLevel::kInfo, "client lost")
                       .with("session", short_name(lost.session))
                       .with("requests", lost.num_attachments));
}

void IngressJournal::note(const RequestAccepted& accepted, const IngressActions& actions,
                          std::vector<LogEvent>& events) const {
  if (!with_debug_) return;
  LogEvent line = event(LogLevel::kDebug, "request accepted")
                      .with("id", accepted.request_id)
                      .with("sequence", accepted.sequence.value)
                      .with("session", short_name(accepted.session));
  for (const TokenizerInput& message : actions.to_tokenizer) {
    const auto* submission = std::get_if<Submission>(&message);
    if (submission == nullptr || submission->sequence != accepted.sequence) continue;
    line.with("tenant", submission->spec.tenant)
        .with("prompt", kind_of(submission->prompt))
        .with("max_tokens", submission->spec.max_tokens)
        .with("priority", submission->spec.priority);
  }
  events.push_back(std::move(line));
}

void IngressJournal::note(const Failed& failed, TimePoint now, std::vector<LogEvent>& events) {
  const RefusalKind kind{failed.error.code, !failed.request_id.empty()};
  if (!refusals_.try_emplace(kind, 1u).first->second.take(now)) return;
  LogEvent line = refusal(kind.first, kind.second, 1);
  if (kind.second) line.with("id", failed.request_id);
  events.push_back(line.with("message", failed.error.message));
}

LogEvent event_of(const RequestEnded& ended) {
  const auto* error = std::get_if<Error>(&ended.outcome);
  const bool is_defect = error != nullptr && error->code == ErrorCode::kInternal;
  LogEvent line(is_defect ? LogLevel::kError : LogLevel::kInfo, "responder", "request ended");
  line.with("id", ended.request_id)
      .with("sequence", ended.sequence.value)
      .with("outcome", error != nullptr ? to_string(error->code) : to_string(std::get<FinishReason>(ended.outcome)))
      .with("prompt_tokens", ended.usage.prompt_tokens)
      .with("output_tokens", ended.usage.output_tokens)
      .with("cached_tokens", ended.usage.cached_tokens)
      .with("tokenize_us", ended.times.tokenize_us)
      .with("queue_us", ended.times.queue_us)
      .with("prefill_us", ended.times.prefill_us)
      .with("decode_us", ended.times.decode_us);
  if (error != nullptr) line.with("message", error->message);
  return line;
}

}  // namespace sluice
