#include "pipeline/text/jinja/text_operations.h"

#include <algorithm>

#include "pipeline/text/jinja/code_points.h"
#include "pipeline/text/jinja/python_format.h"

namespace sluice::jinja {
namespace {

std::size_t begin_of_last(std::string_view bytes, std::size_t end) {
  --end;
  while ((static_cast<unsigned char>(bytes[end]) & 0xC0U) == 0x80U) --end;
  return end;
}

bool is_in(const Text* characters, std::string_view character) {
  if (characters != nullptr) return find_bytes(characters->bytes(), character) != std::string_view::npos;
  std::size_t offset = 0;
  return is_space(next_code_point(character, offset));
}

// Collects what a split gives, from the right or the left.
class Parts {
 public:
  Parts(Run& run, const Text& text) : run_(run), text_(text) {}

  bool add(std::size_t begin, std::size_t end) {
    parts_.push_back(run_.make_text(text_.slice(begin, end)));
    return !run_.has_failed();
  }

  Value list(Side from) {
    if (from == Side::kRight) std::reverse(parts_.begin(), parts_.end());
    return run_.make_sequence(Kind::kList, std::move(parts_));
  }

 private:
  Run& run_;
  const Text& text_;
  std::vector<Value> parts_;
};

Value split_at_spaces(Run& run, const Text& text, std::int64_t splits_max) {
  const std::string_view bytes = text.bytes();
  Parts parts(run, text);
  std::size_t at = 0;
  for (std::int64_t num_splits = 0;; ++num_splits) {
    std::size_t next = at;
    while (at < bytes.size() && is_space(next_code_point(bytes, next))) at = next;
    if (at >= bytes.size()) break;
    const std::size_t begin = at;
    if (splits_max >= 0 && num_splits >= splits_max) {
      parts.add(begin, strip(text, nullptr, Side::kRight).size());
      break;
    }
    for (next = at; at < bytes.size() && !is_space(next_code_point(bytes, next));) at = next;
    if (!parts.add(begin, at)) break;
  }
  return parts.list(Side::kLeft);
}

Value split_at_spaces_from_right(Run& run, const Text& text, std::int64_t splits_max) {
  const std::string_view bytes = text.bytes();
  Parts parts(run, text);
  std::size_t at = bytes.size();
  const auto space_before = [&](std::size_t end) {
    std::size_t begin = begin_of_last(bytes, end);
    return is_space(next_code_point(bytes, begin));
  };
  for (std::int64_t num_splits = 0;; ++num_splits) {
    while (at > 0 && space_before(at)) at = begin_of_last(bytes, at);
    if (at == 0) break;
    const std::size_t end = at;
    if (splits_max >= 0 && num_splits >= splits_max) {
      parts.add(std::min(end, bytes.size() - strip(text, nullptr, Side::kLeft).size()), end);
      break;
    }
    while (at > 0 && !space_before(at)) at = begin_of_last(bytes, at);
    if (!parts.add(at, end)) break;
  }
  return parts.list(Side::kRight);
}

Value split_from_right(Run& run, const Text& text, const Text& separator, std::int64_t splits_max) {
  Parts parts(run, text);
  std::size_t end = text.size();
  for (std::int64_t num_splits = 0; splits_max < 0 || num_splits < splits_max; ++num_splits) {
    if (!run.step(end)) return {};
    const std::size_t place = find_last_bytes(text.bytes(), separator.bytes(), end);
    if (place == std::string_view::npos) break;
    if (!parts.add(place + separator.size(), end)) return {};
    end = place;
  }
  parts.add(0, end);
  return parts.list(Side::kRight);
}

bool is_line_end(char32_t c) {
  return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

}  // namespace

Text strip(const Text& text, const Text* characters, Side side) {
  const std::string_view bytes = text.bytes();
  std::size_t begin = 0;
  std::size_t end = bytes.size();
  while (side != Side::kRight && begin < end) {
    std::size_t next = begin;
    next_code_point(bytes, next);
    if (!is_in(characters, bytes.substr(begin, next - begin))) break;
    begin = next;
  }
  while (side != Side::kLeft && end > begin) {
    const std::size_t last = begin_of_last(bytes, end);
    if (!is_in(characters, bytes.substr(last, end - last))) break;
    end = last;
  }
  return text.slice(begin, end);
}

Value split(Run& run, const Text& text, const Text* separator, std::int64_t splits_max, Side from) {
  if (!run.step(2 * text.size())) return {};
  if (separator == nullptr) {
    return from == Side::kRight && splits_max >= 0 ? split_at_spaces_from_right(run, text, splits_max)
                                                   : split_at_spaces(run, text, splits_max);
  }
  if (separator->empty()) return run.fail("empty separator");
  if (from == Side::kRight && splits_max >= 0) return split_from_right(run, text, *separator, splits_max);
  Parts parts(run, text);
  std::size_t begin = 0;
  for (std::int64_t num_splits = 0; splits_max < 0 || num_splits < splits_max; ++num_splits) {
    const std::size_t place = find_bytes(text.bytes(), separator->bytes(), begin);
    if (place == std::string_view::npos) break;
    if (!parts.add(begin, place)) return {};
    begin = place + separator->size();
  }
  parts.add(begin, text.size());
  return parts.list(Side::kLeft);
}

std::vector<Text> split_lines(Run& run, const Text& text, bool keeps_ends) {
  std::vector<Text> lines;
  const std::string_view bytes = text.bytes();
  std::size_t begin = 0;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t end = at;
    const char32_t c = next_code_point(bytes, at);
    if (!is_line_end(c)) continue;
    if (c == '\r' && at < bytes.size() && bytes[at] == '\n') ++at;
    if (!run.allocate(sizeof(Text) + sizeof(Piece) + at - begin)) return lines;
    lines.push_back(text.slice(begin, keeps_ends ? at : end));
    begin = at;
  }
  if (begin < bytes.size()) lines.push_back(text.slice(begin, bytes.size()));
  return lines;
}

Value replace(Run& run, const Text& text, const Text& old_part, const Text& new_part, std::int64_t count) {
  if (!run.step(text.size())) return {};
  Text out;
  std::size_t begin = 0;
  std::size_t search_from = 0;
  for (std::int64_t done = 0; count < 0 || done < count; ++done) {
    const std::size_t place = find_bytes(text.bytes(), old_part.bytes(), search_from);
    if (place == std::string_view::npos) break;
    if (!run.allocate(place - begin + new_part.memory_bytes() + sizeof(Piece))) return {};
    out.append(text, begin, place);
    out.append(new_part);
    begin = place + old_part.size();
    search_from = begin;
    if (!old_part.empty()) continue;
    // Nothing is before each character, and at the end.
    if (begin == text.size()) break;
    next_code_point(text.bytes(), search_from);
  }
  out.append(text, begin, text.size());
  return run.make_text(std::move(out));
}

Value join(Run& run, const Text& separator, const std::vector<Value>& items) {
  Text out;
  bool is_first = true;
  for (const Value& item : items) {
    if (!run.allocate(separator.memory_bytes())) return {};
    if (!is_first) out.append(separator);
    is_first = false;
    append_str(run, item, out);
  }
  return run.make_text(std::move(out));
}

Value pad(Run& run, const Text& text, std::int64_t width, const Text& fill, Side side) {
  if (fill.count_code_points() != 1) return run.fail("the fill character must be exactly one character long");
  const auto size = static_cast<std::int64_t>(text.count_code_points());
  if (width <= size) return run.make_text(text);
  const std::int64_t padding = width - size;
  // Python's center() gives the odd one to the left where both padding and width are odd.
  const std::int64_t left = side == Side::kLeft    ? padding
                            : side == Side::kRight ? 0
                                                   : padding / 2 + (padding & width & 1);
  if (padding > static_cast<std::int64_t>(run.limits().allocated_bytes_max))
    return run.fail("a value is padded too far");
  if (!run.allocate(static_cast<std::size_t>(padding) * fill.size() + text.memory_bytes())) return {};
  Text out;
  for (std::int64_t i = 0; i < left; ++i) out.append(fill);
  out.append(text);
  for (std::int64_t i = left; i < padding; ++i) out.append(fill);
  return run.make_text(std::move(out));
}

std::int64_t count_parts(Run& run, const Text& text, const Text& part) {
  if (!run.step(text.size())) return 0;
  if (part.empty()) return static_cast<std::int64_t>(text.count_code_points()) + 1;
  std::int64_t count = 0;
  for (std::size_t at = find_bytes(text.bytes(), part.bytes()); at != std::string_view::npos; ++count) {
    at = find_bytes(text.bytes(), part.bytes(), at + part.size());
  }
  return count;
}

}  // namespace sluice::jinja
