#include "pipeline/stage/expanded_attention.h"

#include <doctest/doctest.h>

#include <cmath>

#include "kernels/linear/head_linear.h"
#include "tests/kernels/paged_blocks.h"
#include "tests/kernels/random_tensors.h"

namespace sluice {
namespace {

using kernels::AttentionEntry;
using kernels::CpuContext;
using kernels::heads_of;
using kernels::MatrixView;
using kernels::test::Matrix;

constexpr float kScale = 0.3f;

AttentionConfig latent_config(std::uint32_t heads, const LatentConfig& latent) {
  AttentionConfig config;
  config.kind = AttentionKind::kLatent;
  config.num_attention_heads = heads;
  config.latent = latent;
  return config;
}

// One sequence of which everything is cached, and queries of its last tokens.
struct Sequence {
  static constexpr std::size_t kBlockTokens = 16;
  AttentionConfig config;
  std::vector<BlockId> blocks;
  AttentionEntry entry;
  std::vector<float> rows;
  kernels::LatentCacheView cache;
  Matrix<float> queries;
  kernels::test::Weights up;

  Sequence(SplitMix64& random, const AttentionConfig& of, std::uint32_t first, std::uint32_t tokens)
      : config(of),
        blocks(kernels::test::random_blocks(random, kernels::test::blocks_for(first + tokens, kBlockTokens),
                                            num_blocks(first + tokens))),
        entry{first, tokens, blocks},
        cache{.layout = {num_blocks(first + tokens), kBlockTokens, of.latent.kv_lora_rank, of.latent.qk_rope_head_dim}},
        queries(kernels::test::random_matrix(random, tokens, of.num_attention_heads * of.latent.qk_head_dim(), 0, 2)),
        up(random, DType::kBF16,
           of.num_attention_heads * std::size_t{of.latent.qk_nope_head_dim + of.latent.v_head_dim},
           of.latent.kv_lora_rank, 0.4f) {
    rows.assign(cache.layout.array_bytes() / sizeof(float), NAN);
    cache.rows = rows.data();
    const AttentionEntry all{0, first + tokens, blocks};
    store_latent_reference({&all, 1}, kernels::test::random_matrix(random, first + tokens, of.latent.cached_dim()),
                           cache);
  }

  static std::size_t num_blocks(std::size_t tokens) { return kernels::test::blocks_for(tokens, kBlockTokens) + 2; }
  DecoderOptions options() const {
    return {.block_tokens = kBlockTokens,
            .num_blocks = static_cast<std::uint32_t>(cache.layout.num_blocks),
            .max_batch_tokens = entry.num_tokens,
            .deterministic = false};
  }
  Matrix<float> output() const {
    return {entry.num_tokens, std::size_t{config.num_attention_heads} * config.latent.v_head_dim};
  }

