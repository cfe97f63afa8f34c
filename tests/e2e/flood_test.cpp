// Clients that flood, talk nonsense or never read, beside one that behaves: its tokens stay the same, and what the
// others held is given up.
#include <doctest/doctest.h>

#include <functional>

#include "tests/e2e/conversation.h"
#include "tests/e2e/raw_client.h"

namespace sluice::test {
namespace {

constexpr int kRounds = 4;
constexpr int kFlood = 3'000;

std::vector<TokenId> ask(Conversation& client, const std::string& id) {
  client.generate(greedy(id, "Once upon a time there was", 24));
  const Answer& answer = client.wait_for_end(id).answer;
  REQUIRE(answer.finished.has_value());
  return answer.ids;
}

// `send` sends the n-th message of the flood. The flooding client reads nothing unless send() does.
void check_beside(const TopologyText& topology, const std::function<void(RawClient&, int)>& send, bool says_hello) {
  EngineUnderTest engine(topology);
  Conversation client(engine);
  const std::vector<TokenId> expected = ask(client, "before");
  RawClient flooder(engine.ingress());
  if (says_hello) flooder.shake_hands();
  for (int round = 0; round < kRounds; ++round) {
    for (int n = 0; n < kFlood; ++n) send(flooder, round * kFlood + n);
    CHECK(ask(client, "beside-" + std::to_string(round)) == expected);
  }
  Conversation late(engine);
  CHECK(ask(late, "late") == expected);
}

TEST_SUITE("e2e/flood") {
  TEST_CASE("noise, with and without a handshake") {
    const auto send_noise = [](RawClient& client, int n) { client.send_bytes("noise " + std::to_string(n)); };
    check_beside({}, send_noise, false);
    check_beside({}, send_noise, true);
  }

  TEST_CASE("messages beyond the size limit") {
    TopologyText topology;
    topology.message_bytes_max = 1'024;
    check_beside(
        topology, [](RawClient& client, int) { client.send_bytes(std::string(2'048, 'x')); }, true);
  }

  TEST_CASE("handshake after handshake, and versions that nobody speaks") {
    check_beside(
        {}, [](RawClient& client, int) { client.send(Hello{.client_name = "flood"}); }, true);
    check_beside(
        {}, [](RawClient& client, int) { client.send(Hello{.version_min = 7, .version_max = 9}); }, false);
  }

  TEST_CASE("requests that are refused: malformed, or for want of a place") {
    const auto send_invalid = [](RawClient& client, int n) { client.send(greedy("x" + std::to_string(n), "Once", 0)); };
    check_beside({}, send_invalid, true);

    EngineUnderTest engine(TopologyText{.max_requests = 1});
    Conversation client(engine);
    const std::vector<TokenId> expected = ask(client, "before");
    RawClient flooder(engine.ingress());
    flooder.shake_hands();
    Generate held = greedy("held", "Once upon a time there was", 24);
    held.credit_tokens = 1;
    client.generate(held);
    client.wait_for_tokens("held", 1);
    for (int n = 0; n < kFlood; ++n) flooder.send(greedy("flood-" + std::to_string(n), "Once", 4));
    client.credit("held", 24);
    CHECK(client.wait_for_end("held").answer.ids == expected);
  }

  TEST_CASE("credits, cancels and attachments for what is not there") {
    const auto send_stray = [](RawClient& client, int n) {
      const std::string id = "nobody-" + std::to_string(n);
      if (n % 3 == 0) return client.send(Credit{id, 1'000});
      if (n % 3 == 1) return client.send(Cancel{id});
      client.send(Attach{{}, id});
    };
    check_beside({}, send_stray, true);
  }

  TEST_CASE("a connection that sends only noise gets as many answers as are allowed, then none, a new one is heard") {
    EngineUnderTest engine(TopologyText{.garbage_messages_max = 10});
    RawClient client(engine.ingress());
    Welcome welcome = client.shake_hands();
    for (int n = 0; n < 30; ++n) client.send_bytes("noise");
    for (int n = 0; n < 10; ++n) CHECK(client.receive_failed().error.code == ErrorCode::kProtocolViolation);
    client.send(Attach{welcome.session, "nobody"});
    // Whoever comes later is answered; by then an answer to the first would be there.
    RawClient other(engine.ingress());
    other.shake_hands();
    other.send(Attach{welcome.session, "nobody"});
    CHECK(other.receive_failed().error.code == ErrorCode::kNotFound);
    CHECK_FALSE(client.has_answer());
    RawClient again(engine.ingress());
    again.send(Hello{.session = welcome.session});
    CHECK(std::get<Welcome>(again.receive()).session == welcome.session);
  }

  TEST_CASE("a client that never reads is cut when its queue is full, and its place is free again") {
    EngineUnderTest engine(TopologyText{.max_requests = 1});
    Conversation client(engine);
    const std::vector<TokenId> expected = ask(client, "before");
    RawClient deaf(engine.ingress());
    const SessionToken session = deaf.shake_hands().session;
    Generate held = greedy("held", "Once upon a time there was", 900);
    held.credit_tokens = 1;
    deaf.send(held);
    REQUIRE(std::holds_alternative<Accepted>(deaf.receive()));
    const std::string long_id(64, 'x');
    for (int n = 0;; ++n) {
      REQUIRE_MESSAGE(n < 1'000, "the place was never given up");
      for (int i = 0; i < 1'000; ++i) deaf.send(Attach{session, long_id});
      const std::string id = "beside-" + std::to_string(n);
      client.generate(greedy(id, "Once upon a time there was", 24));
      const Answer& answer = client.wait_for_end(id).answer;
      if (answer.error) {
        CHECK(answer.error->code == ErrorCode::kOverloaded);
        continue;
      }
      CHECK(answer.ids == expected);
      break;
    }
  }
}

}  // namespace
}  // namespace sluice::test
