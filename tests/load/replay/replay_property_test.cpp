// Random conversations, recorded and replayed against an engine that says exactly the same: nothing ever waits for what
// comes later, and nothing differs.
#include <doctest/doctest.h>

#include <map>
#include <utility>
#include <variant>
#include <vector>

#include "base/random.h"
#include "load/replay/replay_run.h"
#include "load/replay/verify.h"
#include "tests/load/replay/recording_builder.h"

namespace sluice::load {
namespace {

struct Lost {};

struct Event {
  std::uint32_t connection = 0;
  std::variant<ClientMessage, ServerMessage, Lost> what;
};

// Clients and an engine that keep to the protocol.
class RandomConversation {
 public:
  explicit RandomConversation(std::uint64_t seed) : random_(seed) {}

  std::vector<Event> run(int num_actions) {
    connect();
    for (int i = 0; i < num_actions; ++i) act();
    return std::move(events_);
  }

 private:
  struct Connection {
    std::uint8_t session = 0;
    std::map<std::string, std::uint32_t> running;  // Tokens so far.
  };

  void say(std::uint32_t number, const ClientMessage& message) { events_.push_back({number, message}); }
  void answer(std::uint32_t number, const ServerMessage& message) { events_.push_back({number, message}); }
  bool is_one_in(std::uint64_t count) { return random_.below(count) == 0; }

  void connect() {
    const bool is_resuming = last_session_ > 0 && is_one_in(2);
    const auto session =
        static_cast<std::uint8_t>(is_resuming ? 1 + random_.below(last_session_) : std::uint64_t{++last_session_});
    Hello hello;
    if (is_resuming) hello.session = RecordingBuilder::token(session);
    say(++last_connection_, hello);
    answer(last_connection_, RecordingBuilder::welcome(session));
    connections_[last_connection_].session = session;
  }

  void act() {
    if (connections_.empty() || (connections_.size() < 4 && is_one_in(10))) return connect();
    auto at = connections_.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(random_.below(connections_.size())));
    const std::uint32_t number = at->first;
    Connection& connection = at->second;
    if (is_one_in(20)) {
      events_.push_back({number, Lost{}});
      connections_.erase(at);
      return;
    }
    const std::string id(1, static_cast<char>('a' + random_.below(3)));
    const auto running = connection.running.find(id);
    if (running == connection.running.end()) return ask(number, connection, id);
    switch (random_.below(8)) {
      case 0: say(number, Cancel{id}); break;
      case 1: say(number, Credit{id, random_.below(100)}); break;
      case 2: ask(number, connection, id); break;
      case 3:
        answer(number, finished(id, is_one_in(2) ? FinishReason::kStop : FinishReason::kLength, running->second));
        connection.running.erase(running);
        break;
      default: answer(number, tokens(id, running->second, {static_cast<TokenId>(running->second)})); ++running->second;
    }
  }

  void ask(std::uint32_t number, Connection& connection, const std::string& id) {
    if (is_one_in(3)) {
      const auto session = static_cast<std::uint8_t>(1 + random_.below(last_session_));
      say(number, Attach{RecordingBuilder::token(session), id, 0, 0});
    } else {
      say(number, generate(id));
    }
    if (!connection.running.contains(id) && is_one_in(8)) {
      answer(number, failed(id, ErrorCode::kInvalidRequest));
      return;
    }
    answer(number, Accepted{id, 5});
    connection.running[id] = 0;
  }

  SplitMix64 random_;
  std::vector<Event> events_;
  std::map<std::uint32_t, Connection> connections_;
  std::uint32_t last_connection_ = 0;
  std::uint8_t last_session_ = 0;
};

RecordingBuilder record(const std::vector<Event>& events) {
  RecordingBuilder recording;
  std::uint64_t time_us = 0;
  for (const Event& event : events) {
    ++time_us;
    if (const auto* client = std::get_if<ClientMessage>(&event.what)) {
      recording.client(time_us, event.connection, *client);
    } else if (const auto* engine = std::get_if<ServerMessage>(&event.what)) {
      recording.engine(time_us, event.connection, *engine);
    } else {
      recording.lost(time_us, event.connection);
    }
  }
  return recording;
}

// The engine says what it said, but for its sessions, once all has been sent that came before it.
VerifyReport replay(const std::vector<Event>& events, const ReplaySettings& settings) {
  const ReplayScript script = record(events).script();
  ReplayRun run(script, settings, TimePoint{});
  const TimePoint late{std::chrono::hours(1)};
  std::size_t num_taken = 0;
  std::size_t num_due = 0;
  for (const Event& event : events) {
    while (run.take_due(late)) ++num_taken;
    const auto* answer = std::get_if<ServerMessage>(&event.what);
    if (answer == nullptr) {
      REQUIRE(num_taken >= ++num_due);
    } else if (const auto* welcome = std::get_if<Welcome>(answer)) {
      Welcome other = *welcome;
      for (std::uint8_t& byte : other.session.bytes) byte = static_cast<std::uint8_t>(byte + 100);
      run.on_message(event.connection, other, late);
    } else {
      run.on_message(event.connection, *answer, late);
    }
  }
  CHECK(run.is_done());
  CHECK(run.resent() == 0);
  const VerifyReport report = verify(script, run.answers(), {});
  CAPTURE(report.first_difference);
  CHECK(report.different == 0);
  return report;
}

TEST_SUITE("load/replay/property") {
  TEST_CASE("an engine that says the same: no step waits for what comes later, and nothing differs, 500 seeds") {
    std::uint64_t equal = 0;
    for (std::uint64_t seed = 0; seed < 500; ++seed) {
      CAPTURE(seed);
      const std::vector<Event> events = RandomConversation(seed).run(120);
      equal += replay(events, {.is_faithful = true}).equal;
      equal += replay(events, {.is_fastest = true}).equal;
    }
    CHECK(equal > 1000);
  }
}

}  // namespace
}  // namespace sluice::load
