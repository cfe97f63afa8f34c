#include "pipeline/text/jinja/text.h"

#include <algorithm>

#include "base/check.h"

namespace sluice::jinja {
namespace {

bool ends_before(std::size_t offset, const Piece& piece) {
  return offset < piece.end;
}

}  // namespace

Text::Text(std::string bytes, bool is_trusted) : bytes_(std::move(bytes)) {
  if (!bytes_.empty()) pieces_.push_back({bytes_.size(), is_trusted});
}

bool Text::is_trusted_at(std::size_t offset) const {
  const auto piece = std::upper_bound(pieces_.begin(), pieces_.end(), offset, ends_before);
  SLUICE_CHECK(piece != pieces_.end());
  return piece->is_trusted;
}

void Text::append(std::string_view bytes, bool is_trusted) {
  if (bytes.empty()) return;
  bytes_ += bytes;
  if (!pieces_.empty() && pieces_.back().is_trusted == is_trusted) {
    pieces_.back().end = bytes_.size();
  } else {
    pieces_.push_back({bytes_.size(), is_trusted});
  }
}

void Text::append(const Text& other, std::size_t begin, std::size_t end) {
  SLUICE_CHECK_LE(end, other.size());
  auto piece = std::upper_bound(other.pieces_.begin(), other.pieces_.end(), begin, ends_before);
  while (begin < end) {
    const std::size_t piece_end = std::min(piece->end, end);
    append(other.bytes().substr(begin, piece_end - begin), piece->is_trusted);
    begin = piece_end;
    ++piece;
  }
}

Text Text::slice(std::size_t begin, std::size_t end) const {
  Text part;
  part.append(*this, begin, end);
  return part;
}

std::size_t Text::count_code_points() const {
  std::size_t count = 0;
  for (const char byte : bytes_) count += (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U ? 1 : 0;
  return count;
}

}  // namespace sluice::jinja
