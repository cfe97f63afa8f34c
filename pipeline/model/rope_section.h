// Rotary embedding as a config.json spells it: rope_theta beside rope_scaling, or all of it in rope_parameters
// (transformers from version 5 on).
//
// Errors: go to the reader, which names the key.
#pragma once

#include <cstdint>

#include "pipeline/model/json_reader.h"
#include "pipeline/model/model_config.h"

namespace sluice {

struct RopeSection {
  RopeConfig rope;
  float mscale_all_dim = 0.0f;  // YaRN of DeepSeek's models; 0: not given.
};

RopeSection read_rope(JsonReader& json, std::uint32_t max_position_embeddings);

// What YaRN multiplies attention with where the context is stretched by `factor`.
float yarn_mscale(float factor, float mscale);

}  // namespace sluice
