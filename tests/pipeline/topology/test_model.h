// The model that plans of tests and fuzz targets are made for.
#pragma once

#include "pipeline/model/model_config.h"

namespace sluice::test {

// The shape of storyteller-llama.
inline ModelConfig make_model() {
  ModelConfig model;
  model.architecture = "LlamaForCausalLM";
  model.vocab_size = 4096;
  model.hidden_size = 256;
  model.num_hidden_layers = 6;
  model.max_position_embeddings = 1024;
  model.attention = {.num_attention_heads = 4, .num_key_value_heads = 2, .head_dim = 64};
  model.feed_forward.intermediate_size = 704;
  model.tie_word_embeddings = true;
  return model;
}

}  // namespace sluice::test
