#include "pipeline/text/tokenizer_steps.h"

namespace sluice {
namespace {

using json_reading::Json;
using json_reading::malformed;
using tokenizer_steps::Step;

// Appends what a TemplateProcessing puts before and after the text.
Result<void> read_template(const Json& json, const Vocabulary& vocabulary, const std::string& where,
                           PostProcessor& post_processor) {
  const Json* single = json_reading::find(json, "single");
  const Json* special_tokens = json_reading::find(json, "special_tokens");
  if (single == nullptr || !single->is_array() || special_tokens == nullptr || !special_tokens->is_object()) {
    return malformed(where, "has a TemplateProcessing without \"single\" and \"special_tokens\"");
  }
  if (const Json* pair = json_reading::find(json, "pair"); pair != nullptr && !pair->is_array()) {
    return malformed(where, "has a TemplateProcessing whose \"pair\" is no list");  // For two texts; we never have two.
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
      if (before.size() + after.size() > tokenizer_steps::kStepsMax) return malformed(where, "adds too many tokens");
    }
  }
  if (num_texts != 1) return malformed(where, "has a template that does not name its text exactly once");
  // A later template goes around what an earlier one made.
  post_processor.before.insert(post_processor.before.begin(), before.begin(), before.end());
  post_processor.after.insert(post_processor.after.end(), after.begin(), after.end());
  return {};
}

}  // namespace

Result<PostProcessor> read_post_processor(const Json& json, const Vocabulary& vocabulary, std::string_view name) {
  const std::string where = std::string(name) + ": post_processor";
  const auto steps = tokenizer_steps::steps_of(json, "post_processor", "processors", where);
  if (!steps) return steps.error();
  PostProcessor post_processor;
  for (const Step& step : *steps) {
    if (step.type == "ByteLevel") continue;  // Trims offsets, which we do not report.
    if (step.type != "TemplateProcessing") return tokenizer_steps::unsupported(where, step.type);
    if (auto read = read_template(*step.json, vocabulary, where, post_processor); !read) return read.error();
  }
  return post_processor;
}

}  // namespace sluice
