// Byte-pair encoding: the bytes of a pre-token are joined pair by pair, always the pair of the lowest rank first and
// the leftmost of equals, until no pair is left that has a merge.
//
// O(n log n) in the bytes of a pre-token: a linked list of symbols and a heap of candidate merges.
//
// Thread:     a Bpe is immutable; a BpeScratch belongs to one call.
// Invariant:  encoding never yields a special token: merges that would are left out (their text in a prompt is ordinary
//             text; where it counts as a control token, added_tokens.h has cut it out before). A special token of a
//             single byte is the exception, as there is no other way to write that byte.
#pragma once

#include <array>
#include <cstdint>
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

class Bpe {
 public:
  // Merges in order of rank. kModelLoadFailed: a merge names a token that the vocabulary lacks, or one of the 256 bytes
  // is no token. The vocabulary must outlive this, and have its special tokens marked.
  static Result<Bpe> create(const Vocabulary& vocabulary,
                            const std::vector<std::pair<std::string, std::string>>& merges, bool ignore_merges);

  // Appends the tokens of one pre-token, which must not be empty.
  void encode(std::string_view pre_token, BpeScratch& scratch, std::vector<TokenId>& ids) const;

 private:
  struct Merge {
    std::uint32_t rank = 0;
    TokenId merged_id = 0;
  };

  explicit Bpe(const Vocabulary& vocabulary) : vocabulary_(&vocabulary) {}

  const Merge* merge_of(TokenId left, TokenId right) const;
  void merge_short(std::string_view pre_token, BpeScratch& scratch, std::vector<TokenId>& ids) const;
  void merge_long(std::string_view pre_token, BpeScratch& scratch, std::vector<TokenId>& ids) const;
  void push_candidate(BpeScratch& scratch, std::int32_t position) const;

  const Vocabulary* vocabulary_;
  FlatMap64<Merge> merges_;
  std::array<TokenId, 256> byte_ids_{};
  bool ignore_merges_ = false;  // A pre-token that is a token as a whole stays whole.
};

}  // namespace sluice
