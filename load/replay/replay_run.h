// One replay as a state machine without sockets: which recorded message is due on which connection, what has to be put
// into it, what came back.
//
//   while (!run.is_over(now)) {
//     while (auto step = run.take_due(now)) ...send run.adapted(*step, message at its place in the file), or close...
//     for each message of the engine: run.on_message(connection, message, now);
//     ...wait for messages, at most until run.next_timer()...
//   }
//
// A step waits for its time, for the steps before it on its connection, for the sessions it names, and, where the
// replay is faithful, for what its client had seen. With `is_fastest` there is no time, and a Generate or Attach also
// waits until as many requests have ended as had then.
// Owns: the answers, as large as the recorded ones. Confined: one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/messages/client.h"
#include "load/replay/script.h"

namespace sluice::load {

struct ReplaySettings {
  double speed = 1;         // So many times as fast.
  bool is_fastest = false;  // No times at all.
  // Steps wait for what their clients had seen, and a request that is refused for want of room is sent again: so that
  // outcomes can be compared. Without it the engine gets the load that was recorded. Implied by is_fastest.
  bool is_faithful = false;
  Duration timeout = std::chrono::seconds(30);  // Without news, although some are awaited.
};

class ReplayRun {
 public:
  // The script outlives the run.
  ReplayRun(const ReplayScript& script, const ReplaySettings& settings, TimePoint start);

  // The next step to be carried out: its index in the script. It counts as done from here on.
  std::optional<std::uint32_t> take_due(TimePoint now);
  // The recorded message of a step with what this engine has drawn in place of what the recorded one had.
  ClientMessage adapted(std::uint32_t step, ClientMessage recorded);
  void on_message(std::uint32_t connection, const ServerMessage& message, TimePoint now);

  bool is_over(TimePoint now) const { return is_done() || now >= gives_up_at(); }
  // All was sent, and all that has an end in the recording has one here.
  bool is_done() const { return steps_left_ == 0 && resends_.empty() && awaited_ == 0; }
  TimePoint next_timer() const;

  const std::vector<Transcript>& answers() const { return answers_; }
  std::uint64_t steps_left() const { return steps_left_; }
  std::uint64_t resent() const { return resent_; }
  std::size_t ended() const { return ended_; }

 private:
  struct Connection {
    std::vector<std::uint32_t> steps;
    std::size_t next = 0;
    std::uint32_t hellos = 0;
    std::uint32_t greetings = 0;
    std::unordered_map<std::string, std::uint32_t> requests;  // By id: those asked for last.
  };
  struct Resend {
    TimePoint time;
    std::uint32_t step = 0;
  };

  bool waits_for_what_was_seen() const { return settings_.is_faithful || settings_.is_fastest; }
  TimePoint due_at(const ReplayStep& step) const;
  bool may_send(const ReplayStep& step, const Connection& connection) const;
  bool has_seen(const Seen& seen) const;
  bool is_awaited(std::uint32_t request) const;
  void take(const ReplayStep& step, Connection& connection);
  void abandon(Connection& connection);
  SessionToken session_here(const SessionToken& recorded) const;
  void note_greeting(std::uint32_t number, Connection& connection, const Welcome* welcome);
  bool resend_later(std::uint32_t request, const Failed& failed, TimePoint now);
  TimePoint gives_up_at() const;

  const ReplayScript& script_;
  const ReplaySettings settings_;
  const TimePoint start_;
  std::uint64_t first_us_ = 0;
  std::map<std::uint32_t, Connection> connections_;
  std::vector<Transcript> answers_;
  std::vector<std::uint64_t> credits_;             // The most that was granted, by request.
  std::map<SessionToken, SessionToken> sessions_;  // The recorded one's name here.
  std::deque<Resend> resends_;
  std::vector<bool> is_asked_;  // By request.
  std::uint64_t steps_left_ = 0;
  std::uint64_t awaited_ = 0;  // Requests that were asked for and have an end to come.
  std::uint64_t resent_ = 0;
  std::size_t ended_ = 0;
  TimePoint last_news_;
};

}  // namespace sluice::load
