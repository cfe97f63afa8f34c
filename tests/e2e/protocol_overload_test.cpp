// Overload: what is refused is refused at once, with a hint, and costs nobody else anything.
#include <doctest/doctest.h>
#include <signal.h>

#include "tests/e2e/conversation.h"

namespace sluice::test {
namespace {

Generate held(const std::string& id) {
  Generate request = greedy(id, "The old fisherman lived by the sea", 900);
  request.ignore_eos = true;
  request.credit_tokens = 1;
  return request;
}

Generate of_tokens(const std::string& id, std::size_t prompt_tokens, std::uint32_t deadline_ms = 0) {
  std::vector<TokenId> ids(prompt_tokens);
  for (std::size_t i = 0; i < prompt_tokens; ++i) ids[i] = static_cast<TokenId>(100 + i % 500);
  Generate request = greedy(id, ids, 4);
  request.deadline_ms = deadline_ms;
  return request;
}

// An engine whose second stage stops when told to: then no first token comes, and prompts stay queued.
struct StoppableEngine {
  explicit StoppableEngine(std::uint64_t max_queued_prompt_tokens) : engine(topology(max_queued_prompt_tokens)) {
    stage = only_child_of(engine.program().pid());
  }
  ~StoppableEngine() { resume(); }
  StoppableEngine(const StoppableEngine&) = delete;
  StoppableEngine& operator=(const StoppableEngine&) = delete;

  static TopologyText topology(std::uint64_t max_queued_prompt_tokens) {
    TopologyText topology;
    topology.stages = {{"0-2", "head/cpu:0"}, {"3-5", "spawn/cpu:0"}};
    topology.max_queued_prompt_tokens = max_queued_prompt_tokens;
    topology.link_timeout_ms = 600'000;  // Who is stopped is not lost.
    return topology;
  }
  void stop() const { REQUIRE(kill(stage, SIGSTOP) == 0); }
  void resume() const { kill(stage, SIGCONT); }

  EngineUnderTest engine;
  pid_t stage = -1;
};

TEST_SUITE("e2e/protocol_overload") {
  TEST_CASE("prompt tokens are queued up to their limit: more are refused, and taken when output has come") {
    const StoppableEngine stoppable(500);
    Conversation client(stoppable.engine);
    client.generate(of_tokens("reference", 300));
    const std::vector<TokenId> expected = client.wait_for_end("reference").answer.ids;
    stoppable.stop();
    client.generate(of_tokens("a", 300));
    client.generate(of_tokens("b", 200));
    client.wait_for_answer("b");
    for (int i = 0; i < 10; ++i) {
      const std::string id = "refused-" + std::to_string(i);
      client.generate(of_tokens(id, 10));
      const Answer& refused = client.wait_for_end(id).answer;
      REQUIRE(refused.error.has_value());
      CHECK(refused.error->code == ErrorCode::kOverloaded);
      CHECK(refused.error->message ==
            "about 500 prompt tokens are queued, with this prompt's 10 the limit of 500 is exceeded");
      CHECK(refused.error->retry_after_ms > 0);
    }
    stoppable.resume();
    CHECK(client.wait_for_end("a").answer.ids == expected);
    CHECK(client.wait_for_end("b").answer.finished.has_value());
    client.generate(of_tokens("refused-0", 600));  // Alone, any length is taken.
    CHECK(client.wait_for_end("refused-0").answer.finished.has_value());
  }

  TEST_CASE("a deadline that the queue ahead cannot meet is refused at once, one that can be met is served") {
    const StoppableEngine stoppable(0);
    Conversation client(stoppable.engine);
    client.generate(of_tokens("reference", 20));
    const std::vector<TokenId> expected = client.wait_for_end("reference").answer.ids;
    stoppable.stop();
    client.generate(of_tokens("ahead", 20));
    client.wait_for_answer("ahead");
    // As soon as nothing has come for longer than a millisecond, that is what is to be expected.
    for (int i = 0;; ++i) {
      const std::string id = "urgent-" + std::to_string(i);
      client.generate(of_tokens(id, 20, 1));
      const Attachment& urgent = client.wait_for_end(id);
      REQUIRE(urgent.answer.error.has_value());
      if (urgent.accepted) {
        CHECK(urgent.answer.error->code == ErrorCode::kDeadlineExceeded);
        continue;
      }
      CHECK(urgent.answer.error->code == ErrorCode::kOverloaded);
      CHECK(urgent.answer.error->message.starts_with("the first token is expected in "));
      CHECK(urgent.answer.error->retry_after_ms > 0);
      break;
    }
    client.generate(of_tokens("patient", 20, 600'000));
    CHECK(client.wait_for_answer("patient").accepted.has_value());
    stoppable.resume();
    CHECK(client.wait_for_end("ahead").answer.ids == expected);
    CHECK(client.wait_for_end("patient").answer.ids == expected);
    client.generate(of_tokens("later", 20, 600'000));
    CHECK(client.wait_for_end("later").answer.ids == expected);
  }

  TEST_CASE("max_requests are in flight: the next is refused at once, and accepted when one has ended") {
    TopologyText topology;
    topology.max_requests = 3;
    EngineUnderTest engine(topology);
    Conversation client(engine);
    for (const char* id : {"a", "b", "c"}) {
      client.generate(held(id));
      client.wait_for_tokens(id, 1);
    }
    Conversation other(engine);
    for (int i = 0; i < 10; ++i) {
      const std::string id = "refused-" + std::to_string(i);
      other.generate(held(id));
      const Attachment& refused = other.wait_for_end(id);
      CHECK_FALSE(refused.accepted.has_value());
      REQUIRE(refused.answer.error.has_value());
      CHECK(refused.answer.error->code == ErrorCode::kOverloaded);
      CHECK(refused.answer.error->message == "all 3 places for requests are taken");
      CHECK(refused.answer.error->retry_after_ms > 0);
    }
    client.cancel("b");
    client.wait_for_end("b");
    other.generate(held("refused-0"));  // The id of a refused request is free.
    CHECK(other.wait_for_tokens("refused-0", 1).accepted.has_value());
    client.generate(held("d"));
    CHECK(client.wait_for_end("d").answer.error->code == ErrorCode::kOverloaded);
  }

  TEST_CASE("one place: requests one after the other never meet their own predecessor") {
    TopologyText topology;
    topology.max_requests = 1;
    EngineUnderTest engine(topology);
    Conversation client(engine);
    for (int i = 0; i < 200; ++i) {
      const std::string id = "request-" + std::to_string(i);
      client.generate(greedy(id, "Once", 2));
      const Answer& answer = client.wait_for_end(id).answer;
      CAPTURE(i);
      REQUIRE(answer.finished.has_value());
    }
  }

  TEST_CASE("attached and kept requests need no place") {
    TopologyText topology;
    topology.max_requests = 1;
    EngineUnderTest engine(topology);
    Conversation client(engine);
    client.generate(greedy("done", "Once", 4));
    const Answer done = client.wait_for_end("done").answer;
    client.generate(held("holds"));
    client.wait_for_tokens("holds", 1);
    client.attach({client.welcome().session, "done"});
    CHECK(client.wait_for_end("done").answer.ids == done.ids);
    client.retry(held("holds"));
    CHECK(client.wait_for_tokens("holds", 1).accepted.has_value());
  }
}

}  // namespace
}  // namespace sluice::test
