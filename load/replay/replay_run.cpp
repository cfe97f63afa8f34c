#include "load/replay/replay_run.h"

#include <algorithm>
#include <limits>

namespace sluice::load {

namespace {

std::uint64_t saturating_add(std::uint64_t a, std::uint64_t b) {
  return a > std::numeric_limits<std::uint64_t>::max() - b ? std::numeric_limits<std::uint64_t>::max() : a + b;
}

}  // namespace

ReplayRun::ReplayRun(const ReplayScript& script, const ReplaySettings& settings, TimePoint start)
    : script_(script), settings_(settings), start_(start), last_news_(start) {
  if (!script.steps.empty()) first_us_ = script.steps.front().time_us;
  for (std::size_t i = 0; i < script.steps.size(); ++i) {
    connections_[script.steps[i].connection].steps.push_back(static_cast<std::uint32_t>(i));
  }
  answers_.resize(script.requests.size());
  credits_.resize(script.requests.size());
  is_asked_.resize(script.requests.size());
  steps_left_ = script.steps.size();
}

TimePoint ReplayRun::due_at(const ReplayStep& step) const {
  if (settings_.is_fastest || step.time_us <= first_us_) return start_;
  const double us = static_cast<double>(step.time_us - first_us_) / settings_.speed;
  constexpr double kCenturyUs = 100.0 * 365 * 86400 * 1e6;
  return start_ + std::chrono::microseconds(static_cast<std::int64_t>(std::min(us, kCenturyUs)));
}

bool ReplayRun::may_send(const ReplayStep& step, const Connection& connection) const {
  if (step.session && !sessions_.contains(*step.session)) return false;
  if (!waits_for_what_was_seen()) return true;
  if (connection.greetings < step.greetings) return false;
  if (settings_.is_fastest && step.is_asking && ended_ < step.ended_requests) return false;
  return std::all_of(step.seen.begin(), step.seen.end(), [this](const Seen& seen) { return has_seen(seen); });
}

bool ReplayRun::has_seen(const Seen& seen) const {
  const Transcript& answer = answers_[seen.request];
  if (answer.is_ended() || script_.requests[seen.request].is_foreign) return true;
  if (seen.is_ended || (seen.is_accepted && !answer.is_accepted)) return false;
  return answer.tokens.size() >= seen.tokens;
}

bool ReplayRun::is_awaited(std::uint32_t request) const {
  const RecordedRequest& recorded = script_.requests[request];
  return is_asked_[request] && recorded.answer.is_ended() && !recorded.is_foreign && !answers_[request].is_ended();
}

std::optional<std::uint32_t> ReplayRun::take_due(TimePoint now) {
  const auto resend =
      std::find_if(resends_.begin(), resends_.end(), [now](const Resend& one) { return one.time <= now; });
  if (resend != resends_.end()) {
    const std::uint32_t step = resend->step;
    resends_.erase(resend);
    ++resent_;
    return step;
  }
  Connection* first = nullptr;
  for (auto& [number, connection] : connections_) {
    if (connection.next == connection.steps.size()) continue;
    const std::uint32_t index = connection.steps[connection.next];
    if (first != nullptr && first->steps[first->next] < index) continue;
    const ReplayStep& step = script_.steps[index];
    if (due_at(step) <= now && may_send(step, connection)) first = &connection;
  }
  if (first == nullptr) return std::nullopt;
  const std::uint32_t index = first->steps[first->next++];
  --steps_left_;
  last_news_ = now;
  take(script_.steps[index], *first);
  return index;
}

void ReplayRun::take(const ReplayStep& step, Connection& connection) {
  if (step.is_hello) ++connection.hellos;
  if (step.is_close() || (step.is_hello && connection.hellos > 1)) abandon(connection);
  if (!step.is_asking) return;
  const std::uint32_t request = *step.request;
  connection.requests[script_.requests[request].id] = request;
  if (is_asked_[request]) return;
  is_asked_[request] = true;
  if (is_awaited(request)) ++awaited_;
}

// What is still running there gets no end any more.
void ReplayRun::abandon(Connection& connection) {
  for (const auto& [id, request] : connection.requests) {
    if (!is_awaited(request)) continue;
    --awaited_;
    is_asked_[request] = false;
  }
}

SessionToken ReplayRun::session_here(const SessionToken& recorded) const {
  const auto here = sessions_.find(recorded);
  return here == sessions_.end() ? recorded : here->second;
}

ClientMessage ReplayRun::adapted(std::uint32_t index, ClientMessage recorded) {
  const ReplayStep& step = script_.steps[index];
  const std::uint64_t window = script_.client_window_tokens;
  if (auto* hello = std::get_if<Hello>(&recorded)) {
    if (hello->session) hello->session = session_here(*hello->session);
    if (step.is_resuming_unknown) hello->session.reset();
  } else if (auto* generate = std::get_if<Generate>(&recorded)) {
    const Transcript& answer = script_.requests[*step.request].answer;
    if (!generate->seed && answer.is_accepted) generate->seed = answer.seed;
    if (generate->credit_tokens == 0) generate->credit_tokens = window;
    std::uint64_t& credit = credits_[*step.request];
    credit = generate->credit_tokens = std::max(credit, generate->credit_tokens);
  } else if (auto* attach = std::get_if<Attach>(&recorded)) {
    attach->session = session_here(attach->session);
    if (attach->credit_tokens == 0 && window > 0) attach->credit_tokens = saturating_add(attach->from_index, window);
  } else if (const auto* credit = std::get_if<Credit>(&recorded); credit != nullptr && step.request) {
    credits_[*step.request] = std::max(credits_[*step.request], credit->up_to_index);
  }
  return recorded;
}

void ReplayRun::on_message(std::uint32_t number, const ServerMessage& message, TimePoint now) {
  const auto at = connections_.find(number);
  if (at == connections_.end()) return;
  Connection& connection = at->second;
  const auto* failed = std::get_if<Failed>(&message);
  if (const auto* welcome = std::get_if<Welcome>(&message)) {
    last_news_ = now;
    return note_greeting(number, connection, welcome);
  }
  if (failed != nullptr && failed->request_id.empty()) {
    if (connection.greetings < connection.hellos) note_greeting(number, connection, nullptr);
    return;
  }
  const std::string& id = std::visit(
      [](const auto& typed) -> const std::string& {
        static const std::string kNone;
        if constexpr (requires { typed.request_id; }) return typed.request_id;
        return kNone;
      },
      message);
  const auto request = connection.requests.find(id);
  if (request == connection.requests.end()) return;
  if (failed != nullptr && resend_later(request->second, *failed, now)) return;
  last_news_ = now;
  Transcript& answer = answers_[request->second];
  const bool was_awaited = is_awaited(request->second);
  const bool was_ended = answer.is_ended();
  if (const auto* accepted = std::get_if<Accepted>(&message)) answer.add(*accepted);
  if (const auto* tokens = std::get_if<Tokens>(&message)) answer.add(*tokens);
  if (const auto* finished = std::get_if<Finished>(&message)) answer.add(*finished);
  if (failed != nullptr) answer.add(*failed);
  if (!was_ended && answer.is_ended()) ++ended_;
  awaited_ += is_awaited(request->second) ? 1 : 0;
  awaited_ -= was_awaited ? 1 : 0;
}

void ReplayRun::note_greeting(std::uint32_t number, Connection& connection, const Welcome* welcome) {
  const std::size_t index = connection.greetings++;
  const auto recorded = script_.greetings.find(number);
  if (welcome == nullptr || recorded == script_.greetings.end() || index >= recorded->second.size()) return;
  if (const auto& session = recorded->second[index]) sessions_[*session] = welcome->session;
}

// Whether a refusal is one that the recorded engine had no cause for, and that a client would answer by trying again.
bool ReplayRun::resend_later(std::uint32_t request, const Failed& failed, TimePoint now) {
  const RecordedRequest& recorded = script_.requests[request];
  const ErrorCode code = failed.error.code;
  const bool is_refusal = code == ErrorCode::kOverloaded || code == ErrorCode::kUnavailable;
  if (!waits_for_what_was_seen() || !is_refusal || answers_[request].is_accepted || !recorded.answer.is_accepted ||
      script_.facts_of(recorded).has_deadline) {
    return false;
  }
  const auto pause = std::chrono::milliseconds(std::clamp<std::uint32_t>(failed.error.retry_after_ms, 1, 10'000));
  resends_.push_back({now + pause, recorded.step});
  return true;
}

TimePoint ReplayRun::gives_up_at() const {
  TimePoint quiet_since = last_news_;
  for (const auto& [number, connection] : connections_) {
    if (connection.next == connection.steps.size()) continue;
    quiet_since = std::max(quiet_since, due_at(script_.steps[connection.steps[connection.next]]));
  }
  return quiet_since + settings_.timeout;
}

TimePoint ReplayRun::next_timer() const {
  TimePoint next = gives_up_at();
  for (const Resend& resend : resends_) next = std::min(next, resend.time);
  for (const auto& [number, connection] : connections_) {
    if (connection.next == connection.steps.size()) continue;
    const ReplayStep& step = script_.steps[connection.steps[connection.next]];
    if (may_send(step, connection)) next = std::min(next, due_at(step));
  }
  return next;
}

}  // namespace sluice::load
