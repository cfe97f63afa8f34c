// tokenizer.json, parsed: vocabulary and merges as lists, since as trees of JSON values a quarter of a million of them
// take longer to build than all the rest of loading; everything else as it is.
// Private to this folder's .cpp files.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipeline/text/bpe.h"
#include "pipeline/text/json_reading.h"

namespace sluice {

struct TokenizerFile {
  json_reading::Json json;  // With an empty "vocab" object and an empty "merges" list in place of those below.
  std::vector<std::pair<std::string, std::int64_t>> vocab;
  MergeList merges;
};

// kModelLoadFailed: no valid JSON object, an id that is no integer, a merge that does not name two tokens.
Result<TokenizerFile> parse_tokenizer_file(std::string_view text, std::string_view name);

}  // namespace sluice
