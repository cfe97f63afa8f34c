#include "pipeline/text/normalizer.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>

#include "base/check.h"
#include "pipeline/text/utf8.h"

namespace sluice {
namespace {

// Characters in the longest decomposition, that of U+FDFA.
constexpr utf8proc_ssize_t kDecomposedMax = 18;

utf8proc_option_t options_of(UnicodeForm form) {
  int options = UTF8PROC_STABLE;
  options |= form == UnicodeForm::kNfc || form == UnicodeForm::kNfkc ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE;
  if (form == UnicodeForm::kNfkc || form == UnicodeForm::kNfkd) options |= UTF8PROC_COMPAT;
  return static_cast<utf8proc_option_t>(options);
}

Error too_long() {
  return {ErrorCode::kInvalidRequest, "text normalizes to more than " + std::to_string(kNormalizedBytesMax) + " bytes"};
}

struct CodePoints {
  char32_t first = 0;
  char32_t last = 0;
};

// Ranges without any character that NFC changes, orders, or composes with the one before. Far from all of these: common
// scripts, so that most texts need no more than a look.
constexpr std::array<CodePoints, 13> kStableInNfc = {{{0x0, 0x2FF},
                                                      {0x400, 0x482},
                                                      {0x48A, 0x52F},
                                                      {0x5D0, 0x5EA},
                                                      {0x621, 0x64A},
                                                      {0x2010, 0x205E},
                                                      {0x20A0, 0x20BF},
                                                      {0x2500, 0x27FF},
                                                      {0x3000, 0x3029},
                                                      {0x3041, 0x3096},
                                                      {0x30A1, 0x30FA},
                                                      {0x4E00, 0x9FFF},
                                                      {0xAC00, 0xD7A3}}};

bool is_stable_in_nfc(char32_t c) {
  if (c <= kStableInNfc[0].last) return true;
  return std::any_of(kStableInNfc.begin() + 1, kStableInNfc.end(),
                     [c](const CodePoints& range) { return c >= range.first && c <= range.last; });
}

utf8proc_propval_t combining_class(utf8proc_int32_t character) {
  return utf8proc_get_property(character)->combining_class;
}

// Unicode's canonical order (Unicode 15, 3.11, D109). utf8proc_decompose makes the same, but in a time quadratic in the
// number of marks in a row.
void order_marks(std::vector<utf8proc_int32_t>& characters) {
  const auto is_before = [](utf8proc_int32_t a, utf8proc_int32_t b) { return combining_class(a) < combining_class(b); };
  const auto is_mark = [](utf8proc_int32_t character) { return combining_class(character) != 0; };
  for (auto end = characters.begin(); end != characters.end();) {
    const auto begin = std::find_if(end, characters.end(), is_mark);
    end = std::find_if_not(begin, characters.end(), is_mark);
    if (!std::is_sorted(begin, end, is_before)) std::stable_sort(begin, end, is_before);
  }
}

// What utf8proc_map makes of valid UTF-8.
Result<std::string> mapped(std::string_view text, UnicodeForm form) {
  const utf8proc_option_t options = options_of(form);
  std::vector<utf8proc_int32_t> characters;
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Step step = next_utf8(text.substr(at));
    at += step.size_bytes;
    std::array<utf8proc_int32_t, kDecomposedMax> parts{};
    int unused_boundary = 0;
    const utf8proc_ssize_t count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(step.code_point), parts.data(),
                                                           kDecomposedMax, options, &unused_boundary);
    SLUICE_CHECK(count >= 0 && count <= kDecomposedMax);
    characters.insert(characters.end(), parts.begin(), parts.begin() + count);
    if (characters.size() > kNormalizedBytesMax) return too_long();
  }
  order_marks(characters);
  const utf8proc_ssize_t size =
      utf8proc_normalize_utf32(characters.data(), static_cast<utf8proc_ssize_t>(characters.size()), options);
  SLUICE_CHECK(size >= 0);
  characters.resize(static_cast<std::size_t>(size));
  std::string result;
  for (const utf8proc_int32_t character : characters) {
    std::array<utf8proc_uint8_t, 4> bytes{};
    const utf8proc_ssize_t size_bytes = utf8proc_encode_char(character, bytes.data());
    result.append(reinterpret_cast<const char*>(bytes.data()), static_cast<std::size_t>(size_bytes));
  }
  return result;
}

