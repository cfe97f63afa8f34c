// Stop strings, stop tokens, end-of-sequence: where the output ends, and what is not part of it.
#include <doctest/doctest.h>

#include "tests/e2e/conversation.h"

namespace sluice::test {
namespace {

constexpr std::uint32_t kLength = 48;

Generate endless(const std::string& id) {
  Generate request = greedy(id, "The wolf said to the little girl,", kLength);
  request.ignore_eos = true;
  return request;
}

const Answer& run(Conversation& client, const Generate& request) {
  client.generate(request);
  const Answer& answer = client.wait_for_end(request.request_id).answer;
  if (answer.error) FAIL(to_string(*answer.error));
  return answer;
}

// The text after `count` output tokens, all of them whole characters.
std::vector<std::string> text_by_length(const Attachment& attachment) {
  std::vector<std::string> texts = {""};
  for (const std::string& piece : attachment.pieces) texts.push_back(texts.back() + piece);
  return texts;
}

TEST_SUITE("e2e/protocol_stop") {
  TEST_CASE("every stop string that the text holds cuts it before the match, and no overrun token is counted") {
    EngineUnderTest engine({});
    Conversation client(engine);
    run(client, endless("whole"));
    const std::string text = client.of("whole").answer.text;
    const std::vector<TokenId> ids = client.of("whole").answer.ids;
    const auto texts = text_by_length(client.of("whole"));
    REQUIRE(texts.size() == kLength + 1);  // One token a piece: the engine answers each as it comes.
    int num_across = 0;
    for (std::size_t at = 0; at + 9 < text.size(); at += 5) {
      for (const std::size_t length : {1u, 4u, 9u}) {
        const std::string stop = text.substr(at, length);
        const std::size_t match = text.find(stop);
        CAPTURE(stop);
        Generate request = endless("stop-" + std::to_string(at) + "-" + std::to_string(length));
        request.stop = {"no such text", stop};
        const Answer answer = run(client, request);
        CHECK(answer.finished->reason == FinishReason::kStop);
        CHECK(answer.text == text.substr(0, match));
        // Tokens count that gave text before the match: the fewest whose text reaches it.
        std::size_t tokens = 0;
        while (texts[tokens].size() < match) ++tokens;
        CHECK(answer.ids.size() == tokens);
        CHECK(answer.finished->usage.output_tokens == tokens);
        CHECK(answer.ids == std::vector<TokenId>(ids.begin(), ids.begin() + static_cast<long>(answer.ids.size())));
        if (texts[tokens].size() > match) ++num_across;
      }
    }
    CHECK(num_across > 10);  // Matches that begin inside a token.
  }

  TEST_CASE("a stop string that never comes, or only its beginning, costs nothing of the text") {
    EngineUnderTest engine({});
    Conversation client(engine);
    const Answer whole = run(client, endless("whole"));
    for (const std::size_t length : {1u, 3u, 10u}) {
      Generate request = endless("tail-" + std::to_string(length));
      // The text ends in the middle of it: what was held back comes in the end.
      request.stop = {whole.text.substr(whole.text.size() - length) + "\x01"};
      const Answer answer = run(client, request);
      CHECK(answer.finished->reason == FinishReason::kLength);
      CHECK(answer.text == whole.text);
      CHECK(answer.ids == whole.ids);
      CHECK(answer.finished->usage.output_tokens == kLength);
    }
  }

  TEST_CASE("a stop string of the whole output gives an empty one") {
    EngineUnderTest engine({});
    Conversation client(engine);
    const Answer whole = run(client, endless("whole"));
    Generate request = endless("nothing");
    request.stop = {whole.text.substr(0, 20)};
    const Answer answer = run(client, request);
    CHECK(answer.text.empty());
    CHECK(answer.ids.empty());
    CHECK(answer.finished->reason == FinishReason::kStop);
    CHECK(answer.finished->usage.output_tokens == 0);
  }

  TEST_CASE("a stop string in reach of the credit ends a request that waits for more") {
    EngineUnderTest engine({});
    Conversation client(engine);
    const Answer whole = run(client, endless("whole"));
    // The match takes more tokens than the client has granted; nobody can know before it grants on.
    Generate request = endless("slow");
    request.stop = {whole.text.substr(whole.text.size() / 2, 12)};
    request.credit_tokens = 1;
    client.generate(request);
    while (!client.of("slow").has_ended()) {
      client.credit("slow", client.of("slow").next_index() + 1);
      client.settle();
    }
    CHECK(client.of("slow").answer.text == whole.text.substr(0, whole.text.find(request.stop[0])));
  }

  TEST_CASE("stop_token_ids end the output at their first occurrence, and are not part of it") {
    EngineUnderTest engine({});
    Conversation client(engine);
    const Answer whole = run(client, endless("whole"));
    for (const std::size_t index : {0u, 1u, 7u, 30u}) {
      const TokenId stop = whole.ids[index];
      const auto end = std::find(whole.ids.begin(), whole.ids.end(), stop);
      Generate request = endless("stop-" + std::to_string(index));
      request.stop_token_ids = {4000, stop};
      const Answer answer = run(client, request);
      CHECK(answer.finished->reason == FinishReason::kStop);
      CHECK(answer.ids == std::vector<TokenId>(whole.ids.begin(), end));
      CHECK(answer.finished->usage.output_tokens == answer.ids.size());
      CHECK(whole.text.starts_with(answer.text));
    }
  }

  TEST_CASE("the end-of-sequence token ends the output, unless the request goes on") {
    EngineUnderTest engine({});
    Conversation client(engine);
    Generate request = endless("ended");
    request.ignore_eos = false;
    request.sampling->logit_bias = {{5, 100.0f}};  // <|end_of_turn|>
    const Answer ended = run(client, request);
    CHECK(ended.finished->reason == FinishReason::kStop);
    CHECK(ended.ids.empty());
    CHECK(ended.text.empty());
    request.request_id = "goes-on";
    request.ignore_eos = true;
    const Answer goes_on = run(client, request);
    CHECK(goes_on.finished->reason == FinishReason::kLength);
    CHECK(goes_on.ids == std::vector<TokenId>(kLength, 5));
    CHECK(goes_on.text.empty());  // A control token has no text.
  }
}

}  // namespace
}  // namespace sluice::test
