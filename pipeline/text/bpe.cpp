#include "pipeline/text/bpe.h"

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "pipeline/text/byte_level.h"
#include "pipeline/text/utf8.h"

namespace sluice {
namespace {

// Up to this many symbols a scan for the best pair beats the heap.
constexpr std::size_t kShortSymbolsMax = 32;
constexpr std::size_t kSeenBytesMax = 64;
constexpr std::size_t kSeenEntriesMax = 8192;
constexpr std::uint32_t kNoRank = std::numeric_limits<std::uint32_t>::max();

std::uint64_t pair_key(TokenId left, TokenId right) {
  return (std::uint64_t{static_cast<std::uint32_t>(left)} << 32) | static_cast<std::uint32_t>(right);
}

constexpr std::string_view kMetaspace = "\u2581";

std::string fallback_spelling(unsigned byte) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  return {'<', '0', 'x', kDigits[byte >> 4], kDigits[byte & 15U], '>'};
}

// The code point of a spelling that is a single character.
std::optional<char32_t> single_character(std::string_view spelling) {
  if (spelling.empty() || spelling.size() > 4) return std::nullopt;
  const Utf8Step step = next_utf8(spelling);
  if (step.kind != Utf8Kind::kCharacter || step.size_bytes != spelling.size()) return std::nullopt;
  return step.code_point;
}

}  // namespace

Result<Bpe> Bpe::create(const Vocabulary& vocabulary, const MergeList& merges, const BpeOptions& options) {
  Bpe bpe(vocabulary);
  bpe.is_byte_level_ = options.is_byte_level;
  bpe.ignore_merges_ = options.ignore_merges;
  bpe.fuses_unknown_ = options.fuses_unknown;
  if (auto read = bpe.read_symbols(options); !read) return read.error();
  if (auto read = bpe.read_merges(merges); !read) return read.error();
  return bpe;
}

Result<void> Bpe::read_symbols(const BpeOptions& options) {
  bool is_complete = options.is_byte_level;
  for (unsigned byte = 0; byte < 256; ++byte) {
    byte_ids_[byte] =
        vocabulary_->model_id_of(byte_level_spelling(static_cast<unsigned char>(byte))).value_or(kNoToken);
    is_complete = is_complete && byte_ids_[byte] != kNoToken;
    fallback_ids_[byte] = kNoToken;
    if (options.has_byte_fallback) {
      fallback_ids_[byte] = vocabulary_->model_id_of(fallback_spelling(byte)).value_or(kNoToken);
    }
  }
  if (!options.is_byte_level) {
    for (TokenId id = 0; id < vocabulary_->size(); ++id) {
      const auto character = single_character(vocabulary_->spelling(id));
      if (character && vocabulary_->is_of_model(id)) character_ids_.insert(*character, id);
    }
  }
  if (options.unknown_token.empty()) return {};
  unknown_id_ = vocabulary_->model_id_of(options.unknown_token).value_or(kNoToken);
  if (unknown_id_ == kNoToken && !is_complete) {
    return Error{ErrorCode::kModelLoadFailed,
                 "the vocabulary lacks the unknown token " + in_quotes(options.unknown_token)};
  }
  return {};
}

Result<void> Bpe::read_merges(const MergeList& merges) {
  parts_at_metaspace_ = character_ids_.find(0x2581) != nullptr;
  merges_.reserve(merges.size());
  std::uint32_t rank = 0;
  std::string joined;
  for (const auto& [left, right] : merges) {
    joined.assign(left).append(right);
    const auto left_id = vocabulary_->model_id_of(left);
    const auto right_id = vocabulary_->model_id_of(right);
    const auto merged_id = vocabulary_->model_id_of(joined);
    if (!left_id || !right_id || !merged_id) {
      return Error{ErrorCode::kModelLoadFailed, "merge " + std::to_string(rank) + " needs the token " +
                                                    in_quotes(!left_id    ? left
                                                              : !right_id ? right
                                                                          : joined) +
                                                    ", which the vocabulary lacks"};
    }
    if (right.starts_with(kMetaspace) && !left.ends_with(kMetaspace)) parts_at_metaspace_ = false;
    if (!vocabulary_->is_special(*merged_id)) merges_.insert(pair_key(*left_id, *right_id), {rank, *merged_id});
    ++rank;
  }
  return {};
}

