// Hello and Welcome, sessions, and what comes of talking out of turn.
#include <doctest/doctest.h>

#include "tests/e2e/conversation.h"
#include "tests/e2e/raw_client.h"

namespace sluice::test {
namespace {

TEST_SUITE("e2e/handshake") {
  TEST_CASE("Welcome states the limits in force, the model and its sampling defaults") {
    TopologyText topology;
    topology.max_requests = 7;
    topology.client_window_tokens = 33;
    EngineUnderTest engine(topology);
    RawClient client(engine.ingress());
    client.send(Hello{.version_min = 1, .version_max = 9, .client_name = "a client of tomorrow"});
    const ServerMessage message = client.receive();
    REQUIRE(std::holds_alternative<Welcome>(message));
    const auto& welcome = std::get<Welcome>(message);
    CHECK(welcome.version == 1);
    CHECK(welcome.session != SessionToken{});
    CHECK(welcome.model == kDemoModel);
    CHECK(welcome.max_requests == 7);
    CHECK(welcome.context_tokens == 1024);
    CHECK(welcome.client_window_tokens == 33);
    CHECK(welcome.message_bytes_max == 1u << 20);
    CHECK(welcome.sampling_defaults == SamplingParams{.temperature = 0.8f, .top_p = 0.95f});
    CHECK(welcome.vocabulary_tokens == 4096);
  }

  TEST_CASE("each Hello without a session gets one of its own, one with a session gets it back") {
    EngineUnderTest engine({});
    Conversation first(engine);
    Conversation second(engine);
    CHECK(first.welcome().session != second.welcome().session);
    Conversation again(engine, first.welcome().session);
    CHECK(again.welcome().session == first.welcome().session);
  }

  TEST_CASE("a session that nobody has: not_found, and the connection may ask for a new one") {
    EngineUnderTest engine({});
    RawClient client(engine.ingress());
    SessionToken stranger;
    stranger.bytes.fill(0xAB);
    client.send(Hello{.session = stranger});
    const Failed failed = client.receive_failed();
    CHECK(failed.request_id.empty());
    CHECK(failed.error.code == ErrorCode::kNotFound);
    CHECK(client.shake_hands().session != stranger);
  }

  TEST_CASE("versions that this engine does not speak are refused with the numbers of both sides") {
    EngineUnderTest engine({});
    RawClient client(engine.ingress());
    for (const Hello& hello :
         {Hello{.version_min = 2, .version_max = 5}, Hello{.version_min = 0, .version_max = 0},
          Hello{.version_min = 0xFFFFFFFF, .version_max = 0xFFFFFFFF}, Hello{.version_min = 5, .version_max = 2}}) {
      client.send(hello);
      const Failed failed = client.receive_failed();
      CHECK(failed.request_id.empty());
      CHECK(failed.error.code == ErrorCode::kUnsupportedVersion);
      CHECK(failed.error.message == "client speaks versions " + std::to_string(hello.version_min) + " to " +
                                        std::to_string(hello.version_max) + ", this engine 1");
    }
    client.shake_hands();
  }

  TEST_CASE("anything before Hello is refused, one answer each, and Hello still works") {
    EngineUnderTest engine({});
    RawClient client(engine.ingress());
    const std::vector<ClientMessage> early = {greedy("a", "Once", 4), Credit{"a", 9}, Cancel{"a"}, Attach{{}, "a"}};
    for (const ClientMessage& message : early) {
      client.send(message);
      const Failed failed = client.receive_failed();
      CHECK(failed.request_id.empty());
      CHECK(failed.error.code == ErrorCode::kProtocolViolation);
      CHECK(failed.error.message == "the first message of a connection must be Hello");
    }
    client.shake_hands();
  }

  TEST_CASE("a second Hello starts over: requests of the first are as if the connection had been lost") {
    TopologyText topology;
    topology.max_requests = 1;
    EngineUnderTest engine(topology);
    RawClient client(engine.ingress());
    const SessionToken first = client.shake_hands().session;
    Generate request = greedy("a", "Once upon a time", 900);
    request.ignore_eos = true;
    request.credit_tokens = 1;
    client.send(request);
    CHECK(std::holds_alternative<Accepted>(client.receive()));
    CHECK(std::holds_alternative<Tokens>(client.receive()));
    CHECK(client.shake_hands().session != first);
    // Its place is free again; nothing of it reaches the connection any more.
    request = greedy("b", "Once upon a time", 1);
    for (bool is_accepted = false; !is_accepted;) {
      client.send(request);
      const ServerMessage answer = client.receive();
      is_accepted = std::holds_alternative<Accepted>(answer);
      if (is_accepted) CHECK(std::get<Accepted>(answer).request_id == "b");
      if (!is_accepted) REQUIRE(std::get<Failed>(answer).error.code == ErrorCode::kOverloaded);
    }
  }
}

}  // namespace
}  // namespace sluice::test
