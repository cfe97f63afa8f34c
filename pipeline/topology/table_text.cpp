#include "pipeline/topology/table_text.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace sluice::topology {

std::string render_table(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths;
  for (const Row& row : rows) {
    widths.resize(std::max(widths.size(), row.size()), 0);
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      out += row[i];
      if (i + 1 < row.size()) out.append(widths[i] - row[i].size() + 2, ' ');
    }
    out += '\n';
  }
  return out;
}

std::string human_bytes(std::uint64_t bytes) {
  static constexpr std::array<std::string_view, 5> kUnits = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  std::uint64_t tenths = 0;
  while (bytes >= 1024 && unit + 1 < kUnits.size()) {
    tenths = bytes % 1024 * 10 / 1024;
    bytes /= 1024;
    ++unit;
  }
  std::string out = std::to_string(bytes);
  if (unit != 0) out += "." + std::to_string(tenths);
  return out + " " + std::string(kUnits[unit]);
}

std::string human_time(std::uint64_t ns) {
  const auto with_hundredths = [](std::uint64_t hundredths, const char* unit) {
    const std::uint64_t rest = hundredths % 100;
    return std::to_string(hundredths / 100) + (rest < 10 ? ".0" : ".") + std::to_string(rest) + " " + unit;
  };
  if (ns < 1'000'000) return std::to_string(ns / 1'000) + " us";
  if (ns < 1'000'000'000) return with_hundredths(ns / 10'000, "ms");
  return with_hundredths(ns / 10'000'000, "s");
}

std::string human_age(std::uint64_t seconds) {
  const auto with_rest = [](std::uint64_t whole, const char* unit, std::uint64_t rest, const char* unit_of_rest) {
    return std::to_string(whole) + unit + (rest < 10 ? "0" : "") + std::to_string(rest) + unit_of_rest;
  };
  const std::uint64_t minutes = seconds / 60;
  const std::uint64_t hours = minutes / 60;
  if (minutes == 0) return std::to_string(seconds) + " s";
  if (hours == 0) return with_rest(minutes, " min ", seconds % 60, " s");
  if (hours < 24) return with_rest(hours, " h ", minutes % 60, " min");
  return with_rest(hours / 24, " d ", hours % 24, " h");
}

std::string human_permille(std::uint64_t permille) {
  return std::to_string(permille / 10) + "." + std::to_string(permille % 10) + " %";
}

std::string count_of(std::uint64_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

}  // namespace sluice::topology
