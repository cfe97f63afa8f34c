// Requests out of range through the real ingress: each is refused once, with field, value and limit, and the connection
// and the engine go on.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "tests/e2e/conversation.h"
#include "tests/e2e/raw_client.h"

namespace sluice::test {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct BadRequest {
  std::string sentence;  // Part of the answer.
  Generate request;
  ErrorCode code = ErrorCode::kInvalidRequest;
};

class BadRequests {
 public:
  template <class Spoil>
  void add(std::string sentence, Spoil spoil) {
    BadRequest bad{std::move(sentence), greedy("bad", "Once", 4)};
    spoil(bad.request);
    all.push_back(std::move(bad));
  }
  template <class Spoil>
  void add_sampling(std::string sentence, Spoil spoil) {
    add(std::move(sentence), [&](Generate& request) { spoil(*request.sampling); });
  }

  std::vector<BadRequest> all;
};

// Sends each, checks its refusal; then that a good one is served under the very same id.
void check_refused(const std::vector<BadRequest>& bad) {
  EngineUnderTest engine({});
  Conversation client(engine);
  for (const BadRequest& one : bad) {
    CAPTURE(one.sentence);
    client.generate(one.request);
    const Attachment& refused = client.wait_for_end(one.request.request_id);
    REQUIRE(refused.answer.error.has_value());
    CHECK(refused.answer.error->code == one.code);
    CHECK(refused.answer.error->retry_after_ms == 0);
    CAPTURE(refused.answer.error->message);
    CHECK(refused.answer.error->message.find(one.sentence) != std::string::npos);
  }
  client.settle();
  client.generate(greedy("good", "Once", 4));
  CHECK(client.wait_for_end("good").answer.ids.size() == 4);
}

TEST_SUITE("e2e/bad_requests") {
  TEST_CASE("prompts: empty, not UTF-8, beyond the vocabulary, of roles that nobody has") {
    BadRequests bad;
    using Ids = std::vector<TokenId>;
    using Chat = std::vector<ChatMessage>;
    bad.add("prompt is empty", [](Generate& g) { g.prompt = ""; });
    bad.add("prompt is empty", [](Generate& g) { g.prompt = Ids{}; });
    bad.add("prompt has no chat messages", [](Generate& g) { g.prompt = Chat{}; });
    bad.add("prompt is not UTF-8: byte 4 of 9", [](Generate& g) { g.prompt = "Once\xFF end"; });
    bad.add("prompt is not UTF-8: byte 1 of 3", [](Generate& g) { g.prompt = "a\xC3("; });
    bad.add("prompt is not UTF-8", [](Generate& g) { g.prompt = "\xED\xA0\x80"; });  // A surrogate.
    bad.add("prompt[2] is 4096, the vocabulary has 4096 tokens", [](Generate& g) { g.prompt = Ids{1, 2, 4096}; });
    bad.add("prompt[0] is 2147483647", [](Generate& g) { g.prompt = Ids{0x7FFFFFFF}; });
    bad.add("prompt[1] is -1", [](Generate& g) { g.prompt = Ids{0, -1}; });
    bad.add("role of chat message 1", [](Generate& g) { g.prompt = Chat{{"user", "a"}, {"a tool", "b"}}; });
    bad.add("role of chat message 0", [](Generate& g) { g.prompt = Chat{{"", "a"}}; });
    bad.add("content of chat message 0 is not UTF-8", [](Generate& g) { g.prompt = Chat{{"user", "\x80"}}; });
    bad.add("prompt has 4097 chat messages, limit 4096", [](Generate& g) { g.prompt = Chat(4097, {"user", "a"}); });
    check_refused(bad.all);
  }

  TEST_CASE("prompts too long for the context: both numbers, by ids, text and chat") {
    BadRequests bad;
    bad.add("prompt has 1024 tokens, the context holds 1024 together with the output",
            [](Generate& g) { g.prompt = std::vector<TokenId>(1024, 300); });
    bad.add("prompt has 200000 tokens, the context holds 1024",
            [](Generate& g) { g.prompt = std::vector<TokenId>(200'000, 300); });
    std::string tale;
    for (int i = 0; i < 3000; ++i) tale += "Once upon a time ";
    bad.add("tokens, the context holds 1024", [&](Generate& g) { g.prompt = tale; });
    bad.add("tokens, the context holds 1024", [&](Generate& g) {
      g.prompt = std::vector<ChatMessage>{{"user", tale}};
    });
    // One word, and one of spaces: as much as a message may hold.
    bad.add("tokens, the context holds 1024", [](Generate& g) { g.prompt = std::string(1'000'000, 'a'); });
    bad.add("tokens, the context holds 1024", [](Generate& g) { g.prompt = std::string(1'000'000, ' '); });
    for (BadRequest& one : bad.all) one.code = ErrorCode::kPromptTooLong;
    // Each has an id of its own: the refusals come from behind the ingress.
    for (std::size_t i = 0; i < bad.all.size(); ++i) bad.all[i].request.request_id += std::to_string(i);
    check_refused(bad.all);
  }

  TEST_CASE("sampling: numbers out of range and numbers that are none") {
    BadRequests bad;
    for (const float value : {kNaN, kInfinity, -kInfinity, -0.01f, 100.1f}) {
      bad.add_sampling("temperature is ", [=](SamplingParams& s) { s.temperature = value; });
    }
    for (const float value : {kNaN, 0.0f, -1.0f, 1.01f, kInfinity}) {
      bad.add_sampling("top_p is ", [=](SamplingParams& s) { s.top_p = value; });
    }
    for (const float value : {kNaN, -0.5f, 1.5f}) {
      bad.add_sampling("min_p is ", [=](SamplingParams& s) { s.min_p = value; });
    }
    for (const float value : {kNaN, 0.0f, -1.0f, 101.0f}) {
      bad.add_sampling("repetition_penalty is ", [=](SamplingParams& s) { s.repetition_penalty = value; });
    }
    for (const float value : {kNaN, 2.1f, -2.1f}) {
      bad.add_sampling("presence_penalty is ", [=](SamplingParams& s) { s.presence_penalty = value; });
      bad.add_sampling("frequency_penalty is ", [=](SamplingParams& s) { s.frequency_penalty = value; });
    }
    bad.add_sampling("top_k is 4294967295, the vocabulary has 4096", [](SamplingParams& s) { s.top_k = 0xFFFFFFFF; });
    bad.add_sampling("logit_bias[1] is 4096", [](SamplingParams& s) { s.logit_bias = {{0, 1}, {4096, 1}}; });
    bad.add_sampling("logit_bias[0] is -5", [](SamplingParams& s) { s.logit_bias = {{-5, 1}}; });
    bad.add_sampling("logit_bias of token 7 is ", [](SamplingParams& s) { s.logit_bias = {{7, kNaN}}; });
    bad.add_sampling("logit_bias of token 7 is 101", [](SamplingParams& s) { s.logit_bias = {{7, 101}}; });
    bad.add_sampling("logit_bias has 1025 entries, limit 1024", [](SamplingParams& s) {
      s.logit_bias.resize(1025, {7, 1.0f});
    });
    check_refused(bad.all);
  }

  TEST_CASE("lengths, stops, log-probabilities, priority, tenant, grace") {
    BadRequests bad;
    bad.add("max_tokens is 0, must be 1 or more", [](Generate& g) { g.max_tokens = 0; });
    bad.add("max_tokens is 1048577, limit 1048576", [](Generate& g) { g.max_tokens = (1u << 20) + 1; });
    bad.add("max_tokens is 4294967295", [](Generate& g) { g.max_tokens = 0xFFFFFFFF; });
    bad.add("stop has 17 strings, limit 16", [](Generate& g) { g.stop.resize(17, "x"); });
    bad.add("stop has 20000 strings", [](Generate& g) { g.stop.resize(20'000, "x"); });
    bad.add("stop[1] is empty", [](Generate& g) { g.stop = {"x", ""}; });
    bad.add("stop[0] has 257 bytes, limit 256", [](Generate& g) { g.stop = {std::string(257, 'x')}; });
    bad.add("stop[0] is not UTF-8", [](Generate& g) { g.stop = {"\xC3"}; });
    bad.add("stop_token_ids has 17 ids, limit 16", [](Generate& g) { g.stop_token_ids.resize(17, 1); });
    bad.add("stop_token_ids[1] is 4096", [](Generate& g) { g.stop_token_ids = {1, 4096}; });
    bad.add("stop_token_ids[0] is -1", [](Generate& g) { g.stop_token_ids = {-1}; });
    bad.add("logprobs.top is 21, limit 20", [](Generate& g) { g.logprobs.top = 21; });
    bad.add("priority is 101", [](Generate& g) { g.priority = 101; });
    bad.add("priority is -2147483648", [](Generate& g) { g.priority = std::numeric_limits<std::int32_t>::min(); });
    bad.add("tenant has 65 bytes, limit 64", [](Generate& g) { g.tenant = std::string(65, 't'); });
    bad.add("tenant is not UTF-8", [](Generate& g) { g.tenant = "\xFF"; });
    bad.add("resume_grace_ms is 600001, limit 600000", [](Generate& g) { g.resume_grace_ms = 600'001; });
    check_refused(bad.all);
  }

  TEST_CASE("ids that are none: refused without an id, in every kind of message") {
    EngineUnderTest engine({});
    RawClient client(engine.ingress());
    const SessionToken session = client.shake_hands().session;
    const std::pair<std::string, std::string> ids[] = {{"", "request_id is empty"},
                                                       {std::string(65, 'a'), "request_id has 65 bytes, limit 64"},
                                                       {"\xFF\xFE", "request_id is not UTF-8"}};
    for (const auto& [id, sentence] : ids) {
      for (const ClientMessage& message :
           std::vector<ClientMessage>{greedy(id, "Once", 4), Attach{session, id}, Cancel{id}, Credit{id, 4}}) {
        client.send(message);
        const Failed failed = client.receive_failed();
        CHECK(failed.request_id.empty());
        CHECK(failed.error.code == ErrorCode::kInvalidRequest);
        CHECK(failed.error.message.starts_with(sentence));
      }
    }
    client.send(Hello{.client_name = std::string(65, 'n')});
    CHECK(client.receive_failed().error.message == "client_name has 65 bytes, limit 64");
    client.send(greedy(std::string(64, 'a'), "Once", 1));  // The longest there is; the refused Hello changed nothing.
    CHECK(std::holds_alternative<Accepted>(client.receive()));
  }

  TEST_CASE("the outermost values that are allowed are served") {
    EngineUnderTest engine({});
    Conversation client(engine);
    std::vector<Generate> requests(8, greedy("", "Once upon a time", 8));
    for (Generate& request : requests) request.ignore_eos = true;
    for (TokenId id = 0; id < 1024; ++id) requests[0].sampling->logit_bias.push_back({id, id % 2 ? 100.0f : -100.0f});
    requests[1].sampling = SamplingParams{.temperature = 100, .top_k = 4096, .top_p = 1e-38f, .min_p = 1};
    requests[2].sampling = SamplingParams{.temperature = 1e-38f, .repetition_penalty = 1e-30f};
    requests[3].sampling = SamplingParams{.repetition_penalty = 100, .presence_penalty = 2, .frequency_penalty = -2};
    requests[4].stop.resize(16, std::string(256, 'x'));
    requests[5].priority = 100;
    requests[5].deadline_ms = 0xFFFFFFFF;
    requests[5].resume_grace_ms = 600'000;
    requests[6].logprobs = {.output = true, .top = 20, .prompt = true, .digest = true};
    requests[6].credit_tokens = 0xFFFFFFFFFFFFFFFF;
    requests[7].sampling = SamplingParams{.temperature = 1, .top_k = 1, .choice = 0xFFFFFFFF};
    requests[7].tenant = std::string(64, 't');
    for (std::size_t i = 0; i < requests.size(); ++i) {
      requests[i].request_id = std::string(63, 'r') + std::to_string(i);
      client.generate(requests[i]);
    }
    for (const Generate& request : requests) {
      const Answer& answer = client.wait_for_end(request.request_id).answer;
      REQUIRE(answer.finished.has_value());
      CHECK(answer.ids.size() == 8);
    }
    Generate longest = greedy("longest", std::vector<TokenId>(1020, 300), 1u << 20);
    longest.ignore_eos = true;
    client.generate(longest);
    CHECK(client.wait_for_end("longest").answer.ids.size() == 4);
  }
}

}  // namespace
}  // namespace sluice::test
