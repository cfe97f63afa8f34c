#include "pipeline/request/admission.h"

#include <algorithm>

#include "base/check.h"

namespace sluice {

Admission::Admission(std::uint32_t max_requests) : max_requests_(max_requests) {
  SLUICE_CHECK_GT(max_requests, 0u);
}

bool Admission::take() {
  if (taken_ == max_requests_) return false;
  ++taken_;
  return true;
}

void Admission::give_back(TimePoint now) {
  SLUICE_CHECK_GT(taken_, 0u);
  --taken_;
  refused_ = 0;
  completions_[completed_ % kRecent] = now;
  ++completed_;
}

std::uint32_t Admission::refuse(TimePoint now) {
  ++refused_;
  if (completed_ == 0) return kRetryUnknown_ms;
  const std::uint64_t recent = std::min<std::uint64_t>(completed_, kRecent);
  const Duration span = std::max(Duration{0}, now - completions_[(completed_ - recent) % kRecent]);
  const auto span_ms = static_cast<double>(span.count()) * 1e-6;
  const double wait_ms = span_ms / static_cast<double>(recent) * static_cast<double>(refused_);
  return static_cast<std::uint32_t>(
      std::clamp(wait_ms, static_cast<double>(kRetryMin_ms), static_cast<double>(kRetryMax_ms)));
}

}  // namespace sluice