const Bpe::Merge* Bpe::merge_of(TokenId left, TokenId right) const {
  return merges_.find(pair_key(left, right));
}

std::optional<TokenId> Bpe::whole(std::string_view pre_token) const {
  const auto id =
      is_byte_level_ ? vocabulary_->model_id_of(to_byte_level(pre_token)) : vocabulary_->model_id_of(pre_token);
  if (id && vocabulary_->is_special(*id)) return std::nullopt;
  return id;
}

void Bpe::encode(std::string_view pre_token, BpeScratch& scratch, std::vector<TokenId>& ids) const {
  SLUICE_CHECK(!pre_token.empty());
  if (!parts_at_metaspace_) return encode_part(pre_token, scratch, ids);
  if (ignore_merges_) {
    if (const auto id = whole(pre_token)) return ids.push_back(*id);
  }
  // Nothing is merged across these borders, so each part can be looked up among those seen.
  while (!pre_token.empty()) {
    std::size_t size = 0;
    while (pre_token.substr(size).starts_with(kMetaspace)) size += kMetaspace.size();
    size = std::min(pre_token.find(kMetaspace, size), pre_token.size());
    encode_part(pre_token.substr(0, size), scratch, ids);
    pre_token.remove_prefix(size);
  }
}

void Bpe::encode_part(std::string_view part, BpeScratch& scratch, std::vector<TokenId>& ids) const {
  const bool is_kept = part.size() <= kSeenBytesMax;
  if (is_kept) {
    if (const auto seen = scratch.seen_.find(part); seen != scratch.seen_.end()) {
      const auto begin = scratch.seen_ids_.begin() + seen->second.begin;
      ids.insert(ids.end(), begin, begin + seen->second.size);
      return;
    }
  }
  const std::size_t first = ids.size();
  std::optional<TokenId> id;
  if (ignore_merges_ && !parts_at_metaspace_) id = whole(part);
  if (id) {
    ids.push_back(*id);
  } else {
    append_symbols(part, ids);
    if (ids.size() - first <= kShortSymbolsMax) {
      merge_short(first, scratch, ids);
    } else {
      merge_long(first, scratch, ids);
    }
  }
  if (is_kept && scratch.seen_.size() < kSeenEntriesMax) {
    const auto begin = static_cast<std::uint32_t>(scratch.seen_ids_.size());
    scratch.seen_ids_.insert(scratch.seen_ids_.end(), ids.begin() + static_cast<std::ptrdiff_t>(first), ids.end());
    scratch.seen_.emplace(part, BpeScratch::Encoded{begin, static_cast<std::uint32_t>(ids.size() - first)});
  }
}

void Bpe::append_symbols(std::string_view part, std::vector<TokenId>& ids) const {
  bool is_unknown_due = false;
  const auto append_unknown = [&] {
    if (is_unknown_due) ids.push_back(unknown_id_);
    is_unknown_due = false;
  };
  const auto append = [&](TokenId id, std::string_view spelling) {
    if (id != kNoToken) {
      append_unknown();
      ids.push_back(id);
      return;
    }
    const auto fallback_of = [&](char c) { return fallback_ids_[static_cast<unsigned char>(c)]; };
    if (std::all_of(spelling.begin(), spelling.end(), [&](char c) { return fallback_of(c) != kNoToken; })) {
      // Before an unknown token that is still due, as in the reference implementation.
      for (const char c : spelling) ids.push_back(fallback_of(c));
      return;
    }
    if (unknown_id_ == kNoToken) return;
    if (!fuses_unknown_) append_unknown();
    is_unknown_due = true;
  };
  if (is_byte_level_) {
    for (const char c : part) {
      const auto byte = static_cast<unsigned char>(c);
      append(byte_ids_[byte], byte_level_spelling(byte));
    }
  } else {
    for (std::string_view rest = part; !rest.empty();) {
      const Utf8Step step = next_utf8(rest);
      const TokenId* id = character_ids_.find(step.code_point);
      append(id == nullptr ? kNoToken : *id, rest.substr(0, step.size_bytes));
      rest.remove_prefix(step.size_bytes);
    }
  }
  append_unknown();
}

