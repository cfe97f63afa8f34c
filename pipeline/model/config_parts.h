// Readers of the parts that decoders are put together from. Each reads its keys of a config.json into its part of the
// ModelConfig; an architecture is a list of them (model_config.cpp).
//
// Errors: go to the reader, which names the key.
#pragma once

#include <cstdint>
#include <optional>

#include "pipeline/model/json_reader.h"
#include "pipeline/model/model_config.h"

namespace sluice {

// 1 to `max`.
std::uint32_t read_size(JsonReader& json, const char* key, std::uint32_t max,
                        std::optional<std::uint32_t> fallback = std::nullopt);

// What every decoder has.
void read_common(JsonReader& json, ModelConfig& config);

// head_dim is `default_head_dim` where the file has none, or the share of a head in hidden_size. After read_common(),
// as all that follow.
void read_grouped_query_attention(JsonReader& json, ModelConfig& config,
                                  std::optional<std::uint32_t> default_head_dim = std::nullopt);
// Pairs of the rotary embedding are `interleaved`.
void read_latent_attention(JsonReader& json, ModelConfig& config, bool interleaved);
// attention_bias adds one to every projection but the up-projections of latent attention.
void read_attention_bias(JsonReader& json, ModelConfig& config);

// What a file means that leaves the window out.
inline constexpr std::uint64_t kDefaultSlidingWindow = 4096;
// A window that is no shorter than the context is none.
void refuse_sliding_window(JsonReader& json, const ModelConfig& config, std::uint64_t window, const char* key);
// use_sliding_window, sliding_window as in Qwen's files. kSome: max_window_layers or layer_types say in which layers.
enum class WindowedLayers : std::uint8_t { kSome, kAll };
void refuse_optional_sliding_window(JsonReader& json, const ModelConfig& config, WindowedLayers windowed);

void read_swiglu(JsonReader& json, ModelConfig& config);

// Mixtures of experts in the spelling of Qwen's files, and of DeepSeek's.
void read_qwen_mixture(JsonReader& json, ModelConfig& config);
enum class DeepSeekVersion : std::uint8_t { kV2, kV3 };
void read_deepseek_mixture(JsonReader& json, ModelConfig& config, DeepSeekVersion version);

}  // namespace sluice
