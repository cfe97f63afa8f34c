#include "pipeline/text/tokenizer_components.h"

#include <functional>

namespace sluice {
namespace {

using json_reading::Json;
using json_reading::malformed;

constexpr std::size_t kStepsMax = 32;
constexpr int kNestingMax = 8;

// GPT-2's own expression, which ByteLevel applies with use_regex.
constexpr std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

struct Step {
  std::string type;
  const Json* json = nullptr;
};

// A part as a flat list of its steps; `list_key` is what a "Sequence" keeps its steps under.
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

Result<Regex> compile(std::string_view pattern, const std::string& where) {
  auto regex = Regex::compile(pattern);
  if (!regex) return malformed(where, regex.error().message);
  return regex;
}

Result<Regex> read_split(const Json& json, const std::string& where) {
  if (auto keys = json_reading::check_keys(json, where, {"type", "pattern", "behavior", "invert"}); !keys) {
    return keys.error();
  }
  const auto behavior = json_reading::string_at(json, "behavior", where);
  if (!behavior) return behavior.error();
  const auto invert = json_reading::bool_or(json, "invert", false, where);
  if (!invert) return invert.error();
  if (*behavior != "Isolated" || *invert) {
    return malformed(where, "has a Split with behavior " + in_quotes(*behavior) + (*invert ? ", inverted," : "") +
                                ", which is not supported");
  }
  const Json* pattern = json_reading::find(json, "pattern");
  if (pattern == nullptr || !pattern->is_object()) return malformed(where, "has a Split without a pattern");
  if (auto keys = json_reading::check_keys(*pattern, where + " pattern", {"Regex"}); !keys) return keys.error();
  const auto text = json_reading::string_at(*pattern, "Regex", where + " pattern");
  if (!text) return text.error();
  return compile(*text, where);
}

// Appends what a TemplateProcessing puts before and after the text.
Result<void> read_template(const Json& json, const Vocabulary& vocabulary, const std::string& where,
                           PostProcessor& post_processor) {
  const Json* single = json_reading::find(json, "single");
  const Json* special_tokens = json_reading::find(json, "special_tokens");
  if (single == nullptr || !single->is_array() || special_tokens == nullptr || !special_tokens->is_object()) {
    return malformed(where, "has a TemplateProcessing without \"single\" and \"special_tokens\"");
  }
  std::vector<TokenId> before;
  std::vector<TokenId> after;
  int num_texts = 0;
  for (const Json& piece : *single) {
    if (!piece.is_object()) return malformed(where, "has a template piece that is no JSON object");
    if (const Json* text = json_reading::find(piece, "Sequence"); text != nullptr && text->is_object()) {
      const auto id = json_reading::string_at(*text, "id", where);
      if (!id) return id.error();
      if (*id != "A") return malformed(where, "has a template for one text that names another than A");
      ++num_texts;
      continue;
    }
    const Json* token = json_reading::find(piece, "SpecialToken");
    if (token == nullptr || !token->is_object()) return malformed(where, "has an unknown template piece");
    const auto token_name = json_reading::string_at(*token, "id", where);
    if (!token_name) return token_name.error();
    const Json* entry = json_reading::find(*special_tokens, token_name->c_str());
    const Json* ids = entry != nullptr && entry->is_object() ? json_reading::find(*entry, "ids") : nullptr;
    if (ids == nullptr || !ids->is_array()) return malformed(where, "lacks the ids of " + in_quotes(*token_name));
    for (const Json& value : *ids) {
      const auto id = json_reading::as_integer(value);
      if (!id || *id < 0 || *id >= vocabulary.size() || !vocabulary.contains(static_cast<TokenId>(*id))) {
        return malformed(where, "gives " + in_quotes(*token_name) + " an id that no token has");
      }
      (num_texts == 0 ? before : after).push_back(static_cast<TokenId>(*id));
      if (before.size() + after.size() > kStepsMax) return malformed(where, "adds too many tokens");
    }
  }
  if (num_texts != 1) return malformed(where, "has a template that does not name its text exactly once");
  // A later template goes around what an earlier one made.
  post_processor.before.insert(post_processor.before.begin(), before.begin(), before.end());
  post_processor.after.insert(post_processor.after.end(), after.begin(), after.end());
  return {};
}

}  // namespace

Result<Normalizer> read_normalizer(const Json& json, std::string_view name) {
  const std::string where = std::string(name) + ": normalizer";
  const auto steps = steps_of(json, "normalizer", "normalizers", where);
  if (!steps) return steps.error();
  std::vector<Normalization> normalizations;
  for (const Step& step : *steps) {
    if (step.type != "NFC") return unsupported(where, step.type);
    normalizations.push_back(Normalization::kNfc);
  }
  return Normalizer(std::move(normalizations));
}

Result<PreTokenizer> read_pre_tokenizer(const Json& json, std::string_view name) {
  const std::string where = std::string(name) + ": pre_tokenizer";
  const auto steps = steps_of(json, "pre_tokenizer", "pretokenizers", where);
  if (!steps) return steps.error();
  if (steps->empty() || steps->back().type != "ByteLevel") {
    return malformed(where, "does not end with ByteLevel; only byte-level BPE is supported");
  }
  std::vector<Regex> splits;
  for (const Step& step : *steps) {
    if (step.type == "Split") {
      auto split = read_split(*step.json, where);
      if (!split) return split.error();
      splits.push_back(std::move(*split));
      continue;
    }
    if (step.type != "ByteLevel") return unsupported(where, step.type);
    if (&step != &steps->back()) return malformed(where, "has a step after ByteLevel, which is not supported");
    const auto keys =
        json_reading::check_keys(*step.json, where, {"type", "add_prefix_space", "trim_offsets", "use_regex"});
    if (!keys) return keys.error();
    const auto add_prefix_space = json_reading::bool_or(*step.json, "add_prefix_space", true, where);
    if (!add_prefix_space) return add_prefix_space.error();
    if (*add_prefix_space) return malformed(where, "has ByteLevel with add_prefix_space, which is not supported");
    const auto use_regex = json_reading::bool_or(*step.json, "use_regex", true, where);
    if (!use_regex) return use_regex.error();
    if (*use_regex) {
      auto split = compile(kGpt2Pattern, where);
      if (!split) return split.error();
      splits.push_back(std::move(*split));
    }
  }
  return PreTokenizer(std::move(splits));
}

Result<PostProcessor> read_post_processor(const Json& json, const Vocabulary& vocabulary, std::string_view name) {
  const std::string where = std::string(name) + ": post_processor";
  const auto steps = steps_of(json, "post_processor", "processors", where);
  if (!steps) return steps.error();
  PostProcessor post_processor;
  for (const Step& step : *steps) {
    if (step.type == "ByteLevel") continue;  // Trims offsets, which we do not report.
    if (step.type != "TemplateProcessing") return unsupported(where, step.type);
    if (auto read = read_template(*step.json, vocabulary, where, post_processor); !read) return read.error();
  }
  return post_processor;
}

Result<void> check_decoder(const Json& json, std::string_view name) {
  const std::string where = std::string(name) + ": decoder";
  const auto steps = steps_of(json, "decoder", "decoders", where);
  if (!steps) return steps.error();
  if (steps->size() != 1) return malformed(where, "is not ByteLevel alone; only byte-level BPE is supported");
  if (steps->front().type != "ByteLevel") return unsupported(where, steps->front().type);
  return {};
}

}  // namespace sluice
