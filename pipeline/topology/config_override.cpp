#include "pipeline/topology/config_override.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/topology/spelling.h"

namespace sluice::topology {
namespace {

constexpr std::size_t kStepsMax = 8;

std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> steps;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('.', begin), path.size());
    steps.emplace_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return steps;
}

std::optional<std::size_t> place_of(const std::string& step) {
  std::size_t place = 0;
  const auto [end, error] = std::from_chars(step.data(), step.data() + step.size(), place);
  if (error != std::errc() || end != step.data() + step.size()) return std::nullopt;
  return place;
}

// Errors in what was set point at the command line.
void put_at(ConfigNode& node, Position position) {
  node.position = position;
  if (auto* list = std::get_if<ConfigNode::Array>(&node.value)) {
    for (ConfigNode& element : *list) put_at(element, position);
  } else if (auto* table = std::get_if<ConfigNode::Table>(&node.value)) {
    for (ConfigEntry& entry : *table) {
      entry.position = position;
      put_at(entry.value, position);
    }
  }
}

ConfigNode parse_value(std::string_view text, bool replaces_text) {
  const Result<ConfigNode> document = read_config_document("v = " + std::string(text), "");
  const auto* table = document.ok() ? document->get<ConfigNode::Table>() : nullptr;
  const bool is_toml = table != nullptr && table->size() == 1;
  if (!is_toml || (replaces_text && table->front().value.get<std::string>() == nullptr)) {
    return {{}, std::string(text)};
  }
  return table->front().value;
}

// One step down, to what is there or is made there; null where there is no such place.
ConfigNode* step_into(ConfigNode& node, const std::string& step, Position position) {
  if (auto* list = std::get_if<ConfigNode::Array>(&node.value)) {
    const std::optional<std::size_t> place = place_of(step);
    if (!place || *place > list->size()) return nullptr;
    if (*place == list->size()) list->push_back({position, ConfigNode::Table{}});
    return &(*list)[*place];
  }
  auto* table = std::get_if<ConfigNode::Table>(&node.value);
  if (table == nullptr || step.empty()) return nullptr;
  const auto found = std::ranges::find(*table, step, &ConfigEntry::key);
  if (found != table->end()) return &found->value;
  table->push_back({step, position, {position, ConfigNode::Table{}}});
  return &table->back().value;
}

}  // namespace

Result<void> apply_override(std::string_view file_name, std::string_view text, std::uint32_t number, ConfigNode& root) {
  const Position position{0, number};
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) {
    return config_error(file_name, position, in_quotes(text) + " is not KEY=VALUE, such as 'batcher.max_sequences=8'");
  }
  const std::vector<std::string> steps = split(text.substr(0, equals));
  if (steps.size() > kStepsMax) return config_error(file_name, position, "no key has so many parts");
  ConfigNode* node = &root;
  std::string path;
  for (const std::string& step : steps) {
    path += (path.empty() ? "" : ".") + step;
    node = step_into(*node, step, position);
    if (node == nullptr) return config_error(file_name, position, "there is no place " + in_quotes(path));
  }
  ConfigNode value = parse_value(text.substr(equals + 1), node->get<std::string>() != nullptr);
  put_at(value, position);
  *node = std::move(value);
  return {};
}

}  // namespace sluice::topology
