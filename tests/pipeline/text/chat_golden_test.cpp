// Chat renderings against those of Hugging Face transformers, with the templates of published models.
#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "pipeline/text/chat_template.h"
#include "tests/pipeline/text/storyteller.h"
#include "tests/support/paths.h"

namespace sluice {
namespace {

using OrderedJson = nlohmann::ordered_json;

// As a client would send it: what is no plain content goes into `fields`.
ChatMessage message_of(OrderedJson json) {
  ChatMessage message;
  message.role = json["role"].get<std::string>();
  json.erase("role");
  if (json.contains("content") && json["content"].is_string()) {
    message.content = json["content"].get<std::string>();
    json.erase("content");
  }
  if (!json.empty()) message.fields = json.dump();
  return message;
}

void check_renderings(const char* tokenizer) {
  const auto directory = test::shared_path(std::string("tokenizers/") + tokenizer);
  if (!directory) {
    MESSAGE("skipped: no shared tokenizers");
    return;
  }
  const auto chat_template = load_chat_template(*directory);
  REQUIRE(chat_template.ok());
  std::ifstream file(*directory / "golden.json");
  const OrderedJson golden = OrderedJson::parse(file);
  REQUIRE(golden["chat"].size() >= 10);
  for (const OrderedJson& example : golden["chat"]) {
    ChatPrompt chat;
    for (const OrderedJson& message : example["messages"]) chat.messages.push_back(message_of(message));
    if (example.contains("tools")) chat.variables = OrderedJson{{"tools", example["tools"]}}.dump();
    const auto segments = (*chat_template)->render(chat, example["add_generation_prompt"].get<bool>());
    REQUIRE_MESSAGE(segments.ok(), segments.error().message);
    std::string text;
    for (const TextSegment& segment : *segments) text += segment.text;
    CHECK(text == example["rendered"].get<std::string>());
  }
}

TEST_SUITE("pipeline/text/chat_template") {
  TEST_CASE("golden: DeepSeek-V3 conversations render as in transformers") {
    check_renderings("deepseek_v3");
  }

  TEST_CASE("golden: Qwen2.5 conversations render as in transformers") {
    check_renderings("qwen2_5");
  }
}

}  // namespace
}  // namespace sluice
