#include <algorithm>
#include <array>

#include "pipeline/text/tokenizer_steps.h"
#include "pipeline/text/utf8.h"

namespace sluice {
namespace {

using json_reading::Json;
using json_reading::malformed;
using tokenizer_steps::Step;

Result<void> read_replace(const Json& json, const std::string& where, TokenDecoder& decoder) {
  if (auto keys = json_reading::check_keys(json, where, {"type", "pattern", "content"}); !keys) return keys;
  const Json* pattern = json_reading::find(json, "pattern");
  if (pattern == nullptr || !pattern->is_object() || !pattern->contains("String")) {
    return malformed(where, "has a Replace whose pattern is no \"String\", which is not supported");
  }
  auto what = tokenizer_steps::step_text(*pattern, "String", where);
  if (!what) return what.error();
  auto with = json_reading::string_at(json, "content", where);
  if (!with) return with.error();
  if (with->size() > tokenizer_steps::kStepTextBytesMax) {
    return malformed(where, "has a \"content\" of " + std::to_string(with->size()) + " bytes");
  }
  decoder.replacements.emplace_back(std::move(*what), std::move(*with));
  return {};
}

Result<void> read_strip(const Json& json, const std::string& where, TokenDecoder& decoder) {
  if (auto keys = json_reading::check_keys(json, where, {"type", "content", "start", "stop"}); !keys) return keys;
  auto content = tokenizer_steps::step_text(json, "content", where);
  if (!content) return content.error();
  if (next_utf8(*content).size_bytes != content->size()) {
    return malformed(where, "has a Strip of more than one character");
  }
  const Json* start = json_reading::find(json, "start");
  const Json* stop = json_reading::find(json, "stop");
  const auto start_count = start == nullptr ? std::nullopt : json_reading::as_integer(*start);
  if (!start_count || *start_count < 0 || *start_count > 1024) {
    return malformed(where, "has a Strip whose \"start\" is no number of characters");
  }
  // The end of a text that still grows is not known.
  if (stop != nullptr && *stop != 0) return malformed(where, "has a Strip at the end, which is not supported");
  decoder.stripped_character = std::move(*content);
  decoder.stripped_count = static_cast<std::uint32_t>(*start_count);
  return {};
}

Result<void> read_metaspace(const Json& json, const std::string& where, TokenDecoder& decoder) {
  auto replacement = read_metaspace_replacement(json, where);
  if (!replacement) return replacement.error();
  const auto scheme = read_prepend_scheme(json, where);
  if (!scheme) return scheme.error();
  decoder.replacements.emplace_back(*replacement, " ");
  if (*scheme != PrependScheme::kNever) decoder.dropped_from_first = std::move(*replacement);
  return {};
}

// The steps that may stand in a sequence, in this order: what a token becomes, bytes, all as one text, its start.
constexpr std::array<const char*, 4> kOrder = {"Replace", "ByteFallback", "Fuse", "Strip"};

Result<TokenDecoder> read_sequence(const std::vector<Step>& steps, const std::string& where) {
  TokenDecoder decoder;
  std::size_t at = 0;
  bool is_fused = false;
  for (const Step& step : steps) {
    const auto known = std::find(kOrder.begin(), kOrder.end(), step.type);
    if (known == kOrder.end()) return tokenizer_steps::unsupported(where, step.type);
    const auto place = static_cast<std::size_t>(known - kOrder.begin());
    if (place < at || (place > 0 && place == at)) {
      return malformed(where, "has " + in_quotes(step.type) + " at a place where it is not supported");
    }
    at = place;
    Result<void> read = {};
    if (step.type == "Replace") read = read_replace(*step.json, where, decoder);
    if (step.type == "ByteFallback") decoder.has_byte_fallback = true;
    if (step.type == "Fuse") is_fused = true;
    if (step.type == "Strip") {
      if (!is_fused) return malformed(where, "has a Strip of each token, which is not supported");
      read = read_strip(*step.json, where, decoder);
    }
    if (!read) return read.error();
  }
  return decoder;
}

}  // namespace

Result<TokenDecoder> read_decoder(const Json& json, std::string_view name) {
  const std::string where = std::string(name) + ": decoder";
  const auto steps = tokenizer_steps::steps_of(json, "decoder", "decoders", where);
  if (!steps) return steps.error();
  if (steps->empty()) return malformed(where, "is missing");
  if (steps->size() > 1) return read_sequence(*steps, where);
  const Step& only = steps->front();
  TokenDecoder decoder;
  if (only.type == "ByteLevel") {
    decoder.is_byte_level = true;
    return decoder;
  }
  if (only.type != "Metaspace") return read_sequence(*steps, where);
  if (auto read = read_metaspace(*only.json, where, decoder); !read) return read.error();
  return decoder;
}

}  // namespace sluice
