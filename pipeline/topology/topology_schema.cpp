#include "pipeline/topology/topology_schema.h"

#include <type_traits>

#include <nlohmann/json.hpp>

#include "pipeline/topology/value_syntax.h"

namespace sluice::topology {
namespace {

using Json = nlohmann::ordered_json;

// ---- JSON Schema ----------------------------------------------------------------------------------------------------

Json schema_of(const TableShape& table);

Json whole_text(const std::string& pattern) {
  Json text = {{"type", "string"}};
  if (!pattern.empty()) text["pattern"] = "^(" + pattern + ")$";
  return text;
}

Json schema_of(const TextShape& shape) {
  return whole_text(shape.pattern);
}

Json schema_of(const WholeNumberShape& shape) {
  return {{"type", "integer"}, {"minimum", shape.min}, {"maximum", shape.max}};
}

Json schema_of(const NumberShape& shape) {
  return {{"type", "number"}, {"minimum", shape.min}, {"maximum", shape.max}};
}

Json schema_of(const SizeShape& shape) {
  return {{"anyOf", {whole_text("[0-9]+(KiB|MiB|GiB|TiB)"), schema_of(WholeNumberShape{shape.min, shape.max})}}};
}

Json schema_of(const TruthShape&) {
  return {{"type", "boolean"}};
}

Json schema_of(const ChoiceShape& shape) {
  return {{"enum", shape.names}};
}

Json schema_of(const TextListShape& shape) {
  const Json element = shape.names.empty() ? whole_text(shape.pattern) : schema_of(ChoiceShape{shape.names});
  Json list = {{"type", "array"}, {"minItems", 1}, {"items", element}};
  if (shape.in_place_of_list.empty()) return list;
  return {{"anyOf", {{{"const", shape.in_place_of_list}}, std::move(list)}}};
}

Json schema_of(const KeyShape& key) {
  Json schema = std::visit([](const auto& shape) { return schema_of(shape); }, key.value);
  if (!key.meaning.empty()) schema["description"] = key.meaning;
  if (!key.default_value.empty()) schema["default"] = Json::parse(key.default_value);
  return schema;
}

Json schema_of(const TableShape& table) {
  Json properties = Json::object();
  Json required = Json::array();
  for (const KeyShape& key : table.keys) {
    properties[key.key] = schema_of(key);
    if (key.is_required) required.push_back(key.key);
  }
  Json schema = {{"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
  if (!required.empty()) schema["required"] = std::move(required);
  if (table.tables_max == 0) return schema;
  return {{"type", "array"}, {"minItems", 1}, {"maxItems", table.tables_max}, {"items", std::move(schema)}};
}

// ---- the table ------------------------------------------------------------------------------------------------------

std::string range_text(const std::string& min, const std::string& max) {
  return min == max ? min : min + " to " + max;
}

std::string quoted_names(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "`\"" : ", `\"") + name + "\"`";
  return text;
}

std::string takes(const TextShape&) {
  return "text";
}
std::string takes(const WholeNumberShape& shape) {
  return range_text(std::to_string(shape.min), std::to_string(shape.max));
}
std::string takes(const NumberShape& shape) {
  return "number, " + range_text(shortest_decimal(shape.min), shortest_decimal(shape.max));
}
std::string takes(const SizeShape& shape) {
  return "size, " + range_text(size_to_string(shape.min), size_to_string(shape.max));
}
std::string takes(const TruthShape&) {
  return "`true`, `false`";
}
std::string takes(const ChoiceShape& shape) {
  return quoted_names(shape.names);
}
std::string takes(const TextListShape& shape) {
  std::string list = shape.names.empty() ? "list of texts" : "list of " + quoted_names(shape.names);
  return shape.in_place_of_list.empty() ? list : list + ", or `\"" + shape.in_place_of_list + "\"`";
}
std::string takes(const TableShape& shape) {
  return shape.tables_max == 0 ? "table" : "1 to " + std::to_string(shape.tables_max) + " tables";
}

// Of a table in a table there is a row, which says what its keys are.
void add_rows(const TableShape& table, std::string& rows) {
  for (const KeyShape& key : table.keys) {
    const auto* inner = std::get_if<TableShape>(&key.value);
    if (inner != nullptr && key.meaning.empty()) continue;  // What there is to say of it, its keys say.
    const std::string where = table.name.empty() ? "top of the file" : "`" + table.name + "`";
    const std::string name = inner != nullptr ? inner->name : key.key;
    const std::string standard = key.is_required ? "required" : key.default_value;
    rows += "| " + where + " | `" + name + "` | " +
            std::visit([](const auto& shape) { return takes(shape); }, key.value) + " | " +
            (key.is_required || standard.empty() ? standard : "`" + standard + "`") + " | " + key.meaning + " |\n";
  }
}

}  // namespace

std::string render_json_schema(const TableShape& file) {
  Json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"}, {"title", "Topology file of Sluice"}};
  schema.update(schema_of(file));
  schema["oneOf"] = {{{"required", {"stage"}}}, {{"required", {"replica"}}}};
  return schema.dump(2) + "\n";
}

std::string render_key_table(const TableShape& file) {
  std::string rows = "| table | key | takes | default | meaning |\n|---|---|---|---|---|\n";
  add_rows(file, rows);
  for (const KeyShape& key : file.keys) {
    if (const auto* table = std::get_if<TableShape>(&key.value)) add_rows(*table, rows);
  }
  return rows;
}

}  // namespace sluice::topology
