#include "load/load_run.h"

#include <algorithm>
#include <charconv>

#include "base/check.h"
#include "base/mock_model.h"

namespace sluice::load {

LoadRun LoadRun::open_loop(const RunLimits& limits, Arrivals arrivals, std::uint64_t client_window_tokens,
                           TimePoint start) {
  LoadRun run(limits, start, client_window_tokens);
  run.arrivals_ = std::move(arrivals);
  run.next_arrival_ = run.arrivals_->next();
  return run;
}

LoadRun LoadRun::closed_loop(const RunLimits& limits, std::size_t callers, std::uint64_t client_window_tokens,
                             TimePoint start) {
  SLUICE_CHECK_LE(callers, limits.in_flight_max);
  LoadRun run(limits, start, client_window_tokens);
  run.callers_ = CallerTimes(std::greater<>(), std::vector<TimePoint>(callers, start));
  return run;
}

std::optional<TimePoint> LoadRun::intended_next() const {
  if (!arrivals_) return callers_.empty() ? std::nullopt : std::optional(callers_.top());
  if (!next_arrival_) return std::nullopt;
  return start_ + *next_arrival_;
}

void LoadRun::drop_next() {
  if (arrivals_) {
    next_arrival_ = arrivals_->next();
  } else {
    callers_.pop();
  }
}

// What was intended within the duration is offered, also where this program is late with it.
bool LoadRun::may_send(TimePoint now) const {
  if (sending_ended_ || outcomes_.offered == limits_.requests_max) return false;
  if (!arrivals_) return now < start_ + limits_.duration;
  return next_arrival_ && *next_arrival_ < limits_.duration;
}

std::optional<std::uint64_t> LoadRun::take_due(TimePoint now) {
  for (;;) {
    if (!may_send(now)) {
      stop_sending(now);
      return std::nullopt;
    }
    const auto intended = intended_next();
    if (!intended || *intended > now) return std::nullopt;
    drop_next();
    const std::uint64_t number = outcomes_.offered++;
    if (in_flight_.size() < limits_.in_flight_max) {
      in_flight_.emplace(number, InFlight{.intended = *intended, .granted = window_, .last_piece = {}});
      return number;
    }
    ++outcomes_.unsent;
  }
}

void LoadRun::on_sent(std::uint64_t number, TimePoint now) {
  const auto entry = in_flight_.find(number);
  SLUICE_CHECK(entry != in_flight_.end() && !entry->second.is_sent);
  entry->second.is_sent = true;
  ++outcomes_.sent;
  outcomes_.send_lag.record(now - entry->second.intended);
}

void LoadRun::on_failed(std::uint64_t number, const Error& error, TimePoint now) {
  const auto entry = in_flight_.find(number);
  SLUICE_CHECK(entry != in_flight_.end());
  ++outcomes_.failed[error.code];
  end(entry, now, Duration::zero());
}

std::optional<Credit> LoadRun::on_message(const ServerMessage& message, TimePoint now) {
  const Entry entry = std::visit(
      [&]<class T>(const T& one) {
        if constexpr (requires { one.request_id; }) {
          return find(one.request_id);
        } else {
          return in_flight_.end();
        }
      },
      message);
  if (entry == in_flight_.end()) {
    ++outcomes_.violations;
    return std::nullopt;
  }
  InFlight& request = entry->second;
  if (const auto* tokens = std::get_if<Tokens>(&message)) return on_tokens(request, *tokens, now);
  if (const auto* finished = std::get_if<Finished>(&message)) on_finished(entry, *finished, now);
  if (const auto* failed = std::get_if<Failed>(&message)) on_failure(entry, failed->error, now);
  if (const auto* accepted = std::get_if<Accepted>(&message)) {
    (request.is_accepted ? outcomes_.violations : outcomes_.accepted) += 1;
    request.is_accepted = true;
    request.seed = accepted->seed;
  }
  return std::nullopt;
}

std::optional<Credit> LoadRun::on_tokens(InFlight& request, const Tokens& tokens, TimePoint now) {
  if (!request.is_accepted || tokens.first_index != request.tokens) ++outcomes_.violations;
  if (tokens.token_ids.empty()) return std::nullopt;  // Text that was held back.
  if (mock_vocab_size_) {
    request.token_ids.insert(request.token_ids.end(), tokens.token_ids.begin(), tokens.token_ids.end());
  }
  if (request.last_piece) {
    outcomes_.between_tokens.record(now - *request.last_piece);
  } else {
    outcomes_.first_token.record(now - request.intended);
  }
  request.last_piece = now;
  request.tokens += tokens.token_ids.size();
  outcomes_.output_tokens += tokens.token_ids.size();
  if (request.tokens + window_ / 2 < request.granted) return std::nullopt;
  request.granted = request.tokens + window_;
  return Credit{tokens.request_id, request.granted};
}

// Requests ask for choice 0. Only answers that ran to their end need all their tokens here.
void LoadRun::verify(const InFlight& request, const Finished& finished) {
  const bool is_whole = finished.reason == FinishReason::kStop || finished.reason == FinishReason::kLength;
  bool is_right = !is_whole || request.token_ids.size() == finished.usage.output_tokens;
  for (std::size_t i = 0; i < request.token_ids.size() && is_right; ++i) {
    const auto position = finished.usage.prompt_tokens + static_cast<std::uint32_t>(i);
    is_right = request.token_ids[i] == mock_token(request.seed, 0, position, *mock_vocab_size_);
  }
  ++outcomes_.verified;
  if (is_right) return;
  ++outcomes_.wrong_answers;
  ++outcomes_.violations;
}

void LoadRun::on_finished(Entry entry, const Finished& finished, TimePoint now) {
  const InFlight& request = entry->second;
  if (!request.is_accepted) ++outcomes_.violations;
  if (mock_vocab_size_) verify(request, finished);
  const auto reason = static_cast<std::size_t>(finished.reason);
  SLUICE_CHECK_LT(reason, outcomes_.finished.size());  // The codec knows no other.
  ++outcomes_.finished[reason];
  if (finished.reason == FinishReason::kStop || finished.reason == FinishReason::kLength) {
    ++outcomes_.good_requests;
    outcomes_.good_output_tokens += request.tokens;
    outcomes_.end_to_end.record(now - request.intended);
  }
  end(entry, now, Duration::zero());
}

void LoadRun::on_failure(Entry entry, const Error& error, TimePoint now) {
  const InFlight& request = entry->second;
  if (error.code == ErrorCode::kOverloaded && !request.is_accepted) {
    ++outcomes_.refused;
    outcomes_.refusal.record(now - request.intended);
  } else {
    ++outcomes_.failed[error.code];
  }
  end(entry, now, std::chrono::milliseconds(error.retry_after_ms));
}

void LoadRun::end(Entry entry, TimePoint now, Duration pause) {
  in_flight_.erase(entry);
  last_end_ = now;
  if (!arrivals_) callers_.push(now + pause);
}

LoadRun::Entry LoadRun::find(const std::string& request_id) {
  std::uint64_t number = 0;
  const char* last = request_id.data() + request_id.size();
  const auto [rest, error] = std::from_chars(request_id.data(), last, number);
  if (error != std::errc{} || rest != last) return in_flight_.end();
  const Entry entry = in_flight_.find(number);
  return entry != in_flight_.end() && entry->second.is_sent ? entry : in_flight_.end();
}

void LoadRun::stop_sending(TimePoint now) {
  if (!sending_ended_) sending_ended_ = now;
}

bool LoadRun::is_over(TimePoint now) const {
  return sending_ended_ && (in_flight_.empty() || now >= *sending_ended_ + limits_.drain);
}

TimePoint LoadRun::next_timer() const {
  if (sending_ended_) return *sending_ended_ + limits_.drain;
  const TimePoint due = intended_next().value_or(TimePoint::never());
  return arrivals_ ? due : std::min(due, start_ + limits_.duration);
}

void LoadRun::finish(TimePoint now) {
  stop_sending(now);
  outcomes_.timed_out += in_flight_.size();
  in_flight_.clear();
}

std::vector<std::uint64_t> LoadRun::in_flight_where(const std::function<bool(std::uint64_t)>& which) const {
  std::vector<std::uint64_t> numbers;
  for (const auto& [number, request] : in_flight_) {
    if (which(number)) numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

Duration LoadRun::elapsed(TimePoint now) const {
  return (sending_ended_ ? std::max(*sending_ended_, last_end_) : now) - start_;
}

}  // namespace sluice::load
