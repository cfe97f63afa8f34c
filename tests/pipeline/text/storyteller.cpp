#include "tests/pipeline/text/storyteller.h"

#include <doctest/doctest.h>

#include <fstream>

#include "pipeline/text/byte_level.h"
#include "tests/support/paths.h"

namespace sluice::test {

const Tokenizer& storyteller() {
  static const auto tokenizer = Tokenizer::load(source_path("examples/models/storyteller-llama"));
  REQUIRE_MESSAGE(tokenizer.ok(), (tokenizer.ok() ? "" : to_string(tokenizer.error())));
  return **tokenizer;
}

Json read_json(const std::string& relative_path) {
  std::ifstream file(source_path(relative_path));
  REQUIRE(file.good());
  return Json::parse(file);
}

Json byte_tokenizer_json(const std::vector<std::pair<std::string, std::string>>& merges) {
  Json vocab = Json::object();
  for (unsigned byte = 0; byte < 256; ++byte) {
    vocab[std::string(byte_level_spelling(static_cast<unsigned char>(byte)))] = byte;
  }
  Json merge_list = Json::array();
  for (const auto& [left, right] : merges) {
    merge_list.push_back({left, right});
    if (!vocab.contains(left + right)) vocab[left + right] = vocab.size();
  }
  return {{"added_tokens", Json::array()},
          {"normalizer", nullptr},
          {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}}},
          {"post_processor", nullptr},
          {"decoder", {{"type", "ByteLevel"}}},
          {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", merge_list}}}};
}

TokenId add_token(Json& tokenizer_json, const std::string& content, bool is_special, bool is_normalized) {
  const auto id = static_cast<TokenId>(tokenizer_json["model"]["vocab"].size() + tokenizer_json["added_tokens"].size());
  tokenizer_json["added_tokens"].push_back({{"id", id},
                                            {"content", content},
                                            {"single_word", false},
                                            {"lstrip", false},
                                            {"rstrip", false},
                                            {"normalized", is_normalized},
                                            {"special", is_special}});
  return id;
}

std::unique_ptr<const Tokenizer> load(const Json& tokenizer_json, const std::string& config_json) {
  auto tokenizer = Tokenizer::from_json(tokenizer_json.dump(), config_json);
  REQUIRE_MESSAGE(tokenizer.ok(), (tokenizer.ok() ? "" : to_string(tokenizer.error())));
  return std::move(*tokenizer);
}

}  // namespace sluice::test
