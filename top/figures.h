// Figures as people read them in a column: three or four digits and a unit. Pure. "-" for what is missing.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice::top {

std::string count_text(std::optional<double> count);      // "0", "812", "9999", "12.3k", "4.56M"
std::string rate_text(std::optional<double> per_s);       // "0", "0.04", "8.25", "19.8", "812", "12.3k"
std::string seconds_text(std::optional<double> seconds);  // "85 us", "1.25 ms", "340 ms", "12.5 s"
std::string bytes_text(std::optional<double> bytes);      // "812 B", "1.25 KiB", "64.0 MiB"
std::string share_text(std::optional<double> share);      // "0 %", "<1 %", "72 %"

std::string left(std::string_view text, std::size_t width);  // Longer text stays as it is.
std::string right(std::string_view text, std::size_t width);

// "[||||||....    ]": `columns` between the brackets, of which a share is full and a further one half full. Anything
// above zero shows. Shares from 0 to 1, in sum too.
std::string bar(double full, double half, std::size_t columns);

}  // namespace sluice::top
