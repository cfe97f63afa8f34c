// Credit, Cancel and deadlines: who pays for a client that does not read.
#include <doctest/doctest.h>

#include "base/clock.h"
#include "tests/e2e/conversation.h"

namespace sluice::test {
namespace {

Generate endless(const std::string& id, std::uint32_t max_tokens, std::uint64_t credit_tokens) {
  Generate request = greedy(id, "Once upon a time there was a king", max_tokens);
  request.ignore_eos = true;
  request.credit_tokens = credit_tokens;
  return request;
}

// A whole request of another client: while it ran, the engine had time for whatever it wanted to do.
void run_another(Conversation& client, const std::string& id) {
  client.generate(endless(id, 32, 1000));
  CHECK(client.wait_for_end(id).answer.ids.size() == 32);
}

TEST_SUITE("e2e/protocol_credit") {
  TEST_CASE("no token goes out beyond the credit, the stream goes on after each Credit") {
    EngineUnderTest engine({});
    Conversation client(engine);
    Conversation other(engine);
    client.generate(endless("free", 64, 1000));
    const Answer expected = client.wait_for_end("free").answer;
    client.generate(endless("slow", 64, 3));
    std::uint64_t granted = 3;
    for (int round = 0; granted < 64; ++round) {
      client.wait_for_tokens("slow", granted);
      run_another(other, "round-" + std::to_string(round));
      client.settle();
      CHECK(client.of("slow").answer.ids.size() == granted);  // Conversation checks the ceiling itself.
      granted += 20;
      client.credit("slow", granted);
      client.credit("slow", granted - 7);  // Smaller and repeated ones change nothing.
      client.credit("slow", granted);
    }
    const Answer& answer = client.wait_for_end("slow").answer;
    CHECK(answer.ids == expected.ids);
    CHECK(answer.text == expected.text);
    CHECK(answer.finished->usage.output_tokens == 64);
  }

  TEST_CASE("clients that never grant do not disturb others, even where they hold every place of the batch") {
    TopologyText topology;
    topology.max_sequences = 2;
    topology.kv_cache = "384KiB";  // 10 blocks of 16 tokens: two sequences of this length, and no third.
    EngineUnderTest engine(topology);
    Conversation live(engine);
    live.generate(endless("before", 64, 1000));
    const std::vector<TokenId> expected = live.wait_for_end("before").answer.ids;
    Conversation silent(engine);
    for (int i = 0; i < 6; ++i) silent.generate(endless("silent-" + std::to_string(i), 900, 1));
    for (int i = 0; i < 6; ++i) silent.wait_for_tokens("silent-" + std::to_string(i), 1);
    for (int i = 0; i < 6; ++i) {
      const std::string id = "live-" + std::to_string(i);
      live.generate(endless(id, 64, 1000));
      CHECK(live.wait_for_end(id).answer.ids == expected);
    }
    // And they go on where they were, once they do.
    silent.credit("silent-3", 64);
    CHECK(silent.wait_for_tokens("silent-3", 64).answer.ids == expected);
  }

  TEST_CASE("credits of unknown requests, and of as much as there is, do no harm") {
    EngineUnderTest engine({});
    Conversation client(engine);
    client.generate(endless("a", 8, 0xFFFFFFFFFFFFFFFF));
    client.credit("a", 0xFFFFFFFFFFFFFFFF);
    client.credit("a", 0);
    CHECK(client.wait_for_end("a").answer.ids.size() == 8);
    client.credit("a", 100);
    client.settle();
    CHECK(client.take_refusals().empty());
  }

  TEST_CASE("Cancel: one Finished with reason cancelled, credit or not, and the rest does not come") {
    EngineUnderTest engine({});
    Conversation client(engine);
    for (const std::uint64_t credit : {1u, 40u, 1000u}) {
      const std::string id = "credit-" + std::to_string(credit);
      client.generate(endless(id, 1000, credit));
      client.wait_for_tokens(id, 1);
      client.cancel(id);
      client.cancel(id);
      const Answer& answer = client.wait_for_end(id).answer;
      REQUIRE(answer.finished.has_value());
      CHECK(answer.finished->reason == FinishReason::kCancelled);
      CHECK(answer.finished->usage.output_tokens >= answer.ids.size());
      CHECK(answer.ids.size() < 990);
      client.cancel(id);  // Of an ended request: ignored.
      client.settle();
    }
    client.cancel("nobody");
    client.settle();
    CHECK(client.take_refusals().empty());
  }

  TEST_CASE("Cancel right behind Generate ends it, before or after its first tokens") {
    EngineUnderTest engine({});
    Conversation client(engine);
    for (int i = 0; i < 20; ++i) {
      const std::string id = "early-" + std::to_string(i);
      client.generate(endless(id, 900, 1000));
      client.cancel(id);
      const Answer& answer = client.wait_for_end(id).answer;
      REQUIRE(answer.finished.has_value());
      CHECK(answer.finished->reason == FinishReason::kCancelled);
    }
    client.settle();
  }

  TEST_CASE("a deadline before the first token: Failed with deadline_exceeded, and nothing else") {
    TopologyText topology;
    topology.max_batch_tokens = 8;  // 1000 prompt tokens take 125 steps: longer than a millisecond on any machine.
    EngineUnderTest engine(topology);
    Conversation client(engine);
    Generate request = greedy("late", std::vector<TokenId>(1000, 300), 8);
    request.deadline_ms = 1;
    client.generate(request);
    const Attachment& late = client.wait_for_end("late");
    CHECK(late.answer.ids.empty());
    REQUIRE(late.answer.error.has_value());
    CHECK(late.answer.error->code == ErrorCode::kDeadlineExceeded);
    // With more time the same id gives a result: the failure is not kept, or no longer within moments.
    request.deadline_ms = 60'000;
    for (client.generate(request); client.wait_for_end("late").answer.error; client.generate(request)) {
      REQUIRE(late.answer.error->code == ErrorCode::kUnavailable);
    }
    CHECK(late.answer.ids.size() == 8);
  }

  TEST_CASE("a deadline after the first token: what there is stands, with reason deadline") {
    EngineUnderTest engine({});
    Conversation client(engine);
    Generate request = endless("cut", 1000, 1);
    request.deadline_ms = 1500;  // Long enough for a first token on any machine.
    client.generate(request);
    client.wait_for_tokens("cut", 1);
    // What was computed beyond the credit waits for it no longer than the deadline, and is counted all the same.
    const Answer& answer = client.wait_for_end("cut").answer;
    REQUIRE(answer.finished.has_value());
    CHECK(answer.finished->reason == FinishReason::kDeadline);
    CHECK(answer.ids.size() == 1);
    CHECK(answer.finished->usage.output_tokens >= 1);
    CHECK(answer.finished->usage.output_tokens < 1000);
  }
}

}  // namespace
}  // namespace sluice::test
