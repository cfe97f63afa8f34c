// What became of the offered requests: one count per outcome, and the latencies, all from the INTENDED time of sending.
//
// A request that a busy engine, a full queue or a late generator held back is counted with the time that it was held
// back: what a user who came at that moment would have waited (no coordinated omission).
// Invariant at the end of a run: offered = finished + refused + failed + timed_out + unsent, and no violation.
#pragma once

#include <array>
#include <cstdint>
#include <map>

#include "base/error.h"
#include "base/messages/client.h"
#include "load/latency_histogram.h"

namespace sluice::load {

struct Outcomes {
  std::uint64_t offered = 0;  // Arrived by the schedule, whatever became of them.
  std::uint64_t sent = 0;     // Handed to a connection.
  std::uint64_t accepted = 0;

  // Outcomes, of which each request has exactly one.
  std::array<std::uint64_t, 4> finished{};    // By FinishReason.
  std::uint64_t refused = 0;                  // Failed{overloaded} without Accepted: the engine's door was closed.
  std::map<ErrorCode, std::uint64_t> failed;  // Every other Failed; transport_lost also where the connection went.
  std::uint64_t timed_out = 0;                // Without a terminal message when the run ended.
  std::uint64_t unsent = 0;                   // More were in flight than this program tracks.

  // Messages against the protocol: a second terminal message, tokens that do not follow on, ids that nobody sent.
  std::uint64_t violations = 0;

  // With LoadRun::expect_mock(): finished answers that were compared, and those with another token or too few. The
  // latter are violations too.
  std::uint64_t verified = 0;
  std::uint64_t wrong_answers = 0;

  std::uint64_t output_tokens = 0;  // Received, of all requests.
  // Goodput: of requests that finished for `stop` or `length`.
  std::uint64_t good_requests = 0;
  std::uint64_t good_output_tokens = 0;

  LatencyHistogram first_token;     // Intended time to the first piece of output with a token.
  LatencyHistogram between_tokens;  // From piece to piece of one request; a piece may have several tokens.
  LatencyHistogram end_to_end;      // Intended time to Finished{stop or length}.
  LatencyHistogram refusal;         // Intended time to the refusal.
  LatencyHistogram send_lag;        // Intended time to the sending: how true to its schedule this program was.

  std::uint64_t finished_total() const;
  std::uint64_t failed_total() const;
  // Of all outcomes.
  std::uint64_t total() const { return finished_total() + refused + failed_total() + timed_out + unsent; }
};

}  // namespace sluice::load
