#include "pipeline/topology/config_document.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include <toml++/toml.h>

namespace sluice::topology {
namespace {

Position position_of(const toml::source_region& region) {
  return {region.begin.line, region.begin.column};
}

// Copies a tree, or reports the first value that has no place in it.
class Converter {
 public:
  explicit Converter(std::string_view file_name) : file_name_(file_name) {}

  Result<ConfigNode> node(const toml::node& source) {
    const Position position = position_of(source.source());
    if (const auto* table_node = source.as_table()) return table(*table_node);
    if (const auto* array_node = source.as_array()) return array(*array_node);
    if (const auto* text = source.as_string()) return ConfigNode{position, text->get()};
    if (const auto* integer = source.as_integer()) return ConfigNode{position, integer->get()};
    if (const auto* number = source.as_floating_point()) return ConfigNode{position, number->get()};
    if (const auto* boolean = source.as_boolean()) return ConfigNode{position, boolean->get()};
    return config_error(file_name_, position, "dates and times have no meaning in a topology file");
  }

  Result<ConfigNode> table(const toml::table& source) {
    ConfigNode::Table entries;
    for (const auto& [key, value] : source) {
      Result<ConfigNode> child = node(value);
      if (!child.ok()) return std::move(child).error();
      entries.push_back({std::string(key.str()), position_of(key.source()), std::move(child).value()});
    }
    // The library sorts by name; messages about the first mistake want the order of the text.
    std::stable_sort(entries.begin(), entries.end(),
                     [](const ConfigEntry& a, const ConfigEntry& b) { return a.position < b.position; });
    return ConfigNode{position_of(source.source()), std::move(entries)};
  }

 private:
  Result<ConfigNode> array(const toml::array& source) {
    ConfigNode::Array elements;
    for (const toml::node& value : source) {
      Result<ConfigNode> child = node(value);
      if (!child.ok()) return std::move(child).error();
      elements.push_back(std::move(child).value());
    }
    return ConfigNode{position_of(source.source()), std::move(elements)};
  }

  std::string_view file_name_;
};

}  // namespace

Result<ConfigNode> read_config_document(std::string_view text, std::string_view file_name) {
  if (text.size() > kTopologyFileBytesMax) {
    return config_error(
        file_name, {},
        "the file has " + std::to_string(text.size()) + " bytes, limit " + std::to_string(kTopologyFileBytesMax));
  }
  try {
    return Converter(file_name).table(toml::parse(text, file_name));
  } catch (const toml::parse_error& error) {
    return config_error(file_name, position_of(error.source()), error.description());
  }
}

std::string_view kind_of(const ConfigNode& node) {
  static constexpr std::array<std::string_view, 6> kKinds = {"a string",      "a whole number", "a fraction",
                                                             "a truth value", "a list",         "a table"};
  return kKinds[node.value.index()];
}

Error config_error(std::string_view file_name, Position position, std::string_view sentence) {
  std::string message(file_name);
  const std::string line = position.line == 0 ? "--set " : std::to_string(position.line) + ":";
  message.append(":").append(line).append(std::to_string(position.column));
  message.append(": ").append(sentence);
  return {ErrorCode::kInvalidConfig, std::move(message)};
}

}  // namespace sluice::topology
