// Our side of tokenizer_differential.py: tokenizer_lines TOKENIZER_JSON reads lines of JSON, and answers each with one.
//
//   {"text": "..."}                  {"ids": [...]}      encoded without the template, added tokens recognised
//   {"text": "...", "special": true} {"ids": [...]}      with the template's tokens
//   {"ids": [...], "skip": true}     {"text": "..."}     decoded, special tokens skipped or not
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "pipeline/text/detokenizer.h"
#include "pipeline/text/tokenizer.h"

namespace {

using Json = nlohmann::json;
using Ids = std::vector<sluice::TokenId>;

Json answer(const sluice::Tokenizer& tokenizer, const Json& line) {
  if (line.contains("text")) {
    const auto ids =
        tokenizer.encode(line["text"].get<std::string>(),
                         {.add_special_tokens = line.value("special", false), .parse_special_tokens = true});
    if (!ids) return {{"error", to_string(ids.error())}};
    return {{"ids", *ids}};
  }
  return {{"text", tokenizer.decode(line["ids"].get<Ids>(), line["skip"].get<bool>())}};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: tokenizer_lines TOKENIZER_JSON\n";
    return 2;
  }
  std::ostringstream json;
  json << std::ifstream(argv[1]).rdbuf();
  const auto tokenizer = sluice::Tokenizer::from_json(json.str(), "", argv[1]);
  if (!tokenizer) {
    std::cerr << to_string(tokenizer.error()) << "\n";
    return 1;
  }
  std::ios::sync_with_stdio(false);
  for (std::string line; std::getline(std::cin, line);) std::cout << answer(**tokenizer, Json::parse(line)) << "\n";
  return 0;
}