void Bpe::merge_short(std::size_t first, BpeScratch& scratch, std::vector<TokenId>& ids) const {
  const std::size_t num_symbols = ids.size() - first;  // ids[first], ids[first + 1], ...
  if (num_symbols == 0) return;
  std::vector<std::uint32_t>& ranks = scratch.ranks_;  // Of the pair of each symbol and the next.
  const auto rank_at = [&](std::size_t i) {
    if (first + i + 1 >= ids.size()) return kNoRank;
    const Merge* merge = merge_of(ids[first + i], ids[first + i + 1]);
    return merge == nullptr ? kNoRank : merge->rank;
  };
  ranks.clear();
  for (std::size_t i = 0; i < num_symbols; ++i) ranks.push_back(rank_at(i));
  while (true) {
    const auto best = std::min_element(ranks.begin(), ranks.end());  // The leftmost of equals.
    if (*best == kNoRank) return;
    const auto i = static_cast<std::size_t>(best - ranks.begin());
    ids[first + i] = merge_of(ids[first + i], ids[first + i + 1])->merged_id;
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(first + i + 1));
    ranks.erase(ranks.begin() + static_cast<std::ptrdiff_t>(i + 1));
    ranks[i] = rank_at(i);
    if (i > 0) ranks[i - 1] = rank_at(i - 1);
  }
}

void Bpe::push_candidate(BpeScratch& scratch, std::int32_t position) const {
  const auto& symbol = scratch.symbols_[static_cast<std::size_t>(position)];
  if (symbol.next < 0) return;
  const Merge* merge = merge_of(symbol.id, scratch.symbols_[static_cast<std::size_t>(symbol.next)].id);
  if (merge == nullptr) return;
  scratch.heap_.push_back({merge->rank, position, merge->merged_id});
}

void Bpe::merge_long(std::size_t first, BpeScratch& scratch, std::vector<TokenId>& ids) const {
  auto& symbols = scratch.symbols_;
  auto& heap = scratch.heap_;
  const auto comes_later = [](const BpeScratch::Candidate& a, const BpeScratch::Candidate& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.position > b.position;
  };
  const auto at = [&](std::int32_t i) -> BpeScratch::Symbol& { return symbols[static_cast<std::size_t>(i)]; };
  const auto num_symbols = static_cast<std::int32_t>(ids.size() - first);

  symbols.assign(ids.size() - first, {});
  for (std::int32_t i = 0; i < num_symbols; ++i) {
    at(i).id = ids[first + static_cast<std::size_t>(i)];
    at(i).previous = i - 1;
    at(i).next = i + 1 < num_symbols ? i + 1 : -1;
  }
  heap.clear();
  for (std::int32_t i = 0; i < num_symbols; ++i) push_candidate(scratch, i);
  std::make_heap(heap.begin(), heap.end(), comes_later);

  const auto push = [&](std::int32_t position) {
    const std::size_t before = heap.size();
    push_candidate(scratch, position);
    if (heap.size() > before) std::push_heap(heap.begin(), heap.end(), comes_later);
  };
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), comes_later);
    const BpeScratch::Candidate candidate = heap.back();
    heap.pop_back();
    BpeScratch::Symbol& symbol = at(candidate.position);
    // Stale if the symbol is gone or its pair has changed since.
    if (symbol.is_merged_away || symbol.next < 0) continue;
    BpeScratch::Symbol& right = at(symbol.next);
    const Merge* merge = merge_of(symbol.id, right.id);
    if (merge == nullptr || merge->rank != candidate.rank) continue;
    symbol.id = candidate.merged_id;
    symbol.next = right.next;
    right.is_merged_away = true;
    if (symbol.next >= 0) at(symbol.next).previous = candidate.position;
    push(candidate.position);
    if (symbol.previous >= 0) push(symbol.previous);
  }
  ids.resize(first);
  for (std::int32_t i = 0; i >= 0; i = at(i).next) ids.push_back(at(i).id);
}

}  // namespace sluice
