// A TOML text as a tree of plain values that know where they stand. The only file that knows the TOML library.
//
// Owns:    copies of everything; nothing refers to the text.
// Units:   lines and columns count from 1.
// Errors:  kInvalidConfig with "FILE:LINE:COLUMN: sentence".
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"

namespace sluice::topology {

struct Position {
  std::uint32_t line = 1;  // 0: on the command line, in the column-th --set.
  std::uint32_t column = 1;

  friend auto operator<=>(const Position&, const Position&) = default;
};

struct ConfigEntry;

struct ConfigNode {
  using Array = std::vector<ConfigNode>;
  using Table = std::vector<ConfigEntry>;  // In the order of the text.

  Position position;
  std::variant<std::string, std::int64_t, double, bool, Array, Table> value;

  // Absent where the value is of another type.
  template <class T>
  const T* get() const {
    return std::get_if<T>(&value);
  }
};

struct ConfigEntry {
  std::string key;
  Position position;  // Of the key; for a [table], of its header.
  ConfigNode value;
};

inline constexpr std::size_t kTopologyFileBytesMax = 1u << 20;

// Parses TOML 1.0. The root of the result is a Table. Dates and times are refused: no key of ours takes one.
Result<ConfigNode> read_config_document(std::string_view text, std::string_view file_name);

// What a value is, for messages: "a string", "a number", ...
std::string_view kind_of(const ConfigNode& node);

// kInvalidConfig: "FILE:LINE:COLUMN: sentence", or "FILE:--set NUMBER: sentence".
Error config_error(std::string_view file_name, Position position, std::string_view sentence);

}  // namespace sluice::topology
