// Byte-pair encoding: the symbols of a pre-token are joined pair by pair, always the pair of the lowest rank first and
// the leftmost of equals, until no pair is left that has a merge.
//
// Symbols are at first the bytes of the pre-token, each by its token in the byte-level alphabet, or its characters. A
// character that is no token becomes the tokens of its bytes ("<0xE2>"; byte fallback), or else the unknown token, or
// else nothing.
//
// O(n log n) in the symbols of a pre-token: a linked list and a heap of candidate merges.
//
// Thread:     a Bpe is immutable; a BpeScratch belongs to one call.
// Invariant:  encoding never yields a special token: merges that would are left out (their text in a prompt is ordinary
//             text; where it counts as a control token, added_tokens.h has cut it out before). The unknown token, and a
//             special token of a single byte or character are exceptions, as there is no other way to write these.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/id.h"
#include "pipeline/text/flat_map.h"
#include "pipeline/text/vocabulary.h"

namespace sluice {

// Memory that one encoding call reuses from pre-token to pre-token, and the pre-tokens that it has seen. The views that
// it keeps must stay valid until it is destroyed.
class BpeScratch {
 private:
  friend class Bpe;

  struct Symbol {
    TokenId id = 0;
    std::int32_t previous = -1;
    std::int32_t next = -1;
    bool is_merged_away = false;
  };
  struct Candidate {
    std::uint32_t rank = 0;
    std::int32_t position = 0;
    TokenId merged_id = 0;
  };
  struct Encoded {
    std::uint32_t begin = 0;
    std::uint32_t size = 0;
  };

  std::vector<Symbol> symbols_;
  std::vector<Candidate> heap_;
  std::vector<std::uint32_t> ranks_;
  std::vector<TokenId> seen_ids_;
  std::unordered_map<std::string_view, Encoded> seen_;
};

using MergeList = std::vector<std::pair<std::string, std::string>>;

struct BpeOptions {
  bool is_byte_level = true;   // Symbols are bytes, else characters.
  bool ignore_merges = false;  // A pre-token that is a token as a whole stays whole.
  bool has_byte_fallback = false;
  std::string unknown_token;   // Empty: none.
  bool fuses_unknown = false;  // A run of unknown characters is one unknown token.
};

class Bpe {
 public:
  // Merges in order of rank. kModelLoadFailed: a merge names a token that the vocabulary lacks, or the unknown token is
  // needed and none. The vocabulary must outlive this, and have its special tokens marked.
  static Result<Bpe> create(const Vocabulary& vocabulary, const MergeList& merges, const BpeOptions& options);

  // Appends the tokens of one pre-token, which must not be empty.
  void encode(std::string_view pre_token, BpeScratch& scratch, std::vector<TokenId>& ids) const;

 private:
  struct Merge {
    std::uint32_t rank = 0;
    TokenId merged_id = 0;
  };

  explicit Bpe(const Vocabulary& vocabulary) : vocabulary_(&vocabulary) {}

  Result<void> read_symbols(const BpeOptions& options);
  Result<void> read_merges(const MergeList& merges);
  const Merge* merge_of(TokenId left, TokenId right) const;
  std::optional<TokenId> whole(std::string_view pre_token) const;
  void encode_part(std::string_view part, BpeScratch& scratch, std::vector<TokenId>& ids) const;
  void append_symbols(std::string_view part, std::vector<TokenId>& ids) const;
  void merge_short(std::size_t first, BpeScratch& scratch, std::vector<TokenId>& ids) const;
  void merge_long(std::size_t first, BpeScratch& scratch, std::vector<TokenId>& ids) const;
  void push_candidate(BpeScratch& scratch, std::int32_t position) const;

  const Vocabulary* vocabulary_;
  FlatMap64<Merge> merges_;
  bool is_byte_level_ = true;
  bool ignore_merges_ = false;
  std::array<TokenId, 256> byte_ids_{};      // Of each byte in the byte-level alphabet, or kNoToken.
  FlatMap64<TokenId> character_ids_;         // By code point, where symbols are characters.
  std::array<TokenId, 256> fallback_ids_{};  // Of "<0x00>" to "<0xFF>", or kNoToken.
  TokenId unknown_id_ = kNoToken;
  bool fuses_unknown_ = false;
  bool parts_at_metaspace_ = false;  // No merge joins U+2581 to what is before it, unless that ends with one too.
};

}  // namespace sluice
