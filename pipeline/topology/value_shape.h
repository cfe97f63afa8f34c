// What the keys of a topology file take, as plain values: for those who describe the file (topology_schema.h) rather
// than read it. Made beside the readers (config_schema.h, config_fields.h), so that the two cannot differ.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace sluice::topology {

struct TextShape {
  std::string pattern;  // A regular expression that the whole text matches; empty: nothing so simple.
};
struct WholeNumberShape {
  std::uint64_t min = 0;
  std::uint64_t max = 0;
};
struct NumberShape {
  double min = 0;
  double max = 0;
};
// A number of bytes, or text such as "512MiB".
struct SizeShape {
  std::uint64_t min = 0;
  std::uint64_t max = 0;
};
struct TruthShape {};
struct ChoiceShape {
  std::vector<std::string> names;  // Those that are supported.
};
// A list of one text or more.
struct TextListShape {
  std::string pattern;             // Of each; as in TextShape.
  std::vector<std::string> names;  // Or: it is one of these.
  std::string in_place_of_list;    // A text that stands for a list; empty: none does.
};

struct KeyShape;

struct TableShape {
  std::string name;  // "[ingress]", "[[stage]]"; empty: the file itself.
  std::vector<KeyShape> keys;
  std::uint64_t tables_max = 0;  // Of a list of tables; 0: it is one table.
};

using ValueShape = std::variant<TextShape, WholeNumberShape, NumberShape, SizeShape, TruthShape, ChoiceShape,
                                TextListShape, TableShape>;

struct KeyShape {
  std::string key;
  ValueShape value;
  bool is_required = false;
  std::string default_value;  // As TOML and JSON spell it; empty: there is none, or it is a table.
  std::string meaning;        // With its unit.
};

}  // namespace sluice::topology
