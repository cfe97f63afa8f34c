#include "pipeline/text/regex_syntax.h"

#include <algorithm>
#include <array>
#include <utility>

namespace sluice {
namespace {

constexpr std::string_view kWhiteSpace =
    "\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}";
constexpr std::string_view kNotWhiteSpace =
    "\\x{0}-\\x{8}\\x{e}-\\x{1f}\\x{21}-\\x{84}\\x{86}-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}\\x{200b}-\\x{2027}"
    "\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}\\x{3001}-\\x{10ffff}";

// What Oniguruma counts as a word's character.
constexpr std::string_view kWordCharacter = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}";

// Long names of general categories, in the spelling that ignores case, spaces, - and _.
constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kCategories = {{{"letter", "L"},
                                                                                        {"mark", "M"},
                                                                                        {"number", "N"},
                                                                                        {"punctuation", "P"},
                                                                                        {"symbol", "S"},
                                                                                        {"separator", "Z"},
                                                                                        {"uppercaseletter", "Lu"},
                                                                                        {"lowercaseletter", "Ll"},
                                                                                        {"decimalnumber", "Nd"},
                                                                                        {"alphabetic", "Alphabetic"}}};

constexpr std::array<std::string_view, 7> kGroups = {"(?:", "(?=", "(?!", "(?i:", "(?<=", "(?<!", "(?>"};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_hex_digit(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_ascii(char c) {
  return static_cast<unsigned char>(c) < 0x80;
}

class Translation {
 public:
  explicit Translation(std::string_view pattern) : rest_(pattern), pattern_size_(pattern.size()) {}

  Result<std::string> run() {
    while (!rest_.empty()) {
      const Result<void> step = rest_[0] == '\\' ? escape() : is_in_class_ ? class_character() : plain_character();
      if (!step) return step.error();
    }
    if (is_in_class_) return refused("a class without its ]");
    return std::move(out_);
  }

 private:
  Error refused(std::string_view what) const {
    return {ErrorCode::kModelLoadFailed, "regular expression has " + std::string(what) + " at byte " +
                                             std::to_string(pattern_size_ - rest_.size()) + ", which is not supported"};
  }

  void copy(std::size_t size_bytes) {
    out_ += rest_.substr(0, size_bytes);
    rest_.remove_prefix(size_bytes);
  }

  void replace(std::size_t size_bytes, std::string_view with) {
    out_ += with;
    rest_.remove_prefix(size_bytes);
  }

  Result<void> escape() {
    const char c = rest_.size() < 2 ? '\0' : rest_[1];
    switch (c) {
      case '\0': return refused("a \\ at its end");
      case 's':
      case 'S': return white_space(c == 's');
      case 'w':
      case 'W': return word_character(c == 'w');
      case 'p':
      case 'P': return property();
      case 'u': {
        if (rest_.size() < 6) return refused("\\u without four digits");
        for (std::size_t i = 2; i < 6; ++i) {
          if (!is_hex_digit(rest_[i])) return refused("\\u without four digits");
        }
        out_ += "\\x{";
        out_ += rest_.substr(2, 4);
        replace(6, "}");
        return {};
      }
      case 'x':
        if (rest_.size() < 3 || rest_[2] != '{') return refused("\\xHH (a byte)");
        copy(2);
        return {};
      case 'r':
      case 'n':
      case 't':
      case 'f':
      case 'd':
      case 'D': copy(2); return {};
      default:
        if (!is_ascii(c) || is_letter(c) || is_digit(c)) return refused("the escape \\" + std::string(1, c));
        copy(2);
        return {};
    }
  }

  // \p{..} and \P{..}: a general category, or a script, which in PCRE2 means the script's extensions too unless it is
  // asked for by "sc:".
  Result<void> property() {
    const std::size_t close = rest_.find('}');
    if (rest_.size() < 3 || rest_[2] != '{' || close == std::string_view::npos) return refused("\\p without {...}");
    std::string_view name = rest_.substr(3, close - 3);
    const bool is_negated = name.starts_with('^');
    if (is_negated) name.remove_prefix(1);
    std::string folded;
    for (const char c : name) {
      if (!is_letter(c) && c != ' ' && c != '-' && c != '_') return refused("\\p{" + std::string(name) + "}");
      if (is_letter(c)) folded += static_cast<char>(c | 0x20);
    }
    std::string known(name);
    if (name.size() > 2) {
      const auto category = std::find_if(kCategories.begin(), kCategories.end(),
                                         [&](const auto& entry) { return entry.first == folded; });
      known = category != kCategories.end() ? std::string(category->second) : folded == "any" ? "Any" : "sc:" + folded;
    }
    out_ += rest_.substr(0, 3);
    out_ += is_negated ? "^" : "";
    out_ += known;
    replace(close + 1, "}");
    return {};
  }

  Result<void> word_character(bool is_positive) {
    if (is_in_class_) {
      if (!is_positive) return refused("\\W in a class");
      replace(2, kWordCharacter);
      return {};
    }
    out_ += is_positive ? "[" : "[^";
    out_ += kWordCharacter;
    replace(2, "]");
    return {};
  }

  Result<void> white_space(bool is_positive) {
    if (!is_in_class_) {
      out_ += is_positive ? "[" : "[^";
      out_ += kWhiteSpace;
      replace(2, "]");
      return {};
    }
    // Spelt out as ranges, \s would be the end of a range with an unescaped - beside it.
    const bool follows_dash = out_.ends_with('-') && !out_.ends_with("\\-") && out_.size() > class_begin_;
    const bool precedes_dash = rest_.size() > 3 && rest_[2] == '-' && rest_[3] != ']';
    if (follows_dash || precedes_dash) return refused("\\s beside - in a class");
    replace(2, is_positive ? kWhiteSpace : kNotWhiteSpace);
    return {};
  }

  Result<void> class_character() {
    if (rest_[0] == '[') return refused("a class within a class");
    if (rest_.starts_with("&&")) return refused("an intersection of classes");
    if (rest_[0] == ']') {
      if (out_.size() == class_begin_) return refused("an empty class");
      is_in_class_ = false;
    }
    copy(1);
    return {};
  }

  Result<void> plain_character() {
    switch (rest_[0]) {
      case '[':
        is_in_class_ = true;
        copy(rest_.starts_with("[^") ? 2 : 1);
        class_begin_ = out_.size();
        return {};
      case '(': return group();
      case '{': return interval();
      default: copy(1); return {};
    }
  }

  Result<void> group() {
    if (rest_.starts_with("(*")) return refused("(*");
    if (!rest_.starts_with("(?")) {
      copy(1);
      return {};
    }
    for (const std::string_view head : kGroups) {
      if (!rest_.starts_with(head)) continue;
      copy(head.size());
      return {};
    }
    return refused("an unknown group");
  }

  // {n}, {n,}, {n,m}; anything else is a literal brace to both libraries, but for {,n}.
  Result<void> interval() {
    if (rest_.starts_with("{,")) return refused("{,n}");
    std::size_t i = 1;
    while (i < rest_.size() && (is_digit(rest_[i]) || rest_[i] == ',')) ++i;
    const bool is_interval = i > 1 && i < rest_.size() && rest_[i] == '}';
    if (!is_interval) {
      copy(1);
      return {};
    }
    if (i + 1 < rest_.size() && rest_[i + 1] == '+') return refused("{n,m}+");
    copy(i + 1);
    return {};
  }

  std::string_view rest_;
  std::size_t pattern_size_;
  std::string out_;
  bool is_in_class_ = false;
  std::size_t class_begin_ = 0;  // In out_, after [ or [^.
};

}  // namespace

Result<std::string> to_pcre2_syntax(std::string_view pattern) {
  return Translation(pattern).run();
}

}  // namespace sluice
