#include "load/replay/verify.h"

#include <doctest/doctest.h>

#include "tests/load/replay/recording_builder.h"

namespace sluice::load {
namespace {

using Ids = std::vector<TokenId>;

Transcript answer_of(const Ids& ids, FinishReason reason) {
  Transcript answer;
  answer.add(Accepted{"a", 1});
  answer.add(tokens("a", 0, ids));
  answer.add(finished("a", reason, static_cast<std::uint32_t>(ids.size())));
  return answer;
}

Transcript failure_of(ErrorCode code, bool is_accepted = true, const Ids& ids = {}) {
  Transcript answer;
  if (is_accepted) answer.add(Accepted{"a", 1});
  if (!ids.empty()) answer.add(tokens("a", 0, ids));
  answer.add(failed("a", code));
  return answer;
}

constexpr RequestFacts kPlain{};
constexpr RequestFacts kCancelled{.is_cancelled = true};
constexpr RequestFacts kDeadline{.has_deadline = true};

Verdict verdict(const Transcript& recorded, const Transcript& replayed, const RequestFacts& facts = kPlain) {
  return compare(recorded, replayed, facts, {}).verdict;
}

std::string difference(const Transcript& recorded, const Transcript& replayed, double tolerance = 0) {
  return compare(recorded, replayed, kPlain, {tolerance}).difference;
}

TEST_SUITE("load/replay/verify") {
  const Transcript kStopped = answer_of({1, 2, 3}, FinishReason::kStop);

  TEST_CASE("the same tokens and end are equal, however the tokens were cut into messages") {
    Transcript pieces;
    pieces.add(Accepted{"a", 9});
    pieces.add(tokens("a", 0, {1}));
    pieces.add(tokens("a", 1, {2, 3}));
    pieces.add(finished("a", FinishReason::kStop, 3));
    CHECK(verdict(kStopped, pieces) == Verdict::kEqual);
  }

  TEST_CASE("the first difference is told: token, number, end, text") {
    CHECK(difference(kStopped, answer_of({1, 7, 3}, FinishReason::kStop)) == "token 1 is 7, recorded 2");
    CHECK(difference(kStopped, answer_of({1, 2}, FinishReason::kStop)) == "number of tokens is 2, recorded 3");
    CHECK(difference(kStopped, answer_of({1, 2, 3}, FinishReason::kLength)) ==
          "end is finished by length, recorded finished by stop");
    CHECK(difference(kStopped, failure_of(ErrorCode::kInternal)) ==
          "end is failed by internal, recorded finished by stop");
    CHECK(difference(kStopped, {}) == "end is none in time, recorded finished by stop");
    Transcript other = kStopped;
    other.text = "x";
    CHECK(difference(kStopped, other) == "text differs, although its tokens are equal");
    other = kStopped;
    other.finished->usage.prompt_tokens = 9;
    CHECK(difference(kStopped, other) == "count of prompt tokens is 9, recorded 0");
    other = kStopped;
    other.finished->usage.cached_tokens = 9;
    CHECK(verdict(kStopped, other) == Verdict::kEqual);
  }

  TEST_CASE("log-probabilities are equal to the bit, or within the tolerance") {
    Transcript one = kStopped;
    one.logprobs = {{-0.5f, {{4, -0.25f}}, 77}, {-1, {}, 0}, {-2, {}, 0}};
    one.finished->prompt_logprobs = {-3.0f};
    Transcript other = one;
    CHECK(difference(one, other).empty());
    other.logprobs[0].logprob = -0.50001f;
    CHECK(difference(one, other) == "log-probability of token 0 is -0.500010014, recorded -0.5");
    CHECK(difference(one, other, 1e-4).empty());
    other = one;
    other.logprobs[0].digest = 78;
    CHECK(difference(one, other) == "digest of the logits of token 0 is 78, recorded 77");
    CHECK(difference(one, other, 1e-4).empty());
    other = one;
    other.logprobs[0].top[0] = {5, -0.25f};
    CHECK(difference(one, other) == "id of alternative 0 of token 0 is 5, recorded 4");
    CHECK(difference(one, other, 1e-4).empty());
    other = one;
    other.finished->prompt_logprobs[0] = -4;
    CHECK(difference(one, other, 1e-4) == "log-probability of prompt token 1 is -4, recorded -3");
    other = one;
    other.logprobs.clear();
    CHECK(difference(one, other) == "having log-probabilities is 0, recorded 1");
  }

  TEST_CASE("where a cancel or deadline ended it, one is the beginning of the other, and both have an end") {
    const Transcript cut = answer_of({1, 2}, FinishReason::kCancelled);
    CHECK(verdict(cut, kStopped, kCancelled) == Verdict::kEqualSoFar);
    CHECK(verdict(kStopped, cut, kCancelled) == Verdict::kEqualSoFar);
    CHECK(verdict(cut, answer_of({}, FinishReason::kCancelled), kCancelled) == Verdict::kEqualSoFar);
    CHECK(verdict(cut, answer_of({1, 2, 3, 4}, FinishReason::kCancelled), kCancelled) == Verdict::kEqualSoFar);
    CHECK(verdict(cut, answer_of({1, 9}, FinishReason::kCancelled), kCancelled) == Verdict::kDifferent);
    CHECK(verdict(cut, {}, kCancelled) == Verdict::kDifferent);
    // Longer than what came to its own end; and an end that nobody asked for.
    CHECK(verdict(answer_of({1, 2, 3, 4}, FinishReason::kCancelled), kStopped, kCancelled) == Verdict::kDifferent);
    CHECK(verdict(kStopped, cut) == Verdict::kDifferent);
    const Transcript late = answer_of({1}, FinishReason::kDeadline);
    CHECK(verdict(late, kStopped, kDeadline) == Verdict::kEqualSoFar);
    CHECK(verdict(kStopped, failure_of(ErrorCode::kDeadlineExceeded), kDeadline) == Verdict::kEqualSoFar);
    CHECK(verdict(kStopped, failure_of(ErrorCode::kOverloaded, false), kDeadline) == Verdict::kEqualSoFar);
    CHECK(verdict(kStopped, failure_of(ErrorCode::kOverloaded, false)) == Verdict::kDifferent);
    // Neither was cut after all: then they are equal.
    CHECK(verdict(kStopped, kStopped, kDeadline) == Verdict::kEqual);
  }

  TEST_CASE("what the recording has no result for is not compared, its failures are") {
    CHECK(verdict(failure_of(ErrorCode::kOverloaded, false), kStopped) == Verdict::kNotCompared);
    CHECK(verdict(failure_of(ErrorCode::kNotFound, false), kStopped) == Verdict::kNotCompared);
    CHECK(verdict({}, kStopped) == Verdict::kNotCompared);
    const Transcript wrong = failure_of(ErrorCode::kInvalidRequest, false);
    CHECK(verdict(wrong, wrong) == Verdict::kEqual);
    CHECK(verdict(wrong, kStopped) == Verdict::kDifferent);
    CHECK(verdict(failure_of(ErrorCode::kStageLost, true, {1, 2}), kStopped) == Verdict::kEqualSoFar);
    CHECK(verdict(failure_of(ErrorCode::kStageLost, true, {1, 5}), kStopped) == Verdict::kDifferent);
  }

  TEST_CASE("an answer with a hole or without an end is compared as far as it goes") {
    Transcript hole;
    hole.add(Accepted{"a", 1});
    hole.add(tokens("a", 0, {1}));
    hole.add(tokens("a", 2, {3}));
    hole.add(finished("a", FinishReason::kStop, 3));
    CHECK(hole.has_hole);
    CHECK(verdict(hole, kStopped) == Verdict::kEqualSoFar);
    Transcript open;
    open.add(Accepted{"a", 1});
    open.add(tokens("a", 0, {1, 2}));
    CHECK(verdict(open, kStopped) == Verdict::kEqualSoFar);
    CHECK(verdict(open, answer_of({2}, FinishReason::kStop)) == Verdict::kDifferent);
  }

  TEST_CASE("a report names the first request that differs, without what could steer a terminal") {
    RecordingBuilder recording;
    recording.greet(0, 1, 1);
    for (const std::string id : {"a", "\x1b[2J", "c"}) {
      recording.client(1, 1, generate(id)).engine(1, 1, Accepted{id, 1}).engine(2, 1, tokens(id, 0, {5}));
      recording.engine(3, 1, finished(id, FinishReason::kStop, 1));
    }
    const ReplayScript script = recording.script();
    std::vector<Transcript> replayed;
    for (const RecordedRequest& request : script.requests) replayed.push_back(request.answer);
    CHECK(verify(script, replayed, {}).is_proof());
    replayed[1].tokens = {6};
    const VerifyReport report = verify(script, replayed, {});
    CHECK(report.equal == 2);
    CHECK(report.different == 1);
    CHECK_FALSE(report.is_proof());
    CHECK(report.first_difference == "connection 1, request '?[2J': token 0 is 6, recorded 5");
    CHECK_FALSE(VerifyReport{}.is_proof());
  }
}

}  // namespace
}  // namespace sluice::load
