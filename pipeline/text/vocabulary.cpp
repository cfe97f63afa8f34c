#include "pipeline/text/vocabulary.h"

#include <algorithm>
#include <functional>

#include "base/check.h"
#include "pipeline/text/tokenizer.h"
#include "pipeline/text/utf8.h"

namespace sluice {
namespace {

constexpr std::size_t kDecodedBytesMax = 4 * kTokenizerJsonBytesMax;

std::uint32_t hash_of(std::string_view spelling) {
  const std::uint64_t hash = std::hash<std::string_view>{}(spelling);
  return static_cast<std::uint32_t>(hash ^ (hash >> 32));
}

}  // namespace

Result<void> Vocabulary::add(std::string_view spelling, std::int64_t id, Source source) {
  const auto fail = [&](const std::string& why) {
    return Error{ErrorCode::kModelLoadFailed, "token " + in_quotes(spelling) + " has id " + std::to_string(id) + why};
  };
  if (id < 0 || id >= kVocabularySizeMax) return fail(", outside 0 to " + std::to_string(kVocabularySizeMax - 1));
  if (spelling.size() > kTokenBytesMax) return fail(" and more than " + std::to_string(kTokenBytesMax) + " bytes");
  const auto token_id = static_cast<TokenId>(id);
  if (contains(token_id)) {
    if (at(token_id).spelling == spelling) return {};
    return fail(", which belongs to " + in_quotes(at(token_id).spelling));
  }
  if ((num_spellings_ + 1) * 2 > slots_.size()) grow_slots();
  const std::uint32_t hash = hash_of(spelling);
  Slot& slot = slots_[slot_of(spelling, hash)];
  if (slot.id != kNoToken) return fail(" and also " + std::to_string(slot.id));
  slot = {hash, token_id};
  ++num_spellings_;
  if (token_id >= size()) tokens_.resize(static_cast<std::size_t>(token_id) + 1);
  Token& token = tokens_[static_cast<std::size_t>(token_id)];
  token.spelling = spelling;
  token.is_used = true;
  token.source = source;
  if (source == Source::kModel) model_size_ = std::max(model_size_, token_id + 1);
  return {};
}

void Vocabulary::decode_as(TokenId id, std::string spelling) {
  SLUICE_CHECK(contains(id));
  decoded_spellings_[id] = std::move(spelling);
}

std::string_view Vocabulary::decoded_spelling(TokenId id) const {
  const auto other = decoded_spellings_.find(id);
  return other == decoded_spellings_.end() ? spelling(id) : std::string_view(other->second);
}

Result<void> Vocabulary::decode_tokens(const TokenDecoder& decoder) {
  std::size_t total_bytes = 0;
  for (TokenId id = 0; id < size(); ++id) {
    if (!contains(id)) continue;
    Token& token = tokens_[static_cast<std::size_t>(id)];
    TokenDecoder::Piece piece = decoder.piece(decoded_spelling(id));
    total_bytes += piece.bytes.size();
    if (total_bytes > kDecodedBytesMax) {
      return Error{ErrorCode::kModelLoadFailed,
                   "the tokens decode to more than " + std::to_string(kDecodedBytesMax) + " bytes"};
    }
    token.bytes = std::move(piece.bytes);
    token.is_byte = piece.is_byte;
  }
  return {};
}

void Vocabulary::mark_special(TokenId id) {
  SLUICE_CHECK(contains(id));
  tokens_[static_cast<std::size_t>(id)].is_special = true;
}

std::string_view Vocabulary::spelling(TokenId id) const {
  return contains(id) ? std::string_view(at(id).spelling) : std::string_view();
}

std::string_view Vocabulary::bytes(TokenId id) const {
  return contains(id) ? std::string_view(at(id).bytes) : std::string_view();
}

std::size_t Vocabulary::slot_of(std::string_view spelling, std::uint32_t hash) const {
  std::size_t i = hash & (slots_.size() - 1);
  while (slots_[i].id != kNoToken && (slots_[i].hash != hash || at(slots_[i].id).spelling != spelling)) {
    i = (i + 1) & (slots_.size() - 1);
  }
  return i;
}

void Vocabulary::grow_slots() {
  std::vector<Slot> old(slots_.empty() ? 16 : slots_.size() * 2);
  old.swap(slots_);
  for (const Slot& slot : old) {
    if (slot.id != kNoToken) slots_[slot_of(at(slot.id).spelling, slot.hash)] = slot;
  }
}

std::optional<TokenId> Vocabulary::id_of(std::string_view spelling) const {
  if (slots_.empty()) return std::nullopt;
  const TokenId id = slots_[slot_of(spelling, hash_of(spelling))].id;
  return id == kNoToken ? std::nullopt : std::optional(id);
}

std::optional<TokenId> Vocabulary::model_id_of(std::string_view spelling) const {
  const auto id = id_of(spelling);
  return id && is_of_model(*id) ? id : std::nullopt;
}

std::string in_quotes(std::string_view text) {
  constexpr std::size_t kShownBytesMax = 60;
  std::string shown = "\"";
  append_lossy_utf8(text.substr(0, kShownBytesMax), shown);
  for (char& c : shown) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  }
  return shown + (text.size() > kShownBytesMax ? "...\"" : "\"");
}

}  // namespace sluice
