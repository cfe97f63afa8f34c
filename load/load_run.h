// One run of load as a state machine without sockets: which requests are due, what each got, when it is over.
//
//   while (!run.is_over(now)) {
//     while (auto number = run.take_due(now)) ...send request `number`...   run.on_sent(*number, now);
//     for each message: if (auto credit = run.on_message(message, now)) ...send it...
//     ...wait for messages, at most until run.next_timer()...
//   }
//   run.finish(now);
//
// Open loop: requests are due at the times of the arrivals, whatever the engine does. Closed loop: a number of callers
// of whom each asks again as soon as its last request has ended (after a refusal: once its retry_after_ms has passed);
// it slows down with the engine, so it measures throughput, not what users see under load.
// Owns: requests in flight (at most in_flight_max) and outcomes. Confined: one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <queue>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/messages/client.h"
#include "load/arrivals.h"
#include "load/outcomes.h"

namespace sluice::load {

struct RunLimits {
  std::uint64_t requests_max = 1'000'000;
  Duration duration = std::chrono::seconds(10);  // Of the sending.
  Duration drain = std::chrono::seconds(30);     // How long outcomes are waited for after it.
  std::size_t in_flight_max = 65'536;            // What arrives beyond counts as `unsent`.
};

class LoadRun {
 public:
  // `client_window_tokens` as in Welcome: credits are granted like those of an attentive client, half a window after
  // half a window.
  static LoadRun open_loop(const RunLimits& limits, Arrivals arrivals, std::uint64_t client_window_tokens,
                           TimePoint start);
  static LoadRun closed_loop(const RunLimits& limits, std::size_t callers, std::uint64_t client_window_tokens,
                             TimePoint start);

  // Finished answers must have the tokens of base/mock_model.h. Received tokens are kept for that until their request
  // ends. Call before the first message.
  void expect_mock(std::uint32_t vocab_size) { mock_vocab_size_ = vocab_size; }

  // The next request that is to be sent at `now`: its number, counting from 0. It is in flight from here on.
  std::optional<std::uint64_t> take_due(TimePoint now);
  void on_sent(std::uint64_t number, TimePoint now);
  // It could not be sent at all, or its connection was lost.
  void on_failed(std::uint64_t number, const Error& error, TimePoint now);
  // A message of the engine; the credit that it asks for.
  std::optional<Credit> on_message(const ServerMessage& message, TimePoint now);

  // Nothing is due any more.
  void stop_sending(TimePoint now);
  // Nothing is due any more, and all have their outcome or the drain time is over.
  bool is_over(TimePoint now) const;
  // When take_due() or is_over() may answer otherwise without a message.
  TimePoint next_timer() const;
  // Those in flight have timed out. Call once, at the end.
  void finish(TimePoint now);

  const Outcomes& outcomes() const { return outcomes_; }
  std::size_t in_flight() const { return in_flight_.size(); }
  // Numbers of those in flight for which `which` holds, in order.
  std::vector<std::uint64_t> in_flight_where(const std::function<bool(std::uint64_t)>& which) const;
  // From the start to the end of the sending or the engine's last terminal message, whichever is later: what rates
  // refer to. Until the sending ends: to `now`.
  Duration elapsed(TimePoint now) const;

 private:
  struct InFlight {
    TimePoint intended;
    std::uint64_t granted = 0;
    std::uint64_t tokens = 0;
    std::optional<TimePoint> last_piece;
    std::uint64_t seed = 0;          // Once accepted.
    std::vector<TokenId> token_ids;  // Of the output, where a mock is expected.
    bool is_sent = false;
    bool is_accepted = false;
  };
  using Entry = std::unordered_map<std::uint64_t, InFlight>::iterator;
  using CallerTimes = std::priority_queue<TimePoint, std::vector<TimePoint>, std::greater<>>;

  LoadRun(const RunLimits& limits, TimePoint start, std::uint64_t window)
      : limits_(limits), start_(start), window_(window) {}

  bool may_send(TimePoint now) const;
  std::optional<TimePoint> intended_next() const;
  void drop_next();
  std::optional<Credit> on_tokens(InFlight& request, const Tokens& tokens, TimePoint now);
  void verify(const InFlight& request, const Finished& finished);
  void on_finished(Entry entry, const Finished& finished, TimePoint now);
  void on_failure(Entry entry, const Error& error, TimePoint now);
  void end(Entry entry, TimePoint now, Duration pause);
  Entry find(const std::string& request_id);

  RunLimits limits_;
  TimePoint start_;
  std::uint64_t window_ = 0;
  std::optional<std::uint32_t> mock_vocab_size_;
  std::optional<Arrivals> arrivals_;      // Absent: closed loop.
  std::optional<Duration> next_arrival_;  // Open loop.
  CallerTimes callers_;                   // Closed loop: when each idle caller asks again.
  std::unordered_map<std::uint64_t, InFlight> in_flight_;
  std::optional<TimePoint> sending_ended_;
  TimePoint last_end_{};
  Outcomes outcomes_;
};

}  // namespace sluice::load
