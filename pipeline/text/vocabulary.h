// The tokens of a model: how tokenizer.json spells them, which bytes they stand for, which are special.
//
// Some are tokens of the model, which encoding works with; others are added tokens alone.
//
// Owns:       the strings. Immutable once filled.
// Invariant:  an id has one spelling, a spelling has one id; 0 <= id < kVocabularySizeMax.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "base/id.h"
#include "pipeline/text/token_decoder.h"

namespace sluice {

inline constexpr TokenId kNoToken = -1;
inline constexpr std::size_t kTokenBytesMax = 4096;

class Vocabulary {
 public:
  enum class Source : std::uint8_t { kModel, kAdded };

  // The same pair twice is allowed, and the first source counts. kModelLoadFailed: an id out of range, an id or a
  // spelling that is taken, one of more than kTokenBytesMax.
  Result<void> add(std::string_view spelling, std::int64_t id, Source source = Source::kModel);

  // Has the token decoded as if it were spelt so, as the normalizer would. `id` has been added.
  void decode_as(TokenId id, std::string spelling);

  // Finds out what bytes the tokens stand for. kModelLoadFailed: absurdly many.
  Result<void> decode_tokens(const TokenDecoder& decoder);

  // `id` has been added.
  void mark_special(TokenId id);

  // One more than the largest id.
  TokenId size() const { return static_cast<TokenId>(tokens_.size()); }

  // The same of the model's tokens alone.
  TokenId model_size() const { return model_size_; }

  bool contains(TokenId id) const { return id >= 0 && id < size() && at(id).is_used; }
  bool is_of_model(TokenId id) const { return contains(id) && at(id).source == Source::kModel; }
  bool is_special(TokenId id) const { return contains(id) && at(id).is_special; }

  // Empty for an id that no token has.
  std::string_view spelling(TokenId id) const;
  std::string_view bytes(TokenId id) const;
  std::string_view decoded_spelling(TokenId id) const;  // What bytes() are decoded from.

  // Whether it stands for one byte of a run (TokenDecoder).
  bool is_byte(TokenId id) const { return contains(id) && at(id).is_byte; }

  std::optional<TokenId> id_of(std::string_view spelling) const;
  std::optional<TokenId> model_id_of(std::string_view spelling) const;  // Added tokens alone are left out.

 private:
  struct Token {
    bool is_used = false;
    bool is_special = false;
    bool is_byte = false;
    Source source = Source::kModel;
    std::string spelling;
    std::string bytes;
  };
  // Of an open-addressing table from spellings to ids, small enough for the cache: loading looks up every part of every
  // merge.
  struct Slot {
    std::uint32_t hash = 0;
    TokenId id = kNoToken;  // Free if kNoToken.
  };

  const Token& at(TokenId id) const { return tokens_[static_cast<std::size_t>(id)]; }

  // The slot of the spelling, or the free one where it would go. There are slots.
  std::size_t slot_of(std::string_view spelling, std::uint32_t hash) const;
  void grow_slots();

  std::vector<Token> tokens_;
  std::vector<Slot> slots_;  // A power of two, at most half full.
  std::size_t num_spellings_ = 0;
  TokenId model_size_ = 0;
  std::unordered_map<TokenId, std::string> decoded_spellings_;  // Where it is another than the spelling.
};

// A string from a file, fit for an error message: quoted, shortened, control characters replaced.
std::string in_quotes(std::string_view text);

}  // namespace sluice
