#include "pipeline/model/model_config.h"
#include "pipeline/model/decoder_tensors.h"

#include <doctest/doctest.h>

#include "pipeline/model/generation_config.h"
#include "tests/support/paths.h"

namespace sluice {
namespace {

// A small Llama with `extra` put at the end of the object: later keys win.
std::string llama(const std::string& extra = "") {
  return R"({"architectures": ["LlamaForCausalLM"], "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
             "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 100, "max_position_embeddings": 128)" +
         (extra.empty() ? "" : ", " + extra) + "}";
}

void check_refused(const std::string& extra, const std::string& key) {
  CAPTURE(extra);
  const auto config = parse_model_config(llama(extra));
  REQUIRE_FALSE(config.ok());
  CHECK(config.error().code == ErrorCode::kModelLoadFailed);
  CAPTURE(config.error().message);
  CHECK(config.error().message.find("config.json: " + key) != std::string::npos);
}

}  // namespace

TEST_SUITE("pipeline/model/model_config") {
  TEST_CASE("reads the demo model as published") {
    const auto config = load_model_config(test::source_path("examples/models/storyteller-llama"));

    REQUIRE(config.ok());
    CHECK(config->architecture == "LlamaForCausalLM");
    CHECK(config->vocab_size == 4096);
    CHECK(config->hidden_size == 256);
    CHECK(config->num_hidden_layers == 6);
    CHECK(config->max_position_embeddings == 1024);
    CHECK(config->rms_norm_eps == 1e-6f);
    CHECK(config->tie_word_embeddings);
    CHECK(config->attention == AttentionConfig{AttentionKind::kGroupedQuery, 4, 2, 64});
    CHECK(config->feed_forward == FeedForwardConfig{704});
    CHECK(config->rope == RopeConfig{});
    CHECK(config->bos_token_id == TokenId{0});
    CHECK(config->eos_token_ids == std::vector<TokenId>{1, 5});
    CHECK(config->torch_dtype == DType::kBF16);
  }

  TEST_CASE("what a config leaves out has its usual value") {
    const auto config = parse_model_config(llama());

    REQUIRE(config.ok());
    CHECK(config->attention.head_dim == 16);
    CHECK_FALSE(config->tie_word_embeddings);
    CHECK(config->eos_token_ids.empty());
    CHECK_FALSE(config->bos_token_id.has_value());
    CHECK_FALSE(config->torch_dtype.has_value());
  }

  TEST_CASE("the end of text is one token or several") {
    CHECK(parse_model_config(llama(R"("eos_token_id": 7)"))->eos_token_ids == std::vector<TokenId>{7});
    CHECK(parse_model_config(llama(R"("eos_token_id": [7, 99])"))->eos_token_ids == std::vector<TokenId>{7, 99});
    CHECK(parse_model_config(llama(R"("eos_token_id": null)"))->eos_token_ids.empty());
    check_refused(R"("eos_token_id": 100)", "eos_token_id");
    check_refused(R"("eos_token_id": -1)", "eos_token_id");
    check_refused(R"("eos_token_id": [0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16])", "eos_token_id");
  }

  TEST_CASE("old and new spellings of rope mean the same") {
    const auto old_spelling = parse_model_config(llama(
        R"("rope_theta": 500000.0, "rope_scaling": {"type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
           "high_freq_factor": 4.0, "original_max_position_embeddings": 64})"));
    const auto new_spelling = parse_model_config(llama(
        R"("rope_parameters": {"rope_theta": 500000.0, "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
           "high_freq_factor": 4.0, "original_max_position_embeddings": 64})"));

    REQUIRE(old_spelling.ok());
    REQUIRE(new_spelling.ok());
    CHECK(old_spelling->rope == new_spelling->rope);
    CHECK(old_spelling->rope == RopeConfig{500000.0f, RopeScaling::kLlama3, 8.0f, 1.0f, 4.0f, 64});
    CHECK(parse_model_config(llama(R"("rope_scaling": {"type": "linear", "factor": 2})"))->rope.scaling ==
          RopeScaling::kLinear);
  }

  TEST_CASE("an unknown architecture names itself and what is supported") {
    const auto config = parse_model_config(llama(R"("architectures": ["MambaForCausalLM"])"));

    REQUIRE_FALSE(config.ok());
    CHECK(config.error().code == ErrorCode::kModelLoadFailed);
    CHECK(config.error().message.find("MambaForCausalLM") != std::string::npos);
    CHECK(config.error().message.find("LlamaForCausalLM") != std::string::npos);
  }

  TEST_CASE("absurd numbers are refused and the key is named") {
    check_refused(R"("hidden_size": 0)", "hidden_size");
    check_refused(R"("hidden_size": -256)", "hidden_size");
    check_refused(R"("hidden_size": 1e3)", "hidden_size");
    check_refused(R"("hidden_size": "256")", "hidden_size");
    check_refused(R"("hidden_size": 18446744073709551616)", "hidden_size");
    check_refused(R"("hidden_size": 4294967297)", "hidden_size");
    check_refused(R"("vocab_size": 4294967296)", "vocab_size");
    check_refused(R"("num_hidden_layers": 100000)", "num_hidden_layers");
    check_refused(R"("num_hidden_layers": null)", "num_hidden_layers");
    check_refused(R"("intermediate_size": 99999999999)", "intermediate_size");
    check_refused(R"("max_position_embeddings": 1e30)", "max_position_embeddings");
    check_refused(R"("rms_norm_eps": -1)", "rms_norm_eps");
    check_refused(R"("rms_norm_eps": 1e400)", "");
    check_refused(R"("rope_theta": 0)", "rope_theta");
    check_refused(R"("rope_scaling": {"type": "linear", "factor": 0})", "rope_scaling");
    check_refused(R"("rope_scaling": {"rope_type": "longrope", "factor": 4})", "rope_scaling");
    check_refused(R"("rope_scaling": {"rope_type": "yarn", "factor": 4}, "rope_theta": 1)", "rope_scaling");
    check_refused(R"("rope_scaling": 3)", "rope_scaling");
    check_refused(R"("tie_word_embeddings": 1)", "tie_word_embeddings");
  }

  TEST_CASE("heads that do not divide are refused") {
    check_refused(R"("num_key_value_heads": 3)", "num_key_value_heads");
    check_refused(R"("num_key_value_heads": 8)", "num_key_value_heads");
    check_refused(R"("num_attention_heads": 6)", "num_attention_heads");
    check_refused(R"("head_dim": 15)", "head_dim");
    check_refused(R"("head_dim": 514)", "head_dim");
    check_refused(R"("hidden_size": 131072)", "head_dim");
  }

  TEST_CASE("what changes the computation and is not known is refused") {
    check_refused(R"("hidden_act": "gelu")", "hidden_act");
    check_refused(R"("partial_rotary_factor": 0.5)", "partial_rotary_factor");
    check_refused(R"("quantization_config": {"quant_method": "awq"})", "quantization_config");
    check_refused(R"("quantization_config": {"quant_method": "fp8"})", "quantization_config");
    check_refused(R"("quantization_config": {"quant_method": "fp8", "fmt": "e5m2", "weight_block_size": [1, 2]})",
                  "quantization_config");
    check_refused(R"("quantization_config": {"quant_method": "fp8", "weight_block_size": [0, 2]})",
                  "quantization_config");
  }

  TEST_CASE("text that is no JSON object is refused") {
    for (const std::string text : {"", "[]", "{", "null", "{\"architectures\": 3}", "{}", "\xff\xfe"}) {
      CAPTURE(text);
      CHECK_FALSE(parse_model_config(text).ok());
    }
    std::string nested = "{\"a\": ";
    for (int i = 0; i < 100000; ++i) nested += "[";
    const auto config = parse_model_config(nested);
    REQUIRE_FALSE(config.ok());
    CHECK(config.error().message.find("nested") != std::string::npos);
  }

  TEST_CASE("a truncated config never passes") {
    const auto text = llama(R"("rope_scaling": {"type": "linear", "factor": 2})");
    for (std::size_t size = 0; size < text.size(); ++size) CHECK_FALSE(parse_model_config(text.substr(0, size)).ok());
  }

  TEST_CASE("a directory without config.json is named") {
    const auto config = load_model_config(test::source_path("tests/golden"));

    REQUIRE_FALSE(config.ok());
    CHECK(config.error().code == ErrorCode::kModelLoadFailed);
    CHECK(config.error().message.find("config.json") != std::string::npos);
  }

  TEST_CASE("bytes of weights and of keys and values follow from the shapes") {
    const auto config = *load_model_config(test::source_path("examples/models/storyteller-llama"));

    const std::uint64_t table = 4096 * 256 * 2;
    const std::uint64_t layer = (2 * 256 + 256 * 256 * 2 + 128 * 256 * 2 + 3 * 704 * 256) * 2;
    const std::uint64_t norm = 256 * 2;
    CHECK(weights_bytes(config, {0, 6, true, true}, DType::kBF16) == table + 6 * layer + norm);
    CHECK(weights_bytes(config, {0, 2, true, false}, DType::kBF16) == table + 2 * layer);
    CHECK(weights_bytes(config, {4, 2, false, true}, DType::kBF16) == table + 2 * layer + norm);
    CHECK(weights_bytes(config, {2, 2, false, false}, DType::kF32) == 4 * layer);
    CHECK(kv_bytes_per_token_per_layer(config, DType::kBF16) == 2 * 128 * 2);
    CHECK(kv_bytes_per_token_per_layer(config, DType::kF32) == 2 * 128 * 4);
  }
}

TEST_SUITE("pipeline/model/generation_config") {
  TEST_CASE("reads the demo model's defaults") {
    const auto dir = test::source_path("examples/models/storyteller-llama");

    const auto defaults = load_generation_defaults(dir, *load_model_config(dir));

    REQUIRE(defaults.ok());
    CHECK(defaults->sampling.temperature == 0.8f);
    CHECK(defaults->sampling.top_p == 0.95f);
    CHECK(defaults->sampling.top_k == 0);
    CHECK(defaults->eos_token_ids == std::vector<TokenId>{1, 5});
  }

  TEST_CASE("without a file the model decides the end and sampling is plain") {
    const auto model = *parse_model_config(llama(R"("eos_token_id": 7)"));

    const auto defaults = load_generation_defaults(test::source_path("tests/golden"), model);

    REQUIRE(defaults.ok());
    CHECK(defaults->sampling == SamplingParams{});
    CHECK(defaults->eos_token_ids == std::vector<TokenId>{7});
  }

  TEST_CASE("do_sample false is greedy") {
    const auto model = *parse_model_config(llama());
    const auto defaults = parse_generation_config(R"({"do_sample": false, "temperature": 0.7})", model);
    REQUIRE(defaults.ok());
    CHECK(defaults->sampling.temperature == 0.0f);
  }

  TEST_CASE("values out of range are refused and named") {
    const auto model = *parse_model_config(llama());
    for (const std::string key : {"temperature", "top_k", "top_p", "min_p", "repetition_penalty", "eos_token_id"}) {
      const auto defaults = parse_generation_config("{\"" + key + "\": -1}", model);
      REQUIRE_FALSE(defaults.ok());
      CHECK(defaults.error().message.find(key) != std::string::npos);
    }
  }
}

}  // namespace sluice
