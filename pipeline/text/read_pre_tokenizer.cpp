#include <array>

#include "pipeline/text/tokenizer_steps.h"
#include "pipeline/text/utf8.h"

namespace sluice {
namespace {

using json_reading::Json;
using json_reading::malformed;
using tokenizer_steps::Step;
using Steps = std::vector<PreTokenizerStep>;

// GPT-2's own expression, which ByteLevel applies with use_regex.
constexpr std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

Result<void> add_split(std::string_view pattern, SplitBehavior behavior, const std::string& where, Steps& steps) {
  auto regex = Regex::compile(pattern);
  if (!regex) return malformed(where, regex.error().message);
  steps.push_back(SplitStep{std::move(*regex), behavior, false});
  return {};
}

Result<SplitBehavior> read_behavior(const Json& json, const std::string& where) {
  constexpr std::array<std::pair<const char*, SplitBehavior>, 5> kBehaviors = {
      {{"Removed", SplitBehavior::kRemoved},
       {"Isolated", SplitBehavior::kIsolated},
       {"MergedWithPrevious", SplitBehavior::kMergedWithPrevious},
       {"MergedWithNext", SplitBehavior::kMergedWithNext},
       {"Contiguous", SplitBehavior::kContiguous}}};
  const auto name = json_reading::string_at(json, "behavior", where);
  if (!name) return name.error();
  for (const auto& [known, behavior] : kBehaviors) {
    if (*name == known) return behavior;
  }
  return malformed(where, "has a Split with behavior " + in_quotes(*name) + ", which is not supported");
}

Result<void> read_split(const Json& json, const std::string& where, Steps& steps) {
  if (auto keys = json_reading::check_keys(json, where, {"type", "pattern", "behavior", "invert"}); !keys) return keys;
  const auto behavior = read_behavior(json, where);
  if (!behavior) return behavior.error();
  const auto is_inverted = json_reading::bool_or(json, "invert", false, where);
  if (!is_inverted) return is_inverted.error();
  auto regex = tokenizer_steps::step_pattern(json, where);
  if (!regex) return regex.error();
  steps.push_back(SplitStep{std::move(*regex), *behavior, *is_inverted});
  return {};
}

Result<void> read_metaspace(const Json& json, const std::string& where, Steps& steps) {
  const auto keys = json_reading::check_keys(
      json, where, {"type", "replacement", "prepend_scheme", "add_prefix_space", "split", "str_rep"});
  if (!keys) return keys;
  const auto replacement = read_metaspace_replacement(json, where);
  if (!replacement) return replacement.error();
  const auto scheme = read_prepend_scheme(json, where);
  if (!scheme) return scheme.error();
  const auto is_split = json_reading::bool_or(json, "split", true, where);
  if (!is_split) return is_split.error();
  steps.push_back(MetaspaceStep{*replacement, *scheme, *is_split});
  return {};
}

Result<void> read_digits(const Json& json, const std::string& where, Steps& steps) {
  if (auto keys = json_reading::check_keys(json, where, {"type", "individual_digits"}); !keys) return keys;
  const auto is_each_alone = json_reading::bool_or(json, "individual_digits", false, where);
  if (!is_each_alone) return is_each_alone.error();
  return add_split("\\p{N}", *is_each_alone ? SplitBehavior::kIsolated : SplitBehavior::kContiguous, where, steps);
}

Result<void> read_byte_level(const Json& json, const std::string& where, Steps& steps) {
  const auto keys = json_reading::check_keys(json, where, {"type", "add_prefix_space", "trim_offsets", "use_regex"});
  if (!keys) return keys;
  const auto add_prefix_space = json_reading::bool_or(json, "add_prefix_space", true, where);
  if (!add_prefix_space) return add_prefix_space.error();
  if (*add_prefix_space) steps.push_back(SpacePrefixStep{});
  const auto use_regex = json_reading::bool_or(json, "use_regex", true, where);
  if (!use_regex) return use_regex.error();
  if (!*use_regex) return {};
  return add_split(kGpt2Pattern, SplitBehavior::kIsolated, where, steps);
}

}  // namespace

Result<std::string> read_metaspace_replacement(const Json& json, const std::string& where) {
  auto replacement = json_reading::string_at(json, "replacement", where);
  if (!replacement) return replacement;
  if (replacement->empty() || next_utf8(*replacement).size_bytes != replacement->size()) {
    return malformed(where, "has a Metaspace whose replacement is not one character");
  }
  return replacement;
}

Result<PrependScheme> read_prepend_scheme(const Json& json, const std::string& where) {
  // Older files have a flag instead.
  const auto add_prefix_space = json_reading::bool_or(json, "add_prefix_space", true, where);
  if (!add_prefix_space) return add_prefix_space.error();
  if (json_reading::find(json, "prepend_scheme") == nullptr) {
    return *add_prefix_space ? PrependScheme::kAlways : PrependScheme::kNever;
  }
  const auto scheme = json_reading::string_at(json, "prepend_scheme", where);
  if (!scheme) return scheme.error();
  if (*scheme == "always") return PrependScheme::kAlways;
  if (*scheme == "first") return PrependScheme::kFirst;
  if (*scheme == "never") return PrependScheme::kNever;
  return malformed(where, "has the prepend_scheme " + in_quotes(*scheme) + ", which is not supported");
}

Result<PreTokenizing> read_pre_tokenizer(const Json& json, std::string_view name) {
  const std::string where = std::string(name) + ": pre_tokenizer";
  const auto steps = tokenizer_steps::steps_of(json, "pre_tokenizer", "pretokenizers", where);
  if (!steps) return steps.error();
  Steps read;
  bool is_byte_level = false;
  for (const Step& step : *steps) {
    if (is_byte_level) return malformed(where, "has a step after ByteLevel, which is not supported");
    Result<void> known = {};
    if (step.type == "Split") {
      known = read_split(*step.json, where, read);
    } else if (step.type == "Digits") {
      known = read_digits(*step.json, where, read);
    } else if (step.type == "Metaspace") {
      known = read_metaspace(*step.json, where, read);
    } else if (step.type == "ByteLevel") {
      is_byte_level = true;
      known = read_byte_level(*step.json, where, read);
    } else {
      known = tokenizer_steps::unsupported(where, step.type);
    }
    if (!known) return known.error();
  }
  return PreTokenizing{PreTokenizer(std::move(read)), is_byte_level};
}

}  // namespace sluice
