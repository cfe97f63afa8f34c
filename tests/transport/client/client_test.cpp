#include "transport/client/client.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/transport/client/scripted_engine.h"

namespace sluice::transport {
namespace {

using test::ScriptedEngine;
using Answers = std::vector<ServerMessage>;

constexpr Duration kLong = std::chrono::seconds(60);  // Waits that end by an event, long before.

Welcome welcome() {
  Welcome message;
  message.session.bytes[3] = 42;
  message.model = "scripted";
  message.client_window_tokens = 8;
  message.message_bytes_max = 4096;
  return message;
}

// An engine whose output of every request is the tokens 100, 101, ... with the text "a", "b", ..., within the credit.
class Alphabet {
 public:
  explicit Alphabet(std::uint64_t length) : length_(length) {}

  Answers operator()(const ClientMessage& message) {
    if (std::holds_alternative<Hello>(message)) return {welcome()};
    if (const auto* generate = std::get_if<Generate>(&message)) {
      id_ = generate->request_id;
      next_ = 0;
      return more({Accepted{id_, 7}}, welcome().client_window_tokens);
    }
    if (const auto* credit = std::get_if<Credit>(&message)) return more({}, credit->up_to_index);
    if (std::holds_alternative<Cancel>(message)) return end({}, FinishReason::kCancelled);
    return {};
  }

 private:
  Answers more(Answers answers, std::uint64_t up_to_index) {
    if (id_.empty()) return answers;  // Ended.
    for (; next_ < std::min(up_to_index, length_); ++next_) {
      const auto letter = static_cast<char>('a' + next_ % 26);
      answers.push_back(Tokens{id_, next_, {static_cast<TokenId>(100 + next_)}, std::string(1, letter), {}});
    }
    return next_ == length_ ? end(std::move(answers), FinishReason::kStop) : answers;
  }
  Answers end(Answers answers, FinishReason reason) {
    answers.push_back(
        Finished{id_, reason, {.prompt_tokens = 1, .output_tokens = static_cast<std::uint32_t>(next_)}, {}, {}});
    id_.clear();
    return answers;
  }

