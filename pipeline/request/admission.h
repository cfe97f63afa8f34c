// Admission: whether a request is taken, and what those are told that are not. The one function that says so is
// admit(); docs/decisions/0013 gives the reasons.
//
// A request is refused, in this order, when all places are taken; when the queue to the tokenizer is full; when the
// prompt tokens that are queued, with its own, exceed their limit; when its first token is predicted for a time after
// its deadline.
//
// Queued are the prompts of requests that have neither shown output nor ended, unless nobody is left to take it. The
// predicted wait is (prompt tokens queued with the same or a higher priority + own) / (prompt tokens that came to their
// first output per second), measured since the queue was last empty: an idle engine refuses nobody, and what an
// overload that is over has measured is forgotten. Ageing, by which lower priorities overtake, is left out.
//
// Owns: the count of taken places, the queued prompt tokens, the recent rates of first outputs and of ends.
// Confined: the ingress actor, inside its Ledger.
// Units: tokens; milliseconds for hints.
// Errors: kOverloaded with a hint of kRetryMin_ms to kRetryMax_ms.
// Invariant: 0 <= taken() <= max_requests; without taken places nothing is queued.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "base/clock.h"
#include "base/error.h"
#include "pipeline/request/recent_rate.h"

namespace sluice {

struct AdmissionLimits {
  std::uint32_t max_requests = 256;            // 1 or more.
  std::uint64_t max_queued_prompt_tokens = 0;  // 0: kPromptTokensPerRequest for each of max_requests.
};

// What is known of a request at the door.
struct AdmissionRequest {
  std::uint64_t prompt_tokens = 1;  // 1 or more.
  std::int32_t priority = 0;
  std::optional<Duration> time_left;  // Until its deadline.
  bool is_held_up = false;            // The queue to the tokenizer is full.
};

class Admission {
 public:
  static constexpr std::uint32_t kRetryMin_ms = 50;
  static constexpr std::uint32_t kRetryMax_ms = 30'000;
  static constexpr std::uint32_t kRetryUnknown_ms = 1'000;  // Where nothing has been measured.
  static constexpr std::uint64_t kPromptTokensPerRequest = 4096;
  static constexpr std::uint64_t kEvidence = 4;  // First outputs, before a rate is believed.

  // One request's share of what is counted here; goes back with give_back().
  struct Place {
    std::uint64_t prompt_tokens = 0;
    std::int32_t priority = 0;
    bool is_queued = false;
  };

  explicit Admission(AdmissionLimits limits);

  Result<Place> admit(const AdmissionRequest& request, TimePoint now);

  // The request's first output; later calls change nothing.
  void show_output(Place& place, TimePoint now);
  // Nobody is left to take its output: it is not queued any more.
  void leave_queue(Place& place);
  // The request has ended. Once.
  void give_back(Place& place, TimePoint now);

  // How long a request that came now would wait for its first token, as far as anything is known.
  Duration predicted_wait(const AdmissionRequest& request, TimePoint now);

  std::uint32_t taken() const { return taken_; }
  std::uint64_t queued_prompt_tokens() const { return queued_tokens_; }
  std::uint64_t max_queued_prompt_tokens() const { return limits_.max_queued_prompt_tokens; }
  // Of all refusals.
  std::uint64_t refused_for_tokens() const { return refused_for_tokens_; }
  std::uint64_t refused_for_wait() const { return refused_for_wait_; }
  std::uint64_t refused_for_held_up() const { return refused_for_held_up_; }

 private:
  Error refuse_for_places(TimePoint now);
  Error refuse_for_tokens(const AdmissionRequest& request, TimePoint now);
  Error refuse_for_wait(Duration wait, Duration time_left);
  std::uint64_t tokens_ahead_of(std::int32_t priority) const;

  AdmissionLimits limits_;
  std::uint32_t taken_ = 0;
  std::uint64_t queued_tokens_ = 0;
  std::map<std::int32_t, std::uint64_t> queued_of_priority_;  // Without zeros; adds up to queued_tokens_.
  RecentRate ends_;                                           // Restarts with the first place taken.
  RecentRate outputs_;       // First outputs, by prompt tokens. Restarts with the first prompt queued.
  TimePoint last_output_{};  // Or when the queue was last empty.
  std::uint64_t refused_since_end_ = 0;
  std::uint64_t tokens_refused_since_output_ = 0;
  std::uint64_t refused_for_tokens_ = 0;
  std::uint64_t refused_for_wait_ = 0;
  std::uint64_t refused_for_held_up_ = 0;
};

}  // namespace sluice