// A stable character begins anew: only the one before an unstable one can be composed with it.
Result<std::string> to_nfc(std::string_view text) {
  std::string composed;
  std::size_t done = 0;   // Everything before is in `composed`.
  std::size_t begin = 0;  // Of the last stable character.
  for (std::size_t at = 0; at < text.size();) {
    Utf8Step step = next_utf8(text.substr(at));
    if (is_stable_in_nfc(step.code_point)) {
      begin = at;
      at += step.size_bytes;
      continue;
    }
    while (at < text.size()) {
      step = next_utf8(text.substr(at));
      if (is_stable_in_nfc(step.code_point)) break;
      at += step.size_bytes;
    }
    composed += text.substr(done, begin - done);
    auto unstable = mapped(text.substr(begin, at - begin), UnicodeForm::kNfc);
    if (!unstable) return unstable;
    composed += *unstable;
    done = at;
    begin = at;
  }
  return composed + std::string(text.substr(done));
}

Result<void> apply_step(UnicodeForm form, TrustedText& text, RegexMatcher&) {
  auto changed = form == UnicodeForm::kNfc ? to_nfc(text.text) : mapped(text.text, form);
  if (!changed) return changed.error();
  if (*changed == text.text) return {};
  const bool is_all_trusted = text.trusted == std::vector<TextRange>{{0, text.text.size()}};
  text.text = std::move(*changed);
  text.trusted.clear();
  if (is_all_trusted) text.trusted.push_back({0, text.text.size()});
  return {};
}

Result<void> apply_step(const PrependText& step, TrustedText& text, RegexMatcher&) {
  if (text.text.empty()) return {};
  text.text.insert(0, step.prefix);
  for (TextRange& range : text.trusted) {
    if (range.begin > 0) range.begin += step.prefix.size();
    range.end += step.prefix.size();
  }
  return {};
}

// Carries the ends of trusted ranges over to the text that is being made.
class TrustMapping {
 public:
  explicit TrustMapping(std::vector<TextRange>& ranges) : ranges_(ranges) {}

  // The next part of the old text lies at `from`, and becomes the part `to` of the new one.
  void part(TextRange from, TextRange to, bool is_replaced) {
    for (; next_ < ranges_.size() * 2; ++next_) {
      std::size_t& end = next_ % 2 == 0 ? ranges_[next_ / 2].begin : ranges_[next_ / 2].end;
      if (end > from.end || (end == from.end && next_ % 2 == 0)) return;
      // An end within what is replaced leaves it out.
      const bool is_inside = is_replaced && end > from.begin && end < from.end;
      if (end == from.end) {
        end = to.end;
      } else if (is_inside) {
        end = next_ % 2 == 0 ? to.end : to.begin;
      } else {
        end = to.begin + (end - from.begin);
      }
    }
  }

 private:
  std::vector<TextRange>& ranges_;
  std::size_t next_ = 0;  // Begins and ends, in turns, that are to come.
};

Result<void> apply_step(const ReplaceText& step, TrustedText& text, RegexMatcher& matcher) {
  const std::string_view old = text.text;
  std::string replaced;
  TrustMapping mapping(text.trusted);
  std::size_t done = 0;
  std::size_t from = 0;
  const auto keep_until = [&](std::size_t end) {
    const std::size_t begin = replaced.size();
    replaced += old.substr(done, end - done);
    mapping.part({done, end}, {begin, replaced.size()}, false);
    done = end;
  };
  while (from <= old.size()) {
    const auto found = matcher.find(step.regex, old, from);
    if (!found) return found.error();
    if (!found->has_value()) break;
    const TextRange match = **found;
    const bool is_empty = match.begin == match.end;
    if (is_empty && match.end == done && done > 0) {  // Right behind the last one: none.
      if (from >= old.size()) break;
      from += next_utf8(old.substr(from)).size_bytes;
      continue;
    }
    keep_until(match.begin);
    const std::size_t begin = replaced.size();
    replaced += step.content;
    mapping.part(match, {begin, replaced.size()}, true);
    if (replaced.size() > kNormalizedBytesMax) return too_long();
    done = match.end;
    from = match.end;
    if (is_empty) {
      if (from >= old.size()) break;
      from += next_utf8(old.substr(from)).size_bytes;
    }
  }
  keep_until(old.size());
  std::erase_if(text.trusted, [](const TextRange& range) { return range.begin >= range.end; });
  text.text = std::move(replaced);
  return {};
}

}  // namespace

Result<TrustedText> Normalizer::apply(TrustedText input, RegexMatcher& matcher) const {
  for (const NormalizerStep& step : steps_) {
    const auto done = std::visit([&](const auto& known) { return apply_step(known, input, matcher); }, step);
    if (!done) return done.error();
    if (input.text.size() > kNormalizedBytesMax) return too_long();
  }
  return input;
}

}  // namespace sluice
