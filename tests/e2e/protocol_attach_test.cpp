// Attach: other connections, other times; retries, conflicts, and requests whose clients are gone.
#include <doctest/doctest.h>

#include "base/clock.h"
#include "tests/e2e/conversation.h"

namespace sluice::test {
namespace {

constexpr std::uint32_t kLength = 40;

Generate endless(const std::string& id, std::uint32_t max_tokens = kLength) {
  Generate request = greedy(id, "Dorothy and the Scarecrow walked down the road", max_tokens);
  request.ignore_eos = true;
  request.credit_tokens = 1000;
  return request;
}

// The part of `whole` from `first` on, its text included.
void check_tail(const Answer& tail, const Answer& whole, std::size_t first) {
  REQUIRE(tail.finished.has_value());
  CHECK(tail.ids == std::vector<TokenId>(whole.ids.begin() + static_cast<long>(first), whole.ids.end()));
  CHECK(whole.text.ends_with(tail.text));
  CHECK(tail.finished->reason == whole.finished->reason);
  CHECK(tail.finished->usage == whole.finished->usage);
}

// Sends it until a place is free.
void generate_when_possible(Conversation& client, const Generate& request) {
  for (;;) {
    client.generate(request);
    const Attachment& answered = client.wait_for_answer(request.request_id);
    if (answered.accepted) return;
    REQUIRE(answered.answer.error->code == ErrorCode::kOverloaded);
    CHECK(answered.answer.error->retry_after_ms > 0);
  }
}

TEST_SUITE("e2e/protocol_attach") {
  TEST_CASE("a finished request is attached to from any index, by whoever has the session token") {
    EngineUnderTest engine({});
    Conversation owner(engine);
    owner.generate(endless("a"));
    const Answer whole = owner.wait_for_end("a").answer;
    const auto seed = owner.of("a").accepted->seed;
    Conversation stranger(engine);  // A session of its own.
    std::string text;
    for (const std::size_t from : {0u, 1u, 17u, 39u, 40u, 41u, 1000u}) {
      stranger.attach({owner.welcome().session, "a", from, 2000});
      const Attachment& late = stranger.wait_for_end("a");
      CHECK(late.accepted->seed == seed);
      if (from <= 40) check_tail(late.answer, whole, from);
      if (from > 40) CHECK(late.answer.ids.empty());
      if (from == 0) CHECK(late.answer.text == whole.text);
    }
    // The request is not in the stranger's own session.
    stranger.attach({stranger.welcome().session, "a"});
    CHECK(stranger.wait_for_end("a").answer.error->code == ErrorCode::kNotFound);
  }

  TEST_CASE("a running request is attached to in the middle, both attachments get the rest and one terminal each") {
    EngineUnderTest engine({});
    Conversation owner(engine);
    Generate request = endless("a");
    request.credit_tokens = 10;
    owner.generate(request);
    owner.wait_for_tokens("a", 10);
    Conversation other(engine, owner.welcome().session);
    other.attach({owner.welcome().session, "a", 5, 1000});
    const Answer tail = other.wait_for_end("a").answer;  // One of the two takes all: the other holds nobody up.
    CHECK(owner.of("a").answer.ids.size() == 10);
    owner.credit("a", 1000);
    const Answer whole = owner.wait_for_end("a").answer;
    CHECK(whole.ids.size() == kLength);
    check_tail(tail, whole, 5);
    owner.settle();
    other.settle();
  }

  TEST_CASE("attachments are paced by their own credit, also after the end") {
    EngineUnderTest engine({});
    Conversation owner(engine);
    owner.generate(endless("a"));
    const Answer whole = owner.wait_for_end("a").answer;
    owner.attach({owner.welcome().session, "a", 4, 6});
    owner.wait_for_tokens("a", 2);
    owner.settle();
    CHECK(owner.of("a").answer.ids.size() == 2);
    owner.credit("a", kLength);
    check_tail(owner.wait_for_end("a").answer, whole, 4);
  }

  TEST_CASE("attaching again on the same connection replaces the attachment: one terminal message for the two") {
    EngineUnderTest engine({});
    Conversation client(engine);
    Generate request = endless("a");
    request.credit_tokens = 6;
    client.generate(request);
    client.wait_for_tokens("a", 6);
    client.attach({client.welcome().session, "a", 2, 1000});
    const Answer tail = client.wait_for_end("a").answer;
    CHECK(tail.ids.size() == kLength - 2);
    client.settle();  // A second terminal message would fail here.
  }

  TEST_CASE("the same Generate again is the same request, running or ended, deadline, credit and grace may differ") {
    EngineUnderTest engine({});
    Conversation client(engine);
    Generate request = endless("a");
    request.seed.reset();
    request.sampling = SamplingParams{.temperature = 1.5f};
    request.credit_tokens = 5;
    client.generate(request);
    client.wait_for_tokens("a", 5);
    const Attachment first = client.of("a");
    request.credit_tokens = 1000;
    request.deadline_ms = 60'000;
    request.resume_grace_ms = 1000;
    client.retry(request);
    const Attachment running = client.wait_for_end("a");
    CHECK(running.accepted->seed == first.accepted->seed);  // Not drawn anew.
    REQUIRE(running.answer.ids.size() == kLength);
    CHECK(std::equal(first.answer.ids.begin(), first.answer.ids.end(), running.answer.ids.begin()));
    client.retry(request);
    const Attachment ended = client.wait_for_end("a");
    CHECK(ended.answer.ids == running.answer.ids);
    CHECK(ended.answer.text == running.answer.text);
  }

  TEST_CASE("the same id with another body: id_conflict, and the first request is not touched") {
    EngineUnderTest engine({});
    Conversation client(engine);
    Generate request = endless("a");
    request.credit_tokens = 5;
    client.generate(request);
    client.wait_for_tokens("a", 5);
    for (int i = 0; i < 4; ++i) {
      Generate other = request;
      if (i == 0) other.prompt.emplace<std::string>("Something else");
      if (i == 1) other.max_tokens = kLength + 1;
      if (i == 2) other.seed = 2;
      if (i == 3) other.stop = {"x"};
      client.generate(other);
    }
    client.settle();
    const auto refusals = client.take_refusals();
    REQUIRE(refusals.size() == 4);
    for (const Failed& refusal : refusals) {
      CHECK(refusal.request_id == "a");
      CHECK(refusal.error.code == ErrorCode::kIdConflict);
      CHECK(refusal.error.message == "request id a is in use for a different request");
    }
    client.credit("a", 1000);
    CHECK(client.wait_for_end("a").answer.ids.size() == kLength);
    // Another session has names of its own.
    Conversation other(engine);
    other.generate(endless("a", 7));
    CHECK(other.wait_for_end("a").answer.ids.size() == 7);
  }

  TEST_CASE("no grace: a closed connection cancels its requests, and their places are free again") {
    TopologyText topology;
    topology.max_requests = 2;
    EngineUnderTest engine(topology);
    Conversation gone(engine);
    const SessionToken session = gone.welcome().session;
    for (const char* id : {"a", "b"}) {
      Generate request = endless(id, 900);
      request.credit_tokens = 1;
      gone.generate(request);
      gone.wait_for_tokens(id, 1);
    }
    gone.close();
    Conversation next(engine, session);
    for (const char* id : {"c", "d"}) {
      Generate request = endless(id, 900);
      request.credit_tokens = 1;
      generate_when_possible(next, request);
    }
    // What they had come to is kept.
    next.attach({session, "a"});
    const Answer& answer = next.wait_for_end("a").answer;
    REQUIRE(answer.finished.has_value());
    CHECK(answer.finished->reason == FinishReason::kCancelled);
  }

  TEST_CASE("resume_grace_ms: the request outlives its connection, and is cancelled when the time is over") {
    TopologyText topology;
    topology.max_requests = 1;
    EngineUnderTest engine(topology);
    const SteadyClock clock;
    Conversation gone(engine);
    Generate request = endless("a", 900);
    request.credit_tokens = 1;
    request.resume_grace_ms = 300;
    gone.generate(request);
    gone.wait_for_tokens("a", 1);
    const TimePoint closed = clock.now();
    gone.close();
    Conversation next(engine);
    generate_when_possible(next, endless("b", 4));
    CHECK(clock.now() - closed >= std::chrono::milliseconds(300));
    CHECK(next.wait_for_end("b").answer.ids.size() == 4);
  }

  TEST_CASE("resume_grace_ms: attached again in time, a request goes on to the very tokens of an undisturbed one") {
    TopologyText topology;
    topology.client_window_tokens = 16;
    EngineUnderTest engine(topology);
    Conversation reference(engine);
    reference.generate(endless("whole", 200));
    const Answer whole = reference.wait_for_end("whole").answer;
    Generate request = endless("a", 200);
    request.credit_tokens = 3;
    request.resume_grace_ms = 600'000;
    SessionToken session;
    std::vector<TokenId> ids;
    std::string text;
    {
      Conversation first(engine);
      session = first.welcome().session;
      first.generate(request);
      first.wait_for_tokens("a", 3);
      ids = first.of("a").answer.ids;
      text = first.of("a").answer.text;
    }
    for (std::uint64_t credit = 20; ids.size() < 200; credit += 30) {
      Conversation again(engine, session);
      again.attach({session, "a", ids.size(), credit});
      const std::size_t wanted = std::min<std::size_t>(credit, 200) - ids.size();
      const Answer& answer = again.wait_for_tokens("a", wanted).answer;
      ids.insert(ids.end(), answer.ids.begin(), answer.ids.end());
      text += answer.text;
    }
    CHECK(ids == whole.ids);
    CHECK(text == whole.text);
  }

  TEST_CASE("a ninth attachment to one request is refused with a hint, the eight go on") {
    EngineUnderTest engine({});
    Conversation owner(engine);
    Generate request = endless("a");
    request.credit_tokens = 1;
    owner.generate(request);
    owner.wait_for_answer("a");
    std::vector<std::unique_ptr<Conversation>> others;
    for (int i = 0; i < 8; ++i) {
      others.push_back(std::make_unique<Conversation>(engine));
      others.back()->attach({owner.welcome().session, "a", 0, i < 7 ? 1000u : 1u});
      others.back()->wait_for_answer("a");
    }
    const auto refused = others.back()->of("a").answer.error;
    REQUIRE(refused.has_value());
    CHECK(refused->code == ErrorCode::kOverloaded);
    CHECK(refused->retry_after_ms > 0);
    others.pop_back();
    for (const auto& other : others) CHECK(other->wait_for_end("a").answer.ids.size() == kLength);
  }
}

}  // namespace
}  // namespace sluice::test
