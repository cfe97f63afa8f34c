// tokenizer.json and tokenizer_config.json to the parts of a Tokenizer.
//
// Taken: BPE over bytes or over characters (merges as "a b" or ["a", "b"], ignore_merges, byte_fallback, unk_token,
// fuse_unk); Unicode normalizers, Prepend and Replace; Split, Digits, Metaspace, and ByteLevel at the end;
// TemplateProcessing with one text, ByteLevel; the decoders ByteLevel, Metaspace, and Replace, ByteFallback, Fuse and
// Strip in this order; sequences of all these; added tokens. Truncation and padding are not read: they describe batches
// for training.
#pragma once

#include <memory>
#include <string_view>

#include "base/error.h"
#include "pipeline/text/tokenizer_parts.h"

namespace sluice {

// Whether "tokenizer_class" of tokenizer_config.json counts (docs/decisions/0022-tokenizers.md).
enum class TokenizerClass { kIgnored, kCounts };

// kModelLoadFailed: anything else, by the name of file and construct. `name` is that of tokenizer.json in messages.
Result<std::unique_ptr<const TokenizerParts>> read_tokenizer_parts(std::string_view tokenizer_json,
                                                                   std::string_view tokenizer_config_json,
                                                                   std::string_view name, TokenizerClass use_of_class);

}  // namespace sluice
