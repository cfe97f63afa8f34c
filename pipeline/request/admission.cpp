#include "pipeline/request/admission.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "base/check.h"

namespace sluice {
namespace {

constexpr Duration kLongest = std::chrono::hours(24);  // No prediction is longer.

double to_ms(Duration duration) {
  return static_cast<double>(duration.count()) * 1e-6;
}

std::uint32_t hint_ms(double wait_ms) {
  return static_cast<std::uint32_t>(
      std::clamp(wait_ms, static_cast<double>(Admission::kRetryMin_ms), static_cast<double>(Admission::kRetryMax_ms)));
}

// How long `amount` takes at a measured rate, which has an amount.
Duration time_for(std::uint64_t amount, const RecentRate::Reading& rate) {
  const double ns =
      static_cast<double>(rate.span.count()) * (static_cast<double>(amount) / static_cast<double>(rate.amount));
  if (ns >= static_cast<double>(kLongest.count())) return kLongest;
  return Duration(static_cast<Duration::rep>(ns));
}

}  // namespace

Admission::Admission(AdmissionLimits limits) : limits_(limits) {
  SLUICE_CHECK_GT(limits.max_requests, 0u);
  if (limits_.max_queued_prompt_tokens == 0) {
    limits_.max_queued_prompt_tokens = kPromptTokensPerRequest * limits_.max_requests;
  }
}

Result<Admission::Place> Admission::admit(const AdmissionRequest& request, TimePoint now) {
  SLUICE_CHECK_GT(request.prompt_tokens, 0u);
  if (taken_ == limits_.max_requests) return refuse_for_places(now);
  if (request.is_held_up) {
    ++refused_for_held_up_;
    return Error{ErrorCode::kOverloaded, "the queue of prompts to be tokenized is full", kRetryUnknown_ms};
  }
  // The sum cannot overflow: a queued prompt has at most as many tokens as a message has bytes.
  if (queued_tokens_ > 0 && queued_tokens_ + request.prompt_tokens > limits_.max_queued_prompt_tokens) {
    return refuse_for_tokens(request, now);
  }
  if (request.time_left) {
    const Duration wait = predicted_wait(request, now);
    if (wait > *request.time_left) return refuse_for_wait(wait, *request.time_left);
  }
  if (taken_ == 0) ends_.restart(now);
  if (queued_tokens_ == 0) {
    outputs_.restart(now);
    last_output_ = now;
    tokens_refused_since_output_ = 0;
  }
  ++taken_;
  queued_tokens_ += request.prompt_tokens;
  queued_of_priority_[request.priority] += request.prompt_tokens;
  return Place{request.prompt_tokens, request.priority, true};
}

void Admission::show_output(Place& place, TimePoint now) {
  if (!place.is_queued) return;
  leave_queue(place);
  outputs_.add(place.prompt_tokens, now);
  last_output_ = std::max(last_output_, now);
  tokens_refused_since_output_ = 0;
}

void Admission::leave_queue(Place& place) {
  if (!std::exchange(place.is_queued, false)) return;
  const auto of_priority = queued_of_priority_.find(place.priority);
  SLUICE_CHECK(of_priority != queued_of_priority_.end());
  SLUICE_CHECK_GE(of_priority->second, place.prompt_tokens);
  of_priority->second -= place.prompt_tokens;
  queued_tokens_ -= place.prompt_tokens;
  if (of_priority->second == 0) queued_of_priority_.erase(of_priority);
}

void Admission::give_back(Place& place, TimePoint now) {
  SLUICE_CHECK_GT(taken_, 0u);
  leave_queue(place);
  --taken_;
  refused_since_end_ = 0;
  ends_.add(1, now);
}

Duration Admission::predicted_wait(const AdmissionRequest& request, TimePoint now) {
  const std::uint64_t ahead = tokens_ahead_of(request.priority);
  if (ahead == 0) return Duration{0};
  // As long as nothing has come out, so long it may go on.
  const Duration standstill = std::max(Duration{0}, now - last_output_);
  const RecentRate::Reading rate = outputs_.read(now);
  if (rate.events < kEvidence) return standstill;
  return std::max(standstill, time_for(ahead + request.prompt_tokens, rate));
}

std::uint64_t Admission::tokens_ahead_of(std::int32_t priority) const {
  std::uint64_t ahead = 0;
  for (auto at = queued_of_priority_.lower_bound(priority); at != queued_of_priority_.end(); ++at) ahead += at->second;
  return ahead;
}

// The recent mean time between ends, times the number of those refused since the last one, so that they do not all come
// back for the one place.
Error Admission::refuse_for_places(TimePoint now) {
  ++refused_since_end_;
  const RecentRate::Reading rate = ends_.read(now);
  const std::uint32_t hint = rate.events == 0 ? kRetryUnknown_ms : hint_ms(to_ms(time_for(refused_since_end_, rate)));
  return {ErrorCode::kOverloaded, "all " + std::to_string(limits_.max_requests) + " places for requests are taken",
          hint};
}

// The time in which the excess, and what was refused for it since the last first output, will have become output.
Error Admission::refuse_for_tokens(const AdmissionRequest& request, TimePoint now) {
  ++refused_for_tokens_;
  const std::uint64_t excess = queued_tokens_ + request.prompt_tokens - limits_.max_queued_prompt_tokens;
  const std::uint64_t in_the_way = excess + tokens_refused_since_output_;
  tokens_refused_since_output_ += request.prompt_tokens;
  const RecentRate::Reading rate = outputs_.read(now);
  const std::uint32_t hint = rate.events == 0 ? kRetryUnknown_ms : hint_ms(to_ms(time_for(in_the_way, rate)));
  return {ErrorCode::kOverloaded,
          "about " + std::to_string(queued_tokens_) + " prompt tokens are queued, with this prompt's " +
              std::to_string(request.prompt_tokens) + " the limit of " +
              std::to_string(limits_.max_queued_prompt_tokens) + " is exceeded",
          hint};
}

// By the time that the hint names, as much will have left the queue as there is too much of.
Error Admission::refuse_for_wait(Duration wait, Duration time_left) {
  ++refused_for_wait_;
  const auto in_ms = [](Duration duration) { return std::to_string(std::llround(to_ms(duration))); };
  return {ErrorCode::kOverloaded,
          "the first token is expected in " + in_ms(wait) + " ms, the deadline is in " + in_ms(time_left) + " ms",
          hint_ms(to_ms(wait - time_left))};
}

}  // namespace sluice
