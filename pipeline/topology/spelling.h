// Names in messages about a file that a person wrote: quoted safely, with the nearest known one beside an unknown one.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace sluice::topology {

// In single quotes; bytes outside printable ASCII as \xNN; cut after 64 bytes.
std::string in_quotes(std::string_view text);

// Insertions, deletions, replacements and swaps of neighbours that turn one into the other.
std::size_t edit_distance(std::string_view a, std::string_view b);

// The known name with the smallest edit distance, the first of equals. `known` is not empty.
std::string_view nearest_name(std::string_view name, std::span<const std::string_view> known);

}  // namespace sluice::topology
