#include "pipeline/topology/spelling.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/check.h"

namespace sluice::topology {
namespace {

constexpr std::size_t kNameBytesMax = 64;

}  // namespace

std::string in_quotes(std::string_view text) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  std::string out = "'";
  for (const char c : text.substr(0, kNameBytesMax)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f) {
      out += c;
    } else {
      out += "\\x";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  if (text.size() > kNameBytesMax) out += "...";
  return out + "'";
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  // Rows of the usual table for the prefixes of `a`: two back (for swaps), one back, and the current one.
  std::vector<std::size_t> before_last(b.size() + 1), last(b.size() + 1), current(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) current[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::swap(before_last, last);
    std::swap(last, current);
    current[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      current[j] = std::min({last[j] + 1, current[j - 1] + 1, replaced});
      const bool is_swap = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (is_swap) current[j] = std::min(current[j], before_last[j - 2] + 1);
    }
  }
  return current[b.size()];
}

std::string_view nearest_name(std::string_view name, std::span<const std::string_view> known) {
  SLUICE_CHECK(!known.empty());
  // A name longer than any known one is cut: its distance says no more, and the file is not to decide how long we
  // compute.
  const std::string_view compared = name.substr(0, kNameBytesMax);
  return *std::min_element(known.begin(), known.end(), [&](std::string_view a, std::string_view b) {
    return edit_distance(compared, a) < edit_distance(compared, b);
  });
}

}  // namespace sluice::topology