  Matrix<float> absorbed(const CpuContext& context) const {
    const LatentConfig& latent = config.latent;
    const std::size_t heads = config.num_attention_heads;
    Matrix<float> found(entry.num_tokens, heads * latent.kv_lora_rank), projected(found), out(output());
    const auto query_heads = heads_of(MatrixView<const float>(queries), heads);
    const auto up_heads = heads_of(up.view, heads);
    kernels::head_linear_transposed(context, query_heads.part(0, latent.qk_nope_head_dim),
                                    up_heads.part(0, latent.qk_nope_head_dim), heads_of(projected.view, heads));
    kernels::latent_attention(context, {&entry, 1},
                              {heads_of(MatrixView<const float>(projected), heads),
                               query_heads.part(latent.qk_nope_head_dim, latent.qk_rope_head_dim)},
                              cache, kScale, found);
    kernels::head_linear(context, heads_of(MatrixView<const float>(found), heads),
                         up_heads.part(latent.qk_nope_head_dim, latent.v_head_dim), heads_of(out.view, heads));
    return out;
  }
  Matrix<float> expanded(const CpuContext& context, const ExpandedAttention& attention) const {
    Matrix<float> out(output());
    attention.run(context, entry, queries, up.view, cache, kScale, out);
    return out;
  }
};

ExpandedAttention attention_for(const Sequence& sequence) {
  auto attention = ExpandedAttention::create(sequence.config, sequence.options());
  REQUIRE(attention.ok());
  return *std::move(attention);
}

// Values shorter than keys, longer, as long; nothing that rotates.
const LatentConfig kLatents[] = {{.kv_lora_rank = 40, .qk_nope_head_dim = 24, .qk_rope_head_dim = 8, .v_head_dim = 20},
                                 {.kv_lora_rank = 33, .qk_nope_head_dim = 10, .qk_rope_head_dim = 6, .v_head_dim = 31},
                                 {.kv_lora_rank = 64, .qk_nope_head_dim = 32, .qk_rope_head_dim = 0, .v_head_dim = 32}};

TEST_SUITE("pipeline/stage/expanded_attention") {
  TEST_CASE("it gives what the absorbed form gives, for lengths around the edges of its pieces and of blocks") {
    SplitMix64 random(1);
    for (const LatentConfig& latent : kLatents) {
      for (const auto& [first, tokens] : {std::pair{0u, 1u}, {0u, 77u}, {63u, 66u}, {200u, 56u}, {250u, 300u}}) {
        const Sequence sequence(random, latent_config(3, latent), first, tokens);
        const ExpandedAttention attention = attention_for(sequence);
        for (const CpuContext& context : kernels::test::contexts()) {
          INFO(kernels::test::name_of(context) << ", " << tokens << " tokens from " << first);
          const Matrix<float> expanded = sequence.expanded(context, attention);
          CHECK(kernels::test::worst_ratio(sequence.absorbed(context), expanded, 5e-5, 1e-5) <= 1.0);
        }
      }
    }
  }

  TEST_CASE("nothing of another sequence, or of another head, is left in its scratch") {
    SplitMix64 random(2);
    const AttentionConfig config = latent_config(2, kLatents[1]);
    const Sequence sequence(random, config, 5, 60), longer(random, config, 0, 400);
    const ExpandedAttention used = attention_for(longer), fresh = attention_for(sequence);
    const CpuContext context = kernels::test::serial_contexts().back();
    longer.expanded(context, used);
    const Matrix<float> out = sequence.expanded(context, used);
    CHECK(out == sequence.expanded(context, fresh));
    // Heads differ, so that mixed up ones would show.
    CHECK(kernels::test::worst_ratio(MatrixView<const float>(out.view.data, 60, 31, 62),
                                     MatrixView<const float>(out.view.data + 31, 60, 31, 62), 0.1, 0) > 1.0);
  }

  TEST_CASE("it pays for long chunks, not for decoding, and not beyond its scratch") {
    const AttentionConfig config = latent_config(
        128,
        {.q_lora_rank = 1536, .kv_lora_rank = 512, .qk_nope_head_dim = 128, .qk_rope_head_dim = 64, .v_head_dim = 128});
    const auto attention = ExpandedAttention::create(
        config, {.block_tokens = 16, .num_blocks = 1024, .max_batch_tokens = 2048, .deterministic = false});
    REQUIRE(attention.ok());
    const auto pays = [&](std::uint32_t first, std::uint32_t tokens) {
      return attention->pays_for({first, tokens, {}});
    };
    CHECK(pays(0, 512));
    CHECK(pays(8000, 1024));
    CHECK_FALSE(pays(8000, 1));
    CHECK_FALSE(pays(8000, 64));
    CHECK(pays(1024 * 16 - 1024, 1024));
    CHECK_FALSE(pays(1024 * 16 - 1023, 1024));
  }

  TEST_CASE("heads that are too long for the kernels never pay") {
    const auto attention = ExpandedAttention::create(
        latent_config(1, {.kv_lora_rank = 4096, .qk_nope_head_dim = 500, .qk_rope_head_dim = 64, .v_head_dim = 128}),
        {.block_tokens = 16, .num_blocks = 64, .max_batch_tokens = 1024, .deterministic = false});
    REQUIRE(attention.ok());
    CHECK_FALSE(attention->pays_for({0, 1024, {}}));
  }
}

}  // namespace
}  // namespace sluice
