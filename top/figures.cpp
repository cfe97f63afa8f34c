#include "top/figures.h"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <iterator>
#include <sstream>

namespace sluice::top {

namespace {

constexpr const char* kMissing = "-";

// Three digits that count: "1.25", "12.5", "125".
std::string three_digits(double value) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(value < 9.995 ? 2 : value < 99.95 ? 1 : 0) << value;
  return out.str();
}

// With the first unit in which it has at most three digits before the point, or the last.
template <std::size_t N>
std::string scaled(double value, double base, const char* const (&units)[N]) {
  std::size_t unit = 0;
  while (unit + 1 < N && value >= 999.5) {
    value /= base;
    ++unit;
  }
  return (value >= 1e6 ? ">1000000" : three_digits(value)) + units[unit];
}

bool is_known(std::optional<double> value) {
  return value && !std::isnan(*value);
}

}  // namespace

std::string count_text(std::optional<double> count) {
  if (!is_known(count)) return kMissing;
  if (*count < 0) return "-" + count_text(-*count);
  if (*count < 9999.5) return std::to_string(std::llround(*count));
  return scaled(*count, 1000, {"", "k", "M", "G", "T"});
}

std::string rate_text(std::optional<double> per_s) {
  if (!is_known(per_s)) return kMissing;
  if (*per_s <= 0) return "0";
  if (*per_s < 0.005) return "<0.01";
  return *per_s < 999.5 ? three_digits(*per_s) : count_text(per_s);
}

std::string seconds_text(std::optional<double> seconds) {
  if (!is_known(seconds)) return kMissing;
  if (*seconds <= 0) return "0 s";
  if (*seconds < 0.9995) return scaled(*seconds * 1e6, 1000, {" us", " ms"});
  return scaled(*seconds, 1, {" s"});
}

std::string bytes_text(std::optional<double> bytes) {
  if (!is_known(bytes)) return kMissing;
  if (*bytes < 999.5) return std::to_string(std::llround(std::max(0.0, *bytes))) + " B";
  return scaled(*bytes, 1024, {" B", " KiB", " MiB", " GiB", " TiB"});
}

std::string share_text(std::optional<double> share) {
  if (!is_known(share)) return kMissing;
  if (*share > 0 && *share < 0.005) return "<1 %";
  return std::to_string(std::llround(std::clamp(*share, 0.0, 1.0) * 100)) + " %";
}

std::string left(std::string_view text, std::size_t width) {
  std::string out(text);
  if (out.size() < width) out.append(width - out.size(), ' ');
  return out;
}

std::string right(std::string_view text, std::size_t width) {
  return text.size() < width ? std::string(width - text.size(), ' ').append(text) : std::string(text);
}

std::string bar(double full, double half, std::size_t columns) {
  const auto cells = [&](double share, std::size_t free) {
    if (!(share > 0) || free == 0) return std::size_t{0};
    const double wanted = std::max(1.0, std::round(std::min(share, 1.0) * static_cast<double>(columns)));
    return std::min(static_cast<std::size_t>(wanted), free);
  };
  const std::size_t full_cells = cells(full, columns);
  const std::size_t half_cells = cells(half, columns - full_cells);
  return "[" + left(std::string(full_cells, '|') + std::string(half_cells, '.'), columns) + "]";
}

}  // namespace sluice::top
