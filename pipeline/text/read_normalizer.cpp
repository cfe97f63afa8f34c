#include "pipeline/text/tokenizer_steps.h"

namespace sluice {
namespace {

using json_reading::Json;
using tokenizer_steps::Step;

Result<NormalizerStep> read_step(const Step& step, const std::string& where) {
  const Json& json = *step.json;
  if (step.type == "NFC") return NormalizerStep(UnicodeForm::kNfc);
  if (step.type == "NFD") return NormalizerStep(UnicodeForm::kNfd);
  if (step.type == "NFKC") return NormalizerStep(UnicodeForm::kNfkc);
  if (step.type == "NFKD") return NormalizerStep(UnicodeForm::kNfkd);
  if (step.type == "Prepend") {
    if (auto keys = json_reading::check_keys(json, where, {"type", "prepend"}); !keys) return keys.error();
    auto prefix = tokenizer_steps::step_text(json, "prepend", where);
    if (!prefix) return prefix.error();
    return NormalizerStep(PrependText{std::move(*prefix)});
  }
  if (step.type == "Replace") {
    if (auto keys = json_reading::check_keys(json, where, {"type", "pattern", "content"}); !keys) return keys.error();
    auto pattern = tokenizer_steps::step_pattern(json, where);
    if (!pattern) return pattern.error();
    auto content = json_reading::string_at(json, "content", where);
    if (!content) return content.error();
    if (content->size() > tokenizer_steps::kStepTextBytesMax) {
      return json_reading::malformed(where, "has a \"content\" of " + std::to_string(content->size()) + " bytes");
    }
    return NormalizerStep(ReplaceText{std::move(*pattern), std::move(*content)});
  }
  return tokenizer_steps::unsupported(where, step.type);
}

}  // namespace

Result<Normalizer> read_normalizer(const Json& json, std::string_view name) {
  const std::string where = std::string(name) + ": normalizer";
  const auto steps = tokenizer_steps::steps_of(json, "normalizer", "normalizers", where);
  if (!steps) return steps.error();
  std::vector<NormalizerStep> read;
  for (const Step& step : *steps) {
    auto known = read_step(step, where);
    if (!known) return known.error();
    read.push_back(std::move(*known));
  }
  return Normalizer(std::move(read));
}

}  // namespace sluice
