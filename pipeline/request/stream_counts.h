// What the stream table counts for metrics beside StreamTableStats: outcomes and latencies. A plain value.
//
// Latencies begin when the stream is opened, which is when the ingress admitted the request, and are taken when tokens
// and ends come in, so that no client can change them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <variant>

#include "base/clock.h"
#include "base/error_counts.h"
#include "base/histogram.h"
#include "base/messages/client.h"

namespace sluice {

// What is remembered of one running stream.
struct StreamTiming {
  TimePoint opened_at;
  std::optional<TimePoint> last_tokens_at;
  bool was_paused = false;  // Since the last tokens: what follows says nothing about the engine.
};

struct StreamCounts {
  static constexpr std::size_t kReasons = 4;

  std::array<std::uint64_t, kReasons> finished_total{};  // By FinishReason.
  ErrorCounts failed_total;
  TimeHistogram first_token_us;
  TimeHistogram between_tokens_us;
  TimeHistogram request_us;  // Of those that ended with stop or length.

  void add_tokens(StreamTiming& timing, std::uint64_t count, TimePoint now) {
    if (count == 0) return;
    if (!timing.last_tokens_at) {
      first_token_us.add(whole_us(now - timing.opened_at));
      if (count > 1) between_tokens_us.add(0, count - 1);
    } else if (!timing.was_paused) {
      between_tokens_us.add(whole_us(now - *timing.last_tokens_at) / count, count);
    }
    timing.last_tokens_at = now;
    timing.was_paused = false;
  }

  void add_end(const StreamTiming& timing, const std::variant<FinishReason, Error>& outcome, TimePoint now) {
    if (const auto* error = std::get_if<Error>(&outcome)) {
      failed_total.add(error->code);
      return;
    }
    const FinishReason reason = std::get<FinishReason>(outcome);
    ++finished_total[static_cast<std::size_t>(reason) % kReasons];
    if (reason == FinishReason::kStop || reason == FinishReason::kLength) {
      request_us.add(whole_us(now - timing.opened_at));
    }
  }

  friend bool operator==(const StreamCounts&, const StreamCounts&) = default;
};

}  // namespace sluice
