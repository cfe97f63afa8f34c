// Tables, sizes and times as text for people. No floating point: the same text everywhere.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::topology {

using Row = std::vector<std::string>;

// Columns as wide as their widest cell, two blanks between them, none at the end of a line.
std::string render_table(const std::vector<Row>& rows);

// "4.7 MiB", rounded down; whole numbers of bytes below 1 KiB.
std::string human_bytes(std::uint64_t bytes);

// "4.70 ms", "812 us", "3.21 s", rounded down; "0 us" below one.
std::string human_time(std::uint64_t ns);

// "7 s", "3 min 05 s", "2 h 07 min", "5 d 03 h", rounded down.
std::string human_age(std::uint64_t seconds);

// "12.3 %", from thousandths.
std::string human_permille(std::uint64_t permille);

// "1 token", "2 tokens".
std::string count_of(std::uint64_t count, const std::string& noun);

}  // namespace sluice::topology
