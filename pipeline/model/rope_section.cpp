#include "pipeline/model/rope_section.h"

#include <algorithm>
#include <cmath>

namespace sluice {
namespace {

constexpr double kThetaMax = 1e12;
constexpr double kFactorMax = 1e6;

std::uint32_t original_context(JsonReader& json, std::uint32_t max_position_embeddings) {
  return static_cast<std::uint32_t>(json.unsigned_integer("original_max_position_embeddings", 1, kContextTokensMax,
                                                          std::uint64_t{max_position_embeddings}));
}

void read_llama3(JsonReader& json, RopeConfig& rope, std::uint32_t max_position_embeddings) {
  rope.scaling = RopeScaling::kLlama3;
  rope.factor = json.number("factor", 1.0, kFactorMax);
  rope.low_freq_factor = json.number("low_freq_factor", 1e-3, kFactorMax);
  rope.high_freq_factor = json.number("high_freq_factor", 1e-3, kFactorMax);
  rope.original_max_position_embeddings = original_context(json, max_position_embeddings);
  if (!(rope.high_freq_factor > rope.low_freq_factor)) json.fail("high_freq_factor", "not above low_freq_factor");
}

void read_yarn(JsonReader& json, RopeSection& section, std::uint32_t max_position_embeddings) {
  RopeConfig& rope = section.rope;
  rope.scaling = RopeScaling::kYarn;
  rope.original_max_position_embeddings = original_context(json, max_position_embeddings);
  const double stretched = static_cast<double>(max_position_embeddings) / rope.original_max_position_embeddings;
  rope.factor = json.number("factor", 1.0, kFactorMax, std::max(1.0, stretched));
  rope.beta_fast = json.number("beta_fast", 1e-3, kFactorMax, 32.0);
  rope.beta_slow = json.number("beta_slow", 1e-3, kFactorMax, 1.0);
  if (!(rope.theta > 1.0f)) json.fail("rope_theta", "not above 1, which yarn needs");
  rope.truncates = json.flag("truncate", true);
  const float mscale = json.number("mscale", 0.0, 100.0, 0.0);
  section.mscale_all_dim = json.number("mscale_all_dim", 0.0, 100.0, 0.0);
  if (json.has("attention_factor")) {
    rope.magnitude = json.number("attention_factor", 1e-3, 1e3);
  } else if (mscale > 0.0f && section.mscale_all_dim > 0.0f) {
    rope.magnitude = yarn_mscale(rope.factor, mscale) / yarn_mscale(rope.factor, section.mscale_all_dim);
  } else {
    rope.magnitude = yarn_mscale(rope.factor, 1.0f);
  }
}

void read_scaling(JsonReader& json, RopeSection& section, std::uint32_t max_position_embeddings) {
  const auto type = json.string("rope_type", json.string("type", "default"));
  if (type == "default") return;
  if (type != "yarn" && json.number("mscale_all_dim", 0.0, 100.0, 0.0) > 0.0f) {
    json.fail("mscale_all_dim", "is supported with yarn alone");
  }
  if (type == "linear") {
    section.rope.scaling = RopeScaling::kLinear;
    section.rope.factor = json.number("factor", 1.0, kFactorMax);
  } else if (type == "dynamic") {
    // Stretches positions only once a sequence is longer than max_position_embeddings, which is our context.
    (void)json.number("factor", 1.0, kFactorMax);
  } else if (type == "llama3") {
    read_llama3(json, section.rope, max_position_embeddings);
  } else if (type == "yarn") {
    read_yarn(json, section, max_position_embeddings);
  } else {
    json.fail("rope_type",
              "'" + type.substr(0, 40) + "' is not supported; supported: default, linear, dynamic, llama3, yarn");
  }
}

}  // namespace

RopeSection read_rope(JsonReader& json, std::uint32_t max_position_embeddings) {
  RopeSection section;
  section.rope.theta = json.number("rope_theta", 1.0, kThetaMax, 10000.0);
  if (json.number("partial_rotary_factor", 0.0, 1.0, 1.0) != 1.0f) {
    json.fail("partial_rotary_factor", "only 1 is supported");
  }
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    auto part = json.object(key);
    if (!part.has_value()) continue;
    section.rope.theta = part->number("rope_theta", 1.0, kThetaMax, section.rope.theta);
    read_scaling(*part, section, max_position_embeddings);
    if (part->number("partial_rotary_factor", 0.0, 1.0, 1.0) != 1.0f) {
      part->fail("partial_rotary_factor", "only 1 is supported");
    }
    if (part->error().has_value()) json.fail(key, part->error()->message);
  }
  return section;
}

float yarn_mscale(float factor, float mscale) {
  if (factor <= 1.0f) return 1.0f;
  return static_cast<float>(0.1 * static_cast<double>(mscale) * std::log(static_cast<double>(factor)) + 1.0);
}

}  // namespace sluice
