#include "load/replay/replay_run.h"

#include <doctest/doctest.h>

#include "load/replay/verify.h"
#include "tests/load/replay/recording_builder.h"

namespace sluice::load {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

TimePoint at_us(std::int64_t us) {
  return TimePoint{microseconds(us)};
}

constexpr ReplaySettings kTimed{};
constexpr ReplaySettings kFaithful{.is_faithful = true};
constexpr ReplaySettings kFastest{.is_fastest = true};

// A run, and the messages that it sends.
class Replayed {
 public:
  Replayed(RecordingBuilder& recording, const ReplaySettings& settings)
      : reader_(recording.reader()), script_(recording.script()), run_(script_, settings, TimePoint{}) {}

  // All that is due; the index of each step.
  std::vector<std::uint32_t> take(TimePoint now) {
    std::vector<std::uint32_t> steps;
    while (const auto step = run_.take_due(now)) steps.push_back(*step);
    return steps;
  }
  ClientMessage message(std::uint32_t step) {
    const auto recorded = reader_.read_message(script_.steps[step].offset);
    REQUIRE(recorded.has_value());
    return run_.adapted(step, transport::decode_client_frame(recorded->frame).value());
  }
  template <class T>
  T sent(std::uint32_t step) {
    return std::get<T>(message(step));
  }
  void hear(std::uint32_t connection, const ServerMessage& message, TimePoint now = {}) {
    run_.on_message(connection, message, now);
  }

  ReplayRun& run() { return run_; }
  const ReplayScript& script() const { return script_; }

