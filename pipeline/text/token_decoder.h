// How the tokens of a sequence become text, as the decoder of tokenizer.json says. Detokenizer applies it.
//
// Three forms are known. Tokens spelt in the byte-level alphabet stand for bytes, and all bytes together are read as
// UTF-8 ("ByteLevel"). Tokens stand for text, in which strings are replaced; those spelt "<0x0A>" stand for bytes, and
// a run of them counts as a whole: it is UTF-8, or each of its bytes becomes U+FFFD ("ByteFallback"); the beginning of
// all may be stripped ("Strip"). Spaces are written as another character, which is dropped from the first token
// ("Metaspace").
//
// Thread:     immutable once filled.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice {

struct TokenDecoder {
  // What one token contributes.
  struct Piece {
    std::string bytes;
    bool is_byte = false;  // One byte of a run.
  };

  bool is_byte_level = false;
  std::vector<std::pair<std::string, std::string>> replacements;  // Each by each, in order.
  bool has_byte_fallback = false;
  std::string dropped_from_first;  // A character, or empty.
  std::string stripped_character;  // From the beginning of all, this often at most:
  std::uint32_t stripped_count = 0;

  Piece piece(std::string_view spelling) const;

  // The same for the first token that is shown.
  Piece first_piece(std::string_view spelling) const;
};

}  // namespace sluice
