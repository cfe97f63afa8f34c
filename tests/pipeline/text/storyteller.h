// The demo model's tokenizer and small ones made for a test.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "pipeline/text/tokenizer.h"

namespace sluice::test {

using Json = nlohmann::json;

// Of examples/models/storyteller-llama, loaded once.
const Tokenizer& storyteller();

// A whole file of the checkout as JSON.
Json read_json(const std::string& relative_path);

// tokenizer.json of a tokenizer with the 256 bytes as tokens 0 to 255, in order, and these merges, each with a token of
// its own from 256 on. No normalizer; the pre-tokenizer is ByteLevel alone: a whole text is one pre-token.
Json byte_tokenizer_json(const std::vector<std::pair<std::string, std::string>>& merges = {});

// Adds an added token with the next free id to a tokenizer.json, and returns the id.
TokenId add_token(Json& tokenizer_json, const std::string& content, bool is_special = true, bool is_normalized = false);

// Loads it and requires that this works.
std::unique_ptr<const Tokenizer> load(const Json& tokenizer_json, const std::string& config_json = "");

}  // namespace sluice::test