 private:
  transport::RecordingReader reader_;
  ReplayScript script_;
  ReplayRun run_;
};

using Steps = std::vector<std::uint32_t>;

// Two connections: "a" runs to its end; "b" is cancelled after its second token.
RecordingBuilder two_requests() {
  RecordingBuilder recording;
  recording.greet(1000, 1, 1).greet(1000, 2, 2);
  recording.client(2000, 1, generate("a")).engine(2000, 1, Accepted{"a", 71});
  recording.client(2500, 2, generate("b")).engine(2500, 2, Accepted{"b", 72});
  recording.engine(3000, 1, tokens("a", 0, {1})).engine(3000, 1, finished("a", FinishReason::kStop, 1));
  recording.engine(3500, 2, tokens("b", 0, {1, 2})).client(4000, 2, Cancel{"b"});
  recording.engine(4000, 2, finished("b", FinishReason::kCancelled, 2));
  recording.client(9000, 1, generate("c")).engine(9000, 1, Accepted{"c", 73});
  recording.engine(9500, 1, finished("c", FinishReason::kStop, 0));
  return recording;
}

TEST_SUITE("load/replay/replay_run") {
  TEST_CASE("messages are due at their recorded times from the first on, scaled, whatever comes back") {
    RecordingBuilder recording = two_requests();
    Replayed replayed(recording, {.speed = 2});
    CHECK(replayed.take(at_us(0)) == Steps{0, 1});
    CHECK(replayed.run().next_timer() == at_us(500));
    CHECK(replayed.take(at_us(499)).empty());
    CHECK(replayed.take(at_us(500)) == Steps{2});
    CHECK(replayed.take(at_us(1500)) == Steps{3, 4});
    CHECK(replayed.take(at_us(4000)) == Steps{5});
    CHECK_FALSE(replayed.run().is_over(at_us(4000)));
    CHECK(replayed.run().is_over(at_us(4000) + seconds(30)));
  }

  TEST_CASE("what the engine drew is put in: seed, credit, session") {
    RecordingBuilder recording;
    recording.greet(0, 1, 1);
    recording.client(1, 1, generate("a")).engine(1, 1, Accepted{"a", 71});
    Generate with_seed = generate("s");
    with_seed.seed = 5;
    with_seed.credit_tokens = 3;
    recording.client(1, 1, with_seed).engine(1, 1, Accepted{"s", 5});
    recording.client(2, 2, Hello{.session = RecordingBuilder::token(1)}).engine(2, 2, RecordingBuilder::welcome(1));
    recording.client(3, 2, Attach{RecordingBuilder::token(1), "a", 4, 0}).engine(3, 2, Accepted{"a", 71});
    recording.client(4, 3, Hello{.session = RecordingBuilder::token(8)}).engine(4, 3, RecordingBuilder::welcome(8));
    recording.client(5, 4, Hello{.session = RecordingBuilder::token(9)});
    recording.engine(5, 4, failed("", ErrorCode::kNotFound));
    Replayed replayed(recording, kTimed);
    // The session of the second Hello is one that the first answer has named: it waits for that.
    CHECK(replayed.take(at_us(10)) == Steps{0, 1, 2, 5, 6});
    replayed.hear(1, RecordingBuilder::welcome(101));
    CHECK(replayed.take(at_us(10)) == Steps{3, 4});
    CHECK(replayed.sent<Generate>(1).seed == 71u);
    CHECK(replayed.sent<Generate>(1).credit_tokens == 32);
    CHECK(replayed.sent<Generate>(2).seed == 5u);
    CHECK(replayed.sent<Generate>(2).credit_tokens == 3);
    CHECK(replayed.sent<Hello>(3).session == RecordingBuilder::token(101));
    CHECK(replayed.sent<Attach>(4).session == RecordingBuilder::token(101));
    CHECK(replayed.sent<Attach>(4).credit_tokens == 36);
    CHECK_FALSE(replayed.sent<Hello>(5).session.has_value());
    CHECK(replayed.sent<Hello>(6).session == RecordingBuilder::token(9));
  }

  TEST_CASE("faithful: a cancel waits for the tokens that its client had seen, or for the end") {
    for (const bool ends_early : {false, true}) {
      RecordingBuilder recording = two_requests();
      Replayed replayed(recording, kFaithful);
      CHECK(replayed.take(at_us(20'000)) == Steps{0, 1});
      replayed.hear(1, RecordingBuilder::welcome(101));
      replayed.hear(2, RecordingBuilder::welcome(102));
      CHECK(replayed.take(at_us(20'000)) == Steps{2, 3, 5});
      replayed.hear(2, Accepted{"b", 72});
      replayed.hear(2, tokens("b", 0, {1}));
      CHECK(replayed.take(at_us(20'000)).empty());
      if (ends_early) {
        replayed.hear(2, finished("b", FinishReason::kStop, 1));
      } else {
        replayed.hear(2, tokens("b", 1, {2}));
      }
      CHECK(replayed.take(at_us(20'000)) == Steps{4});
    }
  }

  TEST_CASE("fastest: no times, but a request waits for as many ends as there had been") {
    RecordingBuilder recording = two_requests();
    Replayed replayed(recording, kFastest);
    CHECK(replayed.take({}) == Steps{0, 1});
    replayed.hear(1, RecordingBuilder::welcome(101));
    replayed.hear(2, RecordingBuilder::welcome(102));
    CHECK(replayed.take({}) == Steps{2, 3});
    replayed.hear(1, Accepted{"a", 71});
    replayed.hear(1, tokens("a", 0, {1}));
    replayed.hear(1, finished("a", FinishReason::kStop, 1));
    CHECK(replayed.take({}).empty());
    replayed.hear(2, Accepted{"b", 72});
    replayed.hear(2, tokens("b", 0, {1, 2, 3}));
    CHECK(replayed.take({}) == Steps{4});
    replayed.hear(2, finished("b", FinishReason::kCancelled, 3));
    CHECK(replayed.take({}) == Steps{5});
    replayed.hear(1, Accepted{"c", 73});
    CHECK_FALSE(replayed.run().is_done());
    replayed.hear(1, finished("c", FinishReason::kStop, 0));
    CHECK(replayed.run().is_done());
    const VerifyReport report = verify(replayed.script(), replayed.run().answers(), {});
    CHECK(report.equal == 2);
    CHECK(report.equal_so_far == 1);
    CHECK(report.is_proof());
  }

  TEST_CASE("faithful: what was accepted and is refused for want of room is sent again, with all its credit") {
    RecordingBuilder recording;
    recording.greet(0, 1, 1).client(1, 1, generate("a")).engine(1, 1, Accepted{"a", 71});
    recording.client(2, 1, Credit{"a", 90}).engine(3, 1, finished("a", FinishReason::kStop, 0));
    Replayed replayed(recording, kFaithful);
    replayed.take(at_us(0));
    replayed.hear(1, RecordingBuilder::welcome(101));
    CHECK(replayed.take(at_us(10)) == Steps{1});
    replayed.hear(1, failed("a", ErrorCode::kOverloaded, 50), at_us(10));
    CHECK(replayed.take(at_us(10)).empty());
    CHECK(replayed.run().next_timer() == at_us(10) + milliseconds(50));
    CHECK(replayed.take(at_us(10) + milliseconds(50)) == Steps{1});
    CHECK(replayed.run().resent() == 1);
    replayed.hear(1, Accepted{"a", 71});
    CHECK(replayed.take(at_us(10) + milliseconds(50)) == Steps{2});
    CHECK(replayed.sent<Credit>(2).up_to_index == 90);
    CHECK(replayed.sent<Generate>(1).credit_tokens == 90);
    replayed.hear(1, finished("a", FinishReason::kStop, 0));
    CHECK(replayed.run().is_done());
    // Without it the refusal is what came of it.
    Replayed timed(recording, kTimed);
    timed.take(at_us(10));
    timed.hear(1, failed("a", ErrorCode::kOverloaded, 50), at_us(10));
    CHECK(timed.run().answers()[0].failed.has_value());
    CHECK(timed.run().is_done());
  }

  TEST_CASE("a lost connection is closed, once what it had been given has come") {
    RecordingBuilder recording;
    recording.greet(0, 1, 1).client(1, 1, generate("a")).engine(1, 1, Accepted{"a", 71});
    recording.engine(2, 1, tokens("a", 0, {1, 2})).lost(3, 1);
    Replayed replayed(recording, kFaithful);
    replayed.take(at_us(0));
    replayed.hear(1, RecordingBuilder::welcome(101));
    CHECK(replayed.take(at_us(10)) == Steps{1});
    replayed.hear(1, Accepted{"a", 71});
    CHECK(replayed.take(at_us(10)).empty());
    replayed.hear(1, tokens("a", 0, {1, 2}));
    CHECK(replayed.take(at_us(10)) == Steps{2});
    CHECK(replayed.script().steps[2].is_close());
    CHECK(replayed.script().facts_of(replayed.script().requests[0]).is_abandoned);
    CHECK(replayed.run().is_done());
  }

  TEST_CASE("not faithful: a connection is closed at its time, and what was running there is not waited for") {
    RecordingBuilder recording;
    recording.greet(0, 1, 1).client(1, 1, generate("a")).engine(1, 1, Accepted{"a", 71});
    recording.engine(2, 1, finished("a", FinishReason::kStop, 0)).lost(3, 1);
    Replayed replayed(recording, kTimed);
    CHECK(replayed.take(at_us(2)) == Steps{0, 1});
    CHECK_FALSE(replayed.run().is_done());
    CHECK(replayed.take(at_us(3)) == Steps{2});
    CHECK(replayed.run().is_done());
  }

  TEST_CASE("an id that is used again is another request, a repetition while it runs is not") {
    RecordingBuilder recording;
    recording.greet(0, 1, 1);
    for (const TokenId token : {5, 6}) {
      recording.client(1, 1, generate("a")).engine(1, 1, Accepted{"a", 71}).engine(1, 1, tokens("a", 0, {1}));
      recording.client(2, 1, generate("a")).engine(2, 1, Accepted{"a", 71}).engine(2, 1, tokens("a", 0, {token}));
      recording.client(2, 1, generate("a")).engine(2, 1, failed("a", ErrorCode::kIdConflict));
      recording.engine(3, 1, finished("a", FinishReason::kStop, 1));
    }
    const ReplayScript script = recording.script();
    REQUIRE(script.requests.size() == 2);
    CHECK(script.requests[0].answer.tokens == std::vector<TokenId>{5});
    CHECK(script.requests[1].answer.tokens == std::vector<TokenId>{6});
    CHECK(script.requests[1].answer.conflicts == 1);
    Replayed replayed(recording, kFastest);
    replayed.take({});
    replayed.hear(1, RecordingBuilder::welcome(101));
    CHECK(replayed.take({}) == Steps{1});
    replayed.hear(1, Accepted{"a", 71});
    replayed.hear(1, tokens("a", 0, {1}));
    CHECK(replayed.take({}) == Steps{2, 3});
    replayed.hear(1, finished("a", FinishReason::kStop, 1));
    CHECK(replayed.take({}) == Steps{4});
  }

  TEST_CASE("a recording with gaps, strays and without clients' messages") {
    RecordingBuilder recording;
    recording.engine(0, 7, Accepted{"lost", 1}).gap(0, 5).greet(1, 1, 1).engine(2, 1, tokens("lost", 3, {1}));
    const ReplayScript script = recording.script();
    CHECK(script.stray_answers == 2);
    CHECK(script.lost_messages == 5);
    CHECK(script.steps.size() == 1);
    transport::RecordingEncoder encoder({7, 1, 1, false, true, "model", "stages"});
    encoder.begin();
    auto reader = transport::RecordingReader::open(std::make_unique<transport::MemorySource>(encoder.bytes())).value();
    const auto refused = read_script(reader);
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().code == ErrorCode::kInvalidRequest);
  }
}

}  // namespace
}  // namespace sluice::load
