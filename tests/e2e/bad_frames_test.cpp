// Frames that are no messages: whatever comes in, the engine answers or ignores it, and serves the next good client.
#include <doctest/doctest.h>

#include <set>

#include "base/random.h"
#include "tests/e2e/conversation.h"
#include "tests/e2e/raw_client.h"

namespace sluice::test {
namespace {

// An engine, and the proof that it still works.
class Victim {
 public:
  Victim() { expected_ = ask(); }

  const EngineUnderTest& engine() const { return engine_; }
  const std::string& address() const { return engine_.ingress(); }
  void check_serves() const { CHECK(ask() == expected_); }

 private:
  std::vector<TokenId> ask() const {
    Conversation client(engine_);
    client.generate(greedy("good", "Once upon a time", 6));
    const Answer& answer = client.wait_for_end("good").answer;
    REQUIRE(answer.ids.size() == 6);
    return answer.ids;
  }

  EngineUnderTest engine_{TopologyText{}};
  std::vector<TokenId> expected_;
};

// Says Hello and asks for what nobody has: when that is answered, so is all that was sent before.
void settle(RawClient& client, const std::string& id) {
  const Welcome welcome = client.shake_hands();
  client.send(Attach{welcome.session, id});
  for (;;) {
    const ServerMessage message = client.receive();
    const auto* failed = std::get_if<Failed>(&message);
    if (failed == nullptr || failed->request_id != id) continue;
    CHECK(failed->error.code == ErrorCode::kNotFound);
    return;
  }
}

// A Generate with something in every field.
Generate full_request() {
  Generate request = greedy("full", std::vector<ChatMessage>{{"user", "Tell me"}, {"assistant", "Once"}}, 5);
  request.sampling = SamplingParams{.temperature = 0.5f, .top_k = 3, .logit_bias = {{7, 1.0f}, {9, -1.0f}}};
  request.stop = {"end", "The end"};
  request.stop_token_ids = {17, 18};
  request.logprobs = {.output = true, .top = 2, .prompt = true, .digest = true};
  request.tenant = "somebody";
  return request;
}

std::string random_bytes(SplitMix64& random, std::size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random.below(256));
  return bytes;
}

// Noise, noise behind a plausible segment table, or a message with a few bytes changed.
std::string random_frame(SplitMix64& random) {
  const std::uint64_t kind = random.below(3);
  if (kind == 0) return random_bytes(random, random.below(300));
  if (kind == 1) {
    const auto words = static_cast<std::uint8_t>(1 + random.below(60));
    std::string bytes(8, '\0');
    bytes[4] = static_cast<char>(words);
    return bytes + random_bytes(random, 8u * words);
  }
  const ClientMessage messages[] = {full_request(), Hello{.client_name = "random"}, Attach{{}, "full"}, Cancel{"full"},
                                    Credit{"full", 3}};
  std::string bytes = encoded(messages[random.below(std::size(messages))]);
  for (std::uint64_t changes = 1 + random.below(4); changes > 0; --changes) {
    bytes[random.below(bytes.size())] = static_cast<char>(random.below(256));
  }
  return bytes;
}

TEST_SUITE("e2e/bad_frames") {
  TEST_CASE("a message cut short at every length, or followed by anything, is answered as no message") {
    Victim victim;
    RawClient client(victim.address());
    client.shake_hands();
    const std::string whole = encoded(full_request());
    for (std::size_t length = 0; length < whole.size(); ++length) {
      CAPTURE(length);
      client.send_bytes(std::string_view(whole).substr(0, length));
      const Failed failed = client.receive_failed();
      CHECK(failed.request_id.empty());
      CHECK(failed.error.code == ErrorCode::kProtocolViolation);
    }
    for (const std::size_t more : {1u, 7u, 8u, 4096u}) {
      client.send_bytes(whole + std::string(more, '\0'));
      CHECK(client.receive_failed().error.code == ErrorCode::kProtocolViolation);
    }
    client.send_bytes(whole);
    CHECK(std::holds_alternative<Accepted>(client.receive()));
    victim.check_serves();
  }

  TEST_CASE("every byte of a message set to other values: answered or ignored, and the connection goes on") {
    Victim victim;
    const std::string whole = encoded(full_request());
    for (const char value : {'\0', '\1', '\x4D', '\x7F', '\x80', '\xFF'}) {
      RawClient client(victim.address());
      client.shake_hands();
      for (std::size_t at = 0; at < whole.size(); ++at) {
        std::string bytes = whole;
        bytes[at] = value;
        client.send_bytes(bytes);
      }
      settle(client, "settle");
    }
    victim.check_serves();
  }

  TEST_CASE("kinds of message, prompt and seed that this version does not know: unsupported_version") {
    Victim victim;
    RawClient client(victim.address());
    client.shake_hands();
    Generate request = greedy("full", "Once", 5);
    const std::string whole = encoded(request);
    std::set<std::string> sentences;
    for (std::size_t at = 8; at + 1 < whole.size(); at += 2) {
      std::string bytes = whole;
      bytes[at] = 77;
      bytes[at + 1] = 0;
      client.send_bytes(bytes);
    }
    client.send(Attach{{}, "last"});
    for (;;) {
      const ServerMessage message = client.receive();
      const auto* failed = std::get_if<Failed>(&message);
      if (failed == nullptr) continue;
      if (failed->request_id == "last") break;
      if (failed->error.code != ErrorCode::kUnsupportedVersion) continue;
      CHECK(failed->request_id.empty());
      sentences.insert(failed->error.message);
    }
    for (const std::string what : {"message", "prompt", "seed"}) {
      CHECK(sentences.contains(what + " is of kind 77, which this version does not know"));
    }
    victim.check_serves();
  }

  TEST_CASE("messages for the client, and one that says nothing, are refused") {
    Victim victim;
    RawClient client(victim.address());
    client.shake_hands();
    // A struct with neither data nor pointers: its union is `none`.
    client.send_bytes(std::string_view("\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0", 16));
    const Failed failed = client.receive_failed();
    CHECK(failed.error.code == ErrorCode::kProtocolViolation);
    CHECK(failed.error.message == "message says nothing");
    victim.check_serves();
  }

  TEST_CASE("messages of several frames are refused or ignored, the delimiter of a REQ socket among them") {
    Victim victim;
    RawClient client(victim.address());
    client.shake_hands();
    const transport::Frame good = frame_of(encoded(greedy("a", "Once", 4)));
    const transport::Frame empty = frame_of("");
    const std::vector<transport::Message> answered = {
        {empty, good}, {good, good}, {good, empty}, {empty, empty, empty}, transport::Message(64, good)};
    for (const transport::Message& message : answered) {
      client.send(message);
      const Failed failed = client.receive_failed();
      CHECK(failed.request_id.empty());
      CHECK(failed.error.code == ErrorCode::kProtocolViolation);
      CHECK(failed.error.message == "message has " + std::to_string(message.size()) + " frames, expected 1");
    }
    for (const std::size_t count : {65u, 1000u, 5000u}) client.send(transport::Message(count, empty));
    settle(client, "settle");
    victim.check_serves();
  }

  TEST_CASE("beyond message_bytes_max: refused with both numbers, far beyond: the connection is closed") {
    Victim victim;
    RawClient client(victim.address());
    const std::uint32_t limit = client.shake_hands().message_bytes_max;
    for (const std::size_t bytes : {limit + std::size_t{1}, limit + std::size_t{8}, std::size_t{3} * limit}) {
      client.send_bytes(std::string(bytes, '\x5A'));
      const Failed failed = client.receive_failed();
      CHECK(failed.request_id.empty());
      CHECK(failed.error.code == ErrorCode::kInvalidRequest);
      CHECK(failed.error.message ==
            "message has " + std::to_string(bytes) + " bytes, the limit is " + std::to_string(limit));
    }
    settle(client, "settle");
    RawClient other(victim.address());
    other.shake_hands();
    client.send_bytes(std::string(std::size_t{16} * limit, '\x5A'));
    client.wait_until_closed();
    settle(other, "settle");
    victim.check_serves();
  }

  TEST_CASE("10000 random frames: every one answered or ignored") {
    Victim victim;
    SplitMix64 random(20260801);
    constexpr int kFrames = 10'000;
    constexpr int kTogether = 200;
    for (int sent = 0; sent < kFrames;) {
      RawClient client(victim.address());  // What it has running ends with it.
      for (int round = 0; round < 5; ++round) {
        client.shake_hands();
        for (int i = 0; i < kTogether; ++i) client.send_bytes(random_frame(random));
        sent += kTogether;
        settle(client, "settle");
      }
    }
    victim.check_serves();
  }

  TEST_CASE("a client that floods and never reads harms nobody else") {
    Victim victim;
    RawClient client(victim.address());
    const SessionToken session = client.shake_hands().session;
    for (int i = 0; i < 20'000; ++i) client.send(Attach{session, "nobody-" + std::to_string(i)});
    victim.check_serves();
  }

  TEST_CASE("TCP peers that break off in the middle, or speak no ZeroMQ at all") {
    Victim victim;
    const std::string message = encoded(greedy("a", "Once", 4));
    SplitMix64 random(7);
    for (int i = 0; i < 20; ++i) TcpPeer(victim.address()).send(random_bytes(random, 1 + random.below(500)));
    TcpPeer(victim.address()).send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    for (std::size_t length = 0; length < 64; length += 9) {
      TcpPeer(victim.address()).send(std::string_view("\xFF\0\0\0\0\0\0\0\1\x7F\3", 11).substr(0, length));
    }
    // Flags of a frame: 1 more, 2 long, 4 command.
    const std::string_view beginnings[] = {
        {"\1\3abc", 5},                             // The first of several frames.
        {"\1\0\1\0\1\0", 6},                        // Three, the last never comes.
        {"\0\x40only a part", 13},                  // A frame cut short.
        {"\2\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 9},  // As long as there is.
        {"\2\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 9},  // Longer.
        {"\xFF\xFF\xFF", 3},                        // Flags that are none.
        {"\4\6\5PINGx", 8},
        {"\4\1\5", 3},
        {"\4\0", 2},  // Commands that are none.
    };
    for (const std::string_view bytes : beginnings) {
      TcpPeer peer(victim.address());
      peer.greet();
      peer.send(bytes);
    }
    victim.check_serves();
    // Held open while others are served.
    TcpPeer silent(victim.address());
    TcpPeer half(victim.address());
    half.greet();
    half.send(beginnings[1]);
    victim.check_serves();
  }

  TEST_CASE("a routing id that somebody has is not given to another") {
    Victim victim;
    RawClient owner(victim.address(), "the-same-id");
    const SessionToken session = owner.shake_hands().session;
    RawClient thief(victim.address(), "the-same-id");
    thief.send(Hello{});
    thief.send(Attach{session, "theft"});
    victim.check_serves();
    settle(owner, "settle");
    owner.send(greedy("a", "Once", 4));
    CHECK(std::holds_alternative<Accepted>(owner.receive()));
  }
}

}  // namespace
}  // namespace sluice::test
