// Tables of known keys, and the one loop that reads a table of the file by them: unknown key, wrong type, value out of
// range and missing key are each found, worded and placed here, once for all keys.
//
// A Field<Section> names a key, reads its value into a Section, and says what the value may be and means
// (value_shape.h). The makers of config_fields.h cover the usual kinds.
// Errors:  kInvalidConfig with file, line, column, the table and key, the value and what would be allowed.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "pipeline/topology/config_document.h"
#include "pipeline/topology/spelling.h"
#include "pipeline/topology/value_shape.h"

namespace sluice::topology {

// Where a value stands, for its messages.
struct FieldPlace {
  std::string_view file_name;
  std::string_view table;  // "[ingress]", "[[stage]]"; empty: top level.
  std::string_view key;

  Error error(Position position, std::string_view sentence) const {
    return config_error(file_name, position, name() + " " + std::string(sentence));
  }
  Error wrong_type(const ConfigNode& node, std::string_view wanted) const {
    return error(node.position, "takes " + std::string(wanted) + ", not " + std::string(kind_of(node)));
  }
  Error unknown_value(const ConfigNode& node, std::string_view value, std::span<const std::string_view> known) const {
    return error(node.position, "has the unknown value " + in_quotes(value) + "; the nearest known one is " +
                                    in_quotes(nearest_name(value, known)));
  }
  std::string name() const { return table.empty() ? in_quotes(key) : std::string(table) + " " + std::string(key); }
};

template <class Section>
struct Field {
  enum class Need : std::uint8_t { kOptional, kRequired };

  std::string_view key;
  std::function<Result<void>(const FieldPlace&, const ConfigNode&, Section&)> read;
  ValueShape shape;
  std::string default_value = {};  // As TOML spells it.
  std::string_view meaning = {};
  Need need = Need::kOptional;

  Field required() && {
    need = Need::kRequired;
    return std::move(*this);
  }
  // Of no more than a few sentences; with the unit, where the name does not have it.
  Field about(std::string_view sentence) && {
    meaning = sentence;
    return std::move(*this);
  }
};

template <class Section>
std::vector<KeyShape> shapes_of(const std::vector<Field<Section>>& fields) {
  std::vector<KeyShape> shapes;
  for (const Field<Section>& field : fields) {
    const bool is_required = field.need == Field<Section>::Need::kRequired;
    shapes.push_back({std::string(field.key), field.shape, is_required, is_required ? "" : field.default_value,
                      std::string(field.meaning)});
  }
  return shapes;
}

// Reads every entry of a table; `table` is its name for messages.
template <class Section>
Result<void> read_table(std::string_view file_name, std::string_view table, const ConfigNode& node,
                        const std::vector<Field<Section>>& fields, Section& section) {
  const std::string where = table.empty() ? "the file" : std::string(table);
  const auto* entries = node.get<ConfigNode::Table>();
  if (entries == nullptr) {
    return config_error(file_name, node.position, where + " takes a table, not " + std::string(kind_of(node)));
  }
  std::set<std::string_view> seen;
  for (const ConfigEntry& entry : *entries) {
    const Field<Section>* known = nullptr;
    std::vector<std::string_view> names;
    for (const Field<Section>& field : fields) {
      names.push_back(field.key);
      if (field.key == entry.key) known = &field;
    }
    if (known == nullptr) {
      return config_error(file_name, entry.position,
                          "unknown key " + in_quotes(entry.key) + " in " + where + "; the nearest known key is " +
                              in_quotes(nearest_name(entry.key, names)));
    }
    seen.insert(known->key);
    Result<void> read = known->read({file_name, table, known->key}, entry.value, section);
    if (!read.ok()) return read;
  }
  for (const Field<Section>& field : fields) {
    if (field.need == Field<Section>::Need::kRequired && !seen.contains(field.key)) {
      return config_error(file_name, node.position, where + " lacks " + in_quotes(field.key));
    }
  }
  return {};
}

}  // namespace sluice::topology
