// The parts that a Tokenizer is a sequence of, in the order in which a text meets them.
#pragma once

#include <optional>

#include "base/id.h"
#include "pipeline/text/added_tokens.h"
#include "pipeline/text/bpe.h"
#include "pipeline/text/normalizer.h"
#include "pipeline/text/post_processor.h"
#include "pipeline/text/pre_tokenizer.h"
#include "pipeline/text/token_decoder.h"
#include "pipeline/text/vocabulary.h"

namespace sluice {

struct TokenizerParts {
  Vocabulary vocabulary;
  AddedTokens added_verbatim;  // Looked for in the text as it came,
  Normalizer normalizer;
  AddedTokens added_normalized;  // and in what the normalizer made of the rest.
  PreTokenizer pre_tokenizer;
  std::optional<Bpe> bpe;  // Refers to `vocabulary`, so parts do not move. Absent where there are only token ids.
  PostProcessor post_processor;
  TokenDecoder decoder;
  std::optional<TokenId> bos_id;
  std::optional<TokenId> eos_id;
};

}  // namespace sluice
