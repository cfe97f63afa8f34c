// Overload: what is refused is refused at once, with a hint, and costs nobody else anything.
#include <doctest/doctest.h>

#include "tests/e2e/conversation.h"

namespace sluice::test {
namespace {

Generate held(const std::string& id) {
  Generate request = greedy(id, "The old fisherman lived by the sea", 900);
  request.ignore_eos = true;
  request.credit_tokens = 1;
  return request;
}

TEST_SUITE("e2e/protocol_overload") {
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
