// Lines of styled text, and what a terminal, or a file, gets for them. Pure.
//
// Text is ASCII: bytes of outside that are not printable become '?', so that no name can steer the terminal and every
// byte is a column.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::top {

enum class Style : std::uint8_t { kPlain, kStrong, kFaint, kGood, kWarning, kBad };

struct Span {
  std::string text;
  Style style = Style::kPlain;
};

using Line = std::vector<Span>;

// What may be used to say a style.
enum class Look : std::uint8_t {
  kText,        // Nothing: for files.
  kMonochrome,  // Bold and faint.
  kColour,
};

// At most `columns` of it; what is cut off leaves a '>' in the last one.
std::string paint(const Line& line, std::size_t columns, Look look);

// For one line of a frame each, at most `rows` of them: drawn over the last frame without blinking.
std::string paint_screen(const std::vector<Line>& lines, std::size_t columns, std::size_t rows, Look look);

// Plain lines, for files.
std::string paint_text(const std::vector<Line>& lines, std::size_t columns);

}  // namespace sluice::top
