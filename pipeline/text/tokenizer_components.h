// The parts of tokenizer.json that are lists of typed steps: normalizer, pre_tokenizer, post_processor, decoder.
// Private to this folder's .cpp files. Errors: kModelLoadFailed, naming the part and the type that is not supported.
#pragma once

#include "base/error.h"
#include "pipeline/text/json_reading.h"
#include "pipeline/text/tokenizer_parts.h"

namespace sluice {

// `json` is the whole tokenizer.json; an absent part means none.
Result<Normalizer> read_normalizer(const json_reading::Json& json, std::string_view name);
Result<PreTokenizer> read_pre_tokenizer(const json_reading::Json& json, std::string_view name);
Result<PostProcessor> read_post_processor(const json_reading::Json& json, const Vocabulary& vocabulary,
                                          std::string_view name);
Result<void> check_decoder(const json_reading::Json& json, std::string_view name);

}  // namespace sluice
