#include "pipeline/text/tokenizer_steps.h"

namespace sluice::tokenizer_steps {
namespace {

using json_reading::Json;
using json_reading::malformed;

constexpr int kNestingMax = 8;

Result<void> flatten(const Json& json, const char* list_key, const std::string& where, int nesting,
                     std::vector<Step>& steps) {
  if (auto object = json_reading::check_object(json, where); !object) return object;
  const auto type = json_reading::string_at(json, "type", where);
  if (!type) return type.error();
  if (*type != "Sequence") {
    steps.push_back({*type, &json});
    if (steps.size() > kStepsMax) return malformed(where, "has more than " + std::to_string(kStepsMax) + " steps");
    return {};
  }
  if (nesting == kNestingMax) return malformed(where, "has sequences nested too deep");
  const Json* list = json_reading::find(json, list_key);
  if (list == nullptr || !list->is_array())
    return malformed(where, "has a Sequence without the list " + in_quotes(list_key));
  for (const Json& element : *list) {
    if (auto step = flatten(element, list_key, where, nesting + 1, steps); !step) return step;
  }
  return {};
}

}  // namespace

Result<std::vector<Step>> steps_of(const Json& json, const char* part, const char* list_key, const std::string& where) {
  std::vector<Step> steps;
  const Json* root = json_reading::find(json, part);
  if (root == nullptr) return steps;
  if (auto flat = flatten(*root, list_key, where, 0, steps); !flat) return flat.error();
  return steps;
}

Error unsupported(const std::string& where, const std::string& type) {
  return malformed(where, "has the type " + in_quotes(type) + ", which is not supported");
}

Result<std::string> step_text(const Json& step, const char* key, const std::string& where) {
  auto text = json_reading::string_at(step, key, where);
  if (!text) return text;
  if (text->empty() || text->size() > kStepTextBytesMax) {
    return malformed(where, "has a " + in_quotes(key) + " of " + std::to_string(text->size()) + " bytes, not 1 to " +
                                std::to_string(kStepTextBytesMax));
  }
  return text;
}

Result<Regex> step_pattern(const Json& step, const std::string& where) {
  const Json* pattern = json_reading::find(step, "pattern");
  if (pattern == nullptr || !pattern->is_object()) return malformed(where, "has a step without a pattern");
  const std::string pattern_where = where + " pattern";
  if (auto keys = json_reading::check_keys(*pattern, pattern_where, {"Regex", "String"}); !keys) return keys.error();
  if (pattern->size() != 1) return malformed(pattern_where, "is not one of \"Regex\" and \"String\"");
  if (pattern->contains("String")) {
    const auto text = step_text(*pattern, "String", pattern_where);
    if (!text) return text.error();
    return Regex::of_literal(*text);
  }
  const auto text = json_reading::string_at(*pattern, "Regex", pattern_where);
  if (!text) return text.error();
  auto regex = Regex::compile(*text);
  if (!regex) return malformed(where, regex.error().message);
  return regex;
}

}  // namespace sluice::tokenizer_steps
