#include "pipeline/text/bpe.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "base/check.h"
#include "pipeline/text/byte_level.h"

namespace sluice {
namespace {

// Up to this many bytes a scan for the best pair beats the heap.
constexpr std::size_t kShortBytesMax = 32;
constexpr std::size_t kSeenBytesMax = 64;
constexpr std::size_t kSeenEntriesMax = 8192;
constexpr std::uint32_t kNoRank = std::numeric_limits<std::uint32_t>::max();

std::uint64_t pair_key(TokenId left, TokenId right) {
  return (std::uint64_t{static_cast<std::uint32_t>(left)} << 32) | static_cast<std::uint32_t>(right);
}

}  // namespace

Result<Bpe> Bpe::create(const Vocabulary& vocabulary, const std::vector<std::pair<std::string, std::string>>& merges,
                        bool ignore_merges) {
  Bpe bpe(vocabulary);
  bpe.ignore_merges_ = ignore_merges;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const std::string_view spelling = byte_level_spelling(static_cast<unsigned char>(byte));
    const auto id = vocabulary.id_of(spelling);
    if (!id) {
      return Error{ErrorCode::kModelLoadFailed, "the vocabulary has no token " + in_quotes(spelling) + " for byte " +
                                                    std::to_string(byte) + ", so it is no byte-level one"};
    }
    bpe.byte_ids_[byte] = *id;
  }
  std::uint32_t rank = 0;
  for (const auto& [left, right] : merges) {
    const auto left_id = vocabulary.id_of(left);
    const auto right_id = vocabulary.id_of(right);
    const auto merged_id = vocabulary.id_of(left + right);
    if (!left_id || !right_id || !merged_id) {
      const std::string missing = !left_id ? left : !right_id ? right : left + right;
      return Error{ErrorCode::kModelLoadFailed, "merge " + std::to_string(rank) + " needs the token " +
                                                    in_quotes(missing) + ", which the vocabulary lacks"};
    }
    if (!vocabulary.is_special(*merged_id)) bpe.merges_.insert(pair_key(*left_id, *right_id), {rank, *merged_id});
    ++rank;
  }
  return bpe;
}

const Bpe::Merge* Bpe::merge_of(TokenId left, TokenId right) const {
  return merges_.find(pair_key(left, right));
}

void Bpe::encode(std::string_view pre_token, BpeScratch& scratch, std::vector<TokenId>& ids) const {
  SLUICE_CHECK(!pre_token.empty());
  if (pre_token.size() == 1) {
    ids.push_back(byte_ids_[static_cast<unsigned char>(pre_token[0])]);
    return;
  }
  const bool is_kept = pre_token.size() <= kSeenBytesMax;
  if (is_kept) {
    if (const auto seen = scratch.seen_.find(pre_token); seen != scratch.seen_.end()) {
      const auto begin = scratch.seen_ids_.begin() + seen->second.begin;
      ids.insert(ids.end(), begin, begin + seen->second.size);
      return;
    }
  }
  const std::size_t ids_before = ids.size();
  std::optional<TokenId> whole;
  if (ignore_merges_) whole = vocabulary_->id_of(to_byte_level(pre_token));
  if (whole && !vocabulary_->is_special(*whole)) {
    ids.push_back(*whole);
  } else if (pre_token.size() <= kShortBytesMax) {
    merge_short(pre_token, scratch, ids);
  } else {
    merge_long(pre_token, scratch, ids);
  }
  if (is_kept && scratch.seen_.size() < kSeenEntriesMax) {
    const auto begin = static_cast<std::uint32_t>(scratch.seen_ids_.size());
    scratch.seen_ids_.insert(scratch.seen_ids_.end(), ids.begin() + static_cast<std::ptrdiff_t>(ids_before), ids.end());
    scratch.seen_.emplace(pre_token, BpeScratch::Encoded{begin, static_cast<std::uint32_t>(ids.size() - ids_before)});
  }
}

void Bpe::merge_short(std::string_view pre_token, BpeScratch& scratch, std::vector<TokenId>& ids) const {
  const std::size_t first = ids.size();  // The symbols are ids[first], ids[first + 1], ...
  for (const char byte : pre_token) ids.push_back(byte_ids_[static_cast<unsigned char>(byte)]);
  std::vector<std::uint32_t>& ranks = scratch.ranks_;  // Of the pair of each symbol and the next.
  const auto rank_at = [&](std::size_t i) {
    if (first + i + 1 >= ids.size()) return kNoRank;
    const Merge* merge = merge_of(ids[first + i], ids[first + i + 1]);
    return merge == nullptr ? kNoRank : merge->rank;
  };
  ranks.clear();
  for (std::size_t i = 0; i < pre_token.size(); ++i) ranks.push_back(rank_at(i));
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

void Bpe::merge_long(std::string_view pre_token, BpeScratch& scratch, std::vector<TokenId>& ids) const {
  auto& symbols = scratch.symbols_;
  auto& heap = scratch.heap_;
  const auto comes_later = [](const BpeScratch::Candidate& a, const BpeScratch::Candidate& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.position > b.position;
  };
  const auto at = [&](std::int32_t i) -> BpeScratch::Symbol& { return symbols[static_cast<std::size_t>(i)]; };
  const auto num_symbols = static_cast<std::int32_t>(pre_token.size());

  symbols.assign(pre_token.size(), {});
  for (std::int32_t i = 0; i < num_symbols; ++i) {
    at(i).id = byte_ids_[static_cast<unsigned char>(pre_token[static_cast<std::size_t>(i)])];
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
  for (std::int32_t i = 0; i >= 0; i = at(i).next) ids.push_back(at(i).id);
}

}  // namespace sluice
