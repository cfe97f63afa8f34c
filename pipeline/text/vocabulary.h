// The tokens of a model: how tokenizer.json spells them, which bytes they stand for, which are special.
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

namespace sluice {

class Vocabulary {
 public:
  // The same pair twice is allowed. kModelLoadFailed: an id out of range, an id or a spelling that is taken.
  Result<void> add(std::string_view spelling, std::int64_t id);

  // `id` has been added.
  void mark_special(TokenId id);

  // One more than the largest id.
  TokenId size() const { return static_cast<TokenId>(tokens_.size()); }

  bool contains(TokenId id) const { return id >= 0 && id < size() && at(id).is_used; }
  bool is_special(TokenId id) const { return contains(id) && at(id).is_special; }

  // Empty for an id that no token has.
  std::string_view spelling(TokenId id) const;
  std::string_view bytes(TokenId id) const;

  std::optional<TokenId> id_of(std::string_view spelling) const;

 private:
  struct Token {
    std::string spelling;
    std::string bytes;
    bool is_used = false;
    bool is_special = false;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };

  const Token& at(TokenId id) const { return tokens_[static_cast<std::size_t>(id)]; }

  std::vector<Token> tokens_;
  std::unordered_map<std::string, TokenId, Hash, std::equal_to<>> ids_;
};

// A string from a file, fit for an error message: quoted, shortened, control characters replaced.
std::string in_quotes(std::string_view text);

}  // namespace sluice
