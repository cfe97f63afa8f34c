#include "pipeline/model/shard.h"

#include <doctest/doctest.h>

#include <cstring>
#include <map>
#include <vector>

#include "pipeline/model/decoder_tensors.h"
#include "pipeline/model/stage_weights.h"
#include "tests/pipeline/model/weight_pieces.h"
#include "tests/support/paths.h"

namespace sluice {
namespace {

using test::is_piece;

ModelConfig storyteller() {
  return load_model_config(test::source_path("examples/models/storyteller-llama")).value();
}

StageWeights load(const Shard& shard, DType dtype) {
  auto checkpoint = Checkpoint::open(test::source_path("examples/models/storyteller-llama"));
  REQUIRE(checkpoint.ok());
  auto weights = StageWeights::load(*std::move(checkpoint), storyteller(), {1, 2, false, true, shard}, dtype);
  REQUIRE(weights.ok());
  return *std::move(weights);
}

}  // namespace

TEST_SUITE("pipeline/model/shard") {
  TEST_CASE("heads and inner size must divide, KV heads may be fewer than ranks") {
    ModelConfig config = storyteller();  // 4 heads, 2 KV heads, inner size 704, vocabulary 4096.
    CHECK(check_shard(config, {}).ok());
    CHECK(check_shard(config, {1, 2}).ok());
    CHECK(check_shard(config, {3, 4}).ok());
    const auto three = check_shard(config, {0, 3});
    REQUIRE_FALSE(three.ok());
    CHECK(three.error().message == "3 ranks do not divide the model's 4 attention heads");
    CHECK_FALSE(check_shard(config, {2, 2}).ok());
    CHECK_FALSE(check_shard(config, {0, 0}).ok());
    CHECK_FALSE(check_shard(config, {0, kRanksMax + 1}).ok());
    config.feed_forward.intermediate_size = 705;
    CHECK_FALSE(check_shard(config, {0, 2}).ok());
    config = storyteller();
    config.attention.num_attention_heads = 12;
    config.attention.num_key_value_heads = 4;
    CHECK_FALSE(check_shard(config, {0, 6}).ok());
  }

  TEST_CASE("latent attention needs heads alone to divide, mixtures what is shared out of them") {
    // 4 heads; 16 experts of 64, shared ones of 64; a dense layer of 320; 3 mixtures.
    ModelConfig config = load_model_config(test::source_path("tests/golden/deepseek-v3")).value();
    CHECK(check_shard(config, {3, 4}).ok());
    CHECK(check_shard(config, {3, 4, ExpertSplit::kByExpert}).ok());
    CHECK_FALSE(check_shard(config, {0, 8}).ok());
    config.mixture.intermediate_size = 66;
    const auto by_width = check_shard(config, {0, 4});
    REQUIRE_FALSE(by_width.ok());
    CHECK(by_width.error().message ==
          "4 ranks do not divide the model's 66 columns of an expert (moe_intermediate_size)");
    CHECK(check_shard(config, {0, 4, ExpertSplit::kByExpert}).ok());
    config.mixture.num_experts = 3;
    CHECK_FALSE(check_shard(config, {0, 4, ExpertSplit::kByExpert}).ok());
    config.mixture = load_model_config(test::source_path("tests/golden/deepseek-v3")).value().mixture;
    config.mixture.shared_intermediate_size = 66;
    CHECK_FALSE(check_shard(config, {0, 4, ExpertSplit::kByExpert}).ok());
    config.mixture.shared_intermediate_size = 0;
    config.feed_forward.intermediate_size = 66;
    CHECK_FALSE(check_shard(config, {0, 4}).ok());
    config.mixture_layers.assign(4, true);
    CHECK(check_shard(config, {0, 4}).ok());
  }

  TEST_CASE("experts go to ranks whole, or every rank has a part of each") {
    const ModelConfig config = load_model_config(test::source_path("tests/golden/deepseek-v2")).value();  // 12 of 24.
    CHECK(experts_of(config, {1, 3}).size() == 12);
    CHECK(expert_width_of(config, {1, 3}).begin == 8);
    CHECK(shard_config(config, {1, 3}).mixture.intermediate_size == 8);
    const Shard by_expert = {1, 3, ExpertSplit::kByExpert};
    CHECK(experts_of(config, by_expert).begin == 4);
    CHECK(experts_of(config, by_expert).end == 8);
    CHECK(shard_config(config, by_expert).mixture.intermediate_size == 24);
    CHECK(shard_config(config, by_expert).mixture.shared_intermediate_size == 16);
    CHECK(shard_config(config, by_expert).mixture.num_experts == 12);
    CHECK(shard_config(config, by_expert).attention.num_attention_heads == 2);
  }

  TEST_CASE("of what is added up over the ranks the first has the bias") {
    const ModelConfig config = load_model_config(test::source_path("tests/golden/llama-biases")).value();
    const auto has = [&](std::uint32_t rank, TensorRole role) {
      bool found = false;
      for_each_tensor(config, {0, 1, false, false, {rank, 2}},
                      [&](const DecoderTensor& tensor) { found = found || tensor.role == role; });
      return found;
    };
    CHECK(has(0, TensorRole::kAttentionOutputBias));
    CHECK(has(0, TensorRole::kDownBias));
    CHECK_FALSE(has(1, TensorRole::kAttentionOutputBias));
    CHECK_FALSE(has(1, TensorRole::kDownBias));
    CHECK(has(1, TensorRole::kQueryBias));
    CHECK(has(1, TensorRole::kGateBias));
  }

  TEST_CASE("shares cover everything once, and differ by one at most") {
    for (std::uint64_t total : {7ull, 64ull, 4096ull, 4097ull}) {
      for (std::uint32_t ranks = 1; ranks <= 7; ++ranks) {
        std::uint64_t next = 0;
        for (std::uint32_t rank = 0; rank < ranks; ++rank) {
          const ShardRange share = share_of(total, {rank, ranks});
          CHECK(share.begin == next);
          CHECK(share.size() >= total / ranks);
          CHECK(share.size() <= total / ranks + 1);
          next = share.end;
        }
        CHECK(next == total);
      }
    }
  }

  TEST_CASE("with more ranks than KV heads, neighbours hold the same one") {
    const ModelConfig config = storyteller();
    CHECK(key_value_heads_of(config, {0, 4}).begin == 0);
    CHECK(key_value_heads_of(config, {1, 4}).begin == 0);
    CHECK(key_value_heads_of(config, {2, 4}).begin == 1);
    CHECK(key_value_heads_of(config, {3, 4}).begin == 1);
    const ModelConfig part = shard_config(config, {3, 4});
    CHECK(part.attention.num_attention_heads == 1);
    CHECK(part.attention.num_key_value_heads == 1);
    CHECK(part.feed_forward.intermediate_size == 176);
    CHECK(part.vocab_size == 4096);
  }

  TEST_CASE("a rank's weights are its pieces of the whole tensors, mapped or converted") {
    for (const DType dtype : {DType::kBF16, DType::kF32}) {
      const StageWeights whole = load({}, dtype);
      for (const Shard shard : {Shard{1, 2}, Shard{3, 4}}) {
        const StageWeights part = load(shard, dtype);
        CHECK((part.converted_bytes() == 0) == (dtype == DType::kBF16));
        const std::size_t queries = 256 / shard.num_ranks * shard.rank;
        const std::size_t keys = static_cast<std::size_t>(key_value_heads_of(storyteller(), shard).begin) * 64;
        const std::size_t inner = 704 / shard.num_ranks * shard.rank;
        for (std::size_t i = 0; i < 2; ++i) {
          const LayerWeights& a = part.layers[i];
          const LayerWeights& b = whole.layers[i];
          CHECK(a.query.rows == 256 / shard.num_ranks);
          CHECK(is_piece(a.input_norm, b.input_norm, 0, 0));
          CHECK(is_piece(a.query, b.query, queries, 0));
          CHECK(is_piece(a.key, b.key, keys, 0));
          CHECK(is_piece(a.value, b.value, keys, 0));
          CHECK(a.attention_output.columns == 256 / shard.num_ranks);
          CHECK(is_piece(a.attention_output, b.attention_output, 0, queries));
          CHECK(is_piece(a.gate, b.gate, inner, 0));
          CHECK(is_piece(a.up, b.up, inner, 0));
          CHECK(is_piece(a.down, b.down, 0, inner));
        }
        CHECK(is_piece(part.output_head, whole.output_head, 4096 / shard.num_ranks * shard.rank, 0));
      }
    }
  }

  TEST_CASE("drawn weights are pieces of the whole ones too") {
    const ModelConfig config = storyteller();
    const auto whole = StageWeights::draw(config, {0, 1, true, false}, DType::kF32);
    const auto part = StageWeights::draw(config, {0, 1, true, false, {1, 2}}, DType::kF32);
    REQUIRE(whole.ok());
    REQUIRE(part.ok());
    CHECK(is_piece(part->embedding, whole->embedding, 2048, 0));
    CHECK(is_piece(part->layers[0].down, whole->layers[0].down, 0, 352));
    CHECK(is_piece(part->layers[0].key, whole->layers[0].key, 64, 0));
  }

  TEST_CASE("ranks share the bytes of all but norms, which each has") {
    const ModelConfig config = storyteller();
    std::uint64_t sum = 0;
    for (std::uint32_t rank = 0; rank < 2; ++rank) {
      sum += weights_bytes(config, {0, 6, true, true, {rank, 2}}, DType::kBF16);
    }
    const std::uint64_t norms = (2 * 6 + 1) * 256 * 2;
    CHECK(sum == weights_bytes(config, {0, 6, true, true}, DType::kBF16) + norms);
  }
}

}  // namespace sluice
