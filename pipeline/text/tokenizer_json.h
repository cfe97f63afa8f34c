// tokenizer.json and tokenizer_config.json to the parts of a Tokenizer.
//
// Taken: BPE over bytes (merges as "a b" or ["a", "b"], ignore_merges); no normalizer, NFC, or a sequence of these;
// Split by a regular expression, Isolated, and ByteLevel at the end, alone or in a sequence; TemplateProcessing with
// one text, ByteLevel, or a sequence of these; the ByteLevel decoder; added tokens without single_word. Truncation and
// padding are not read: they describe batches for training.
#pragma once

#include <memory>
#include <string_view>

#include "base/error.h"
#include "pipeline/text/tokenizer_parts.h"

namespace sluice {

// kModelLoadFailed: anything else, by the name of file and construct. `name` is that of tokenizer.json in messages.
Result<std::unique_ptr<const TokenizerParts>> read_tokenizer_parts(std::string_view tokenizer_json,
                                                                   std::string_view tokenizer_config_json,
                                                                   std::string_view name);

}  // namespace sluice