  std::uint64_t length_;
  std::uint64_t next_ = 0;
  std::string id_;
};

Generate request(const std::string& id) {
  return {.request_id = id, .prompt = std::string("Once")};
}

TEST_SUITE("transport/client/client") {
  TEST_CASE("connect: says hello and keeps the welcome") {
    ScriptedEngine engine(Alphabet(0));
    SessionToken session;
    session.bytes[0] = 9;
    {
      const auto client = Client::connect(engine.address(), {.client_name = "test", .session = session});
      REQUIRE(client.ok());
      CHECK(client->welcome() == welcome());
    }
    engine.stop();
    CHECK(engine.received() == std::vector<ClientMessage>{Hello{1, 1, "test", session}});
  }

  TEST_CASE("connect: gives the engine's refusal") {
    const Error refusal{ErrorCode::kUnsupportedVersion, "this engine speaks versions 2 to 3"};
    ScriptedEngine engine([&](const ClientMessage&) { return Answers{Failed{"", refusal}}; });
    const auto client = Client::connect(engine.address());
    REQUIRE_FALSE(client.ok());
    CHECK(client.error() == refusal);
  }

  TEST_CASE("connect: another answer than a welcome is a protocol violation") {
    ScriptedEngine engine([](const ClientMessage&) { return Answers{Accepted{"a", 1}}; });
    CHECK(Client::connect(engine.address()).error().code == ErrorCode::kProtocolViolation);
  }

  TEST_CASE("connect: nobody there is an error after the time-out, a bad address at once") {
    const auto nobody = Client::connect("ipc:///nonexistent-folder/socket", {.connect_timeout = Duration::zero()});
    CHECK(nobody.error().code == ErrorCode::kTransportLost);
    CHECK(Client::connect("carrier-pigeon://x", {.connect_timeout = kLong}).error().code == ErrorCode::kInvalidConfig);
  }

  TEST_CASE("generate: streams all tokens and grants credit as it goes") {
    ScriptedEngine engine(Alphabet(50));
    std::string text;
    std::vector<TokenId> ids;
    Accepted accepted;
    {
      auto client = Client::connect(engine.address());
      REQUIRE(client.ok());
      const auto collect = [&](const Tokens& tokens) {
        text += tokens.text;
        ids.insert(ids.end(), tokens.token_ids.begin(), tokens.token_ids.end());
        return true;
      };
      const auto finished = client->generate(request("story"), collect, nullptr, &accepted);
      REQUIRE(finished.ok());
      CHECK(finished->reason == FinishReason::kStop);
      CHECK(finished->usage.output_tokens == 50);
    }
    CHECK(accepted.seed == 7);
    CHECK(text == "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwx");
    REQUIRE(ids.size() == 50);
    CHECK(ids[49] == 149);

    engine.stop();
    std::uint64_t granted = welcome().client_window_tokens;
    for (const ClientMessage& message : engine.received()) {
      const auto* credit = std::get_if<Credit>(&message);
      if (credit == nullptr) continue;
      CHECK(credit->up_to_index > granted);
      CHECK(credit->up_to_index <= granted + welcome().client_window_tokens);
      granted = credit->up_to_index;
    }
    CHECK(granted >= 50);
  }

  TEST_CASE("generate: a callback that wants no more cancels the request") {
    ScriptedEngine engine(Alphabet(1'000'000));
    auto client = Client::connect(engine.address());
    REQUIRE(client.ok());
    int calls = 0;
    const auto finished = client->generate(request("endless"), [&](const Tokens&) { return ++calls < 3; });
    REQUIRE(finished.ok());
    CHECK(finished->reason == FinishReason::kCancelled);
    CHECK(calls == 3);
  }

  TEST_CASE("generate: a flag cancels a request that gives no tokens") {
    ScriptedEngine engine([](const ClientMessage& message) {
      if (std::holds_alternative<Hello>(message)) return Answers{welcome()};
      if (const auto* cancel = std::get_if<Cancel>(&message)) {
        return Answers{Finished{cancel->request_id, FinishReason::kCancelled, {}, {}, {}}};
      }
      return Answers{};
    });
    auto client = Client::connect(engine.address());
    REQUIRE(client.ok());
    const std::atomic<bool> cancel_requested = true;
    const auto finished = client->generate(
        request("slow"), [](const Tokens&) { return true; }, &cancel_requested);
    REQUIRE(finished.ok());
    CHECK(finished->reason == FinishReason::kCancelled);
  }

  TEST_CASE("generate: returns the error of a Failed as it came") {
    const Error overloaded{ErrorCode::kOverloaded, "256 requests are running, limit 256", 50};
    ScriptedEngine engine([&](const ClientMessage& message) {
      if (std::holds_alternative<Hello>(message)) return Answers{welcome()};
      return Answers{Failed{std::get<Generate>(message).request_id, overloaded}};
    });
    auto client = Client::connect(engine.address());
    REQUIRE(client.ok());
    CHECK(client->generate(request("a"), [](const Tokens&) { return true; }).error() == overloaded);
  }

  TEST_CASE("generate: keeps messages of other requests for receive") {
    ScriptedEngine engine([](const ClientMessage& message) {
      if (std::holds_alternative<Hello>(message)) return Answers{welcome()};
      return Answers{Accepted{"other", 1}, Finished{"mine", FinishReason::kStop, {}, {}, {}}};
    });
    auto client = Client::connect(engine.address());
    REQUIRE(client.ok());
    CHECK(client->generate(request("mine"), [](const Tokens&) { return true; }).ok());
    const auto kept = client->receive(Duration::zero());
    REQUIRE(kept.ok());
    REQUIRE(kept->has_value());
    CHECK(**kept == ServerMessage(Accepted{"other", 1}));
    const auto nothing = client->receive(Duration::zero());
    REQUIRE(nothing.ok());
    CHECK_FALSE(nothing->has_value());
  }

  TEST_CASE("send: refuses what the engine would refuse for its size") {
    ScriptedEngine engine(Alphabet(1));
    auto client = Client::connect(engine.address());
    REQUIRE(client.ok());
    const auto ignore = [](const Tokens&) { return true; };
    Generate large = request("large");
    large.prompt = std::string(5000, 'x');
    CHECK(client->generate(large, ignore).error() ==
          Error{ErrorCode::kInvalidRequest, "message has 5005 bytes, the engine takes 4096"});
    large.prompt = std::string(4080, 'x');  // Fits but for what Cap'n Proto adds.
    CHECK(client->generate(large, ignore).error().code == ErrorCode::kInvalidRequest);
    large.prompt = std::string(3000, 'x');
    CHECK(client->generate(large, ignore).ok());
  }

  TEST_CASE("receive: a lost engine is final, after what it had sent") {
    ScriptedEngine engine([](const ClientMessage& message) {
      if (std::holds_alternative<Hello>(message)) return Answers{welcome()};
      return Answers{Accepted{"a", 1}, Accepted{"b", 2}};
    });
    auto client = Client::connect(engine.address());
    REQUIRE(client.ok());
    REQUIRE(client->send(Cancel{"go"}).ok());
    const auto first = client->receive(kLong);
    REQUIRE(first.ok());
    CHECK(**first == ServerMessage(Accepted{"a", 1}));
    engine.stop();

    const auto second = client->receive(kLong);
    REQUIRE(second.ok());
    CHECK(**second == ServerMessage(Accepted{"b", 2}));
    CHECK(client->receive(kLong).error().code == ErrorCode::kTransportLost);
    CHECK(client->receive(Duration::zero()).error().code == ErrorCode::kTransportLost);
    CHECK(client->cancel("go").error().code == ErrorCode::kTransportLost);
  }

  TEST_CASE("clients: may share a context") {
    ScriptedEngine engine(Alphabet(1));
    const auto context = Context::create();
    REQUIRE(context.ok());
    auto one = Client::connect(engine.address(), {.context = *context});
    auto two = Client::connect(engine.address(), {.context = *context});
    REQUIRE(one.ok());
    REQUIRE(two.ok());
    CHECK(two->generate(request("b"), [](const Tokens&) { return true; }).ok());
    CHECK(one->generate(request("a"), [](const Tokens&) { return true; }).ok());
  }
}

}  // namespace
}  // namespace sluice::transport
