// Text to token ids and back, as a model's tokenizer.json describes it: byte-pair encoding.
//
// A tokenizer is a sequence of parts, each in a file of its own: added tokens are cut out (added_tokens.h), the rest is
// normalized (normalizer.h), cut into pre-tokens (pre_tokenizer.h), merged (bpe.h), and a template adds what opens or
// closes a text (post_processor.h). The way back is token_decoder.h. tokenizer_json.h reads the parts; a construct it
// does not know is refused by name.
//
// Owns:       vocabulary and compiled expressions; immutable once loaded.
// Thread:     any number of threads may call const members at once.
// Errors:     kModelLoadFailed for files, naming file and construct; kInvalidRequest for text.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/id.h"
#include "pipeline/text/token_decoder.h"

namespace sluice {

inline constexpr std::size_t kTokenizerJsonBytesMax = std::size_t{64} << 20;
inline constexpr std::size_t kTokenizerTextBytesMax = std::size_t{16} << 20;
inline constexpr TokenId kVocabularySizeMax = TokenId{1} << 21;

// Why a model without tokenizer.json takes no text.
inline constexpr const char* kNoTokenizer = "this model has no tokenizer; send token ids";

struct EncodeOptions {
  bool add_special_tokens = true;     // Whether the post-processor adds its tokens (begin-of-text).
  bool parse_special_tokens = false;  // Whether "<|user|>" in the text is a control token. If not, it is ordinary text.
};

// A piece of a rendered prompt. Only in trusted pieces (from the template, not from a user) special tokens are parsed;
// a control token's text must lie wholly in trusted pieces to count. Pieces are otherwise read as one continuous text.
struct TextSegment {
  std::string text;
  bool is_trusted = false;

  friend bool operator==(const TextSegment&, const TextSegment&) = default;
};

struct TokenizerParts;

class Tokenizer {
 public:
  // Reads tokenizer.json and tokenizer_config.json of a Hugging Face model directory. In one of a tokenizer alone,
  // without config.json, the tokenizer_class counts as it does in transformers (docs/decisions/0022-tokenizers.md).
  static Result<std::unique_ptr<const Tokenizer>> load(const std::filesystem::path& model_dir);

  // The same from the files' contents. `tokenizer_config_json` may be empty: no begin and end of text then.
  static Result<std::unique_ptr<const Tokenizer>> from_json(std::string_view tokenizer_json,
                                                            std::string_view tokenizer_config_json,
                                                            std::string_view name = "tokenizer");

  // For a model without tokenizer.json: token 17 stands for the text "[17]", none is special, and encoding fails with
  // kInvalidRequest. kModelLoadFailed: vocab_size beyond kVocabularySizeMax.
  static Result<std::unique_ptr<const Tokenizer>> of_ids(TokenId vocab_size);

  ~Tokenizer();
  Tokenizer(const Tokenizer&) = delete;
  Tokenizer& operator=(const Tokenizer&) = delete;

  // Token ids of a text. kInvalidRequest: not UTF-8, or more than kTokenizerTextBytesMax.
  // Without parse_special_tokens no added token is recognised, those not marked special included: DeepSeek's
  // "<｜User｜>" is one of these.
  Result<std::vector<TokenId>> encode(std::string_view utf8, EncodeOptions options = {}) const;
  Result<std::vector<TokenId>> encode_segments(std::span<const TextSegment> segments, bool add_special_tokens) const;

  // One more than the largest token id; ids in between may be unused.
  TokenId vocab_size() const;

  // The same without added tokens: what ordinary text can give.
  TokenId model_vocab_size() const;

  bool contains(TokenId id) const;

  // The bytes that a token stands for, possibly part of a UTF-8 character, and what the decoder makes them from. Empty
  // for an id that no token has. Valid as long as the tokenizer.
  std::string_view token_bytes(TokenId id) const;
  std::string_view decoded_spelling(TokenId id) const;

  // Whether it is one byte of a run, and how all tokens together become text (token_decoder.h).
  bool is_byte(TokenId id) const;
  const TokenDecoder& decoder() const;

  bool is_special(TokenId id) const;

  // By the spelling in tokenizer.json (added tokens as they are, others in the byte-level alphabet).
  std::optional<TokenId> id_of(std::string_view token) const;

  std::optional<TokenId> bos_id() const;
  std::optional<TokenId> eos_id() const;

  // All of a token sequence at once; bytes that are not UTF-8 become U+FFFD. Ids that no token has give nothing.
  std::string decode(std::span<const TokenId> ids, bool skip_special = true) const;

 private:
  explicit Tokenizer(std::unique_ptr<const TokenizerParts> parts);

  static Result<std::unique_ptr<const Tokenizer>> of_parts(Result<std::unique_ptr<const TokenizerParts>> parts);

  std::unique_ptr<const TokenizerParts> parts_;
};

}  // namespace sluice
