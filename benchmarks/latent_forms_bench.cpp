// Both forms of latent attention over one chunk, products per head included: when expanding keys and values pays
// (pipeline/stage/expanded_attention.h).
//
//   tools/benchmark latent_forms_bench
#include "benchmarks/kernel_machine.h"
#include "kernels/linear/head_linear.h"
#include "pipeline/stage/expanded_attention.h"

namespace sluice {
namespace {

using kernels::AttentionEntry;
using kernels::heads_of;
using kernels::MatrixView;
using kernels::random_values;

constexpr float kScale = 0.1f;

// A chunk of a sequence of `positions`, with 16 heads of DeepSeek-V3.
struct Chunk {
  AttentionConfig config;
  std::vector<BlockId> blocks;
  AttentionEntry entry;
  std::vector<float> rows;
  kernels::LatentCacheView cache;
  std::vector<float> queries, weights, latents, found, out;

  Chunk(std::size_t tokens, std::size_t positions) {
    config.kind = AttentionKind::kLatent;
    config.num_attention_heads = 16;
    config.latent = {.kv_lora_rank = 512, .qk_nope_head_dim = 128, .qk_rope_head_dim = 64, .v_head_dim = 128};
    const LatentConfig& latent = config.latent;
    cache.layout = {(positions + 15) / 16, 16, latent.kv_lora_rank, latent.qk_rope_head_dim};
    for (std::uint32_t i = 0; i < cache.layout.num_blocks; ++i) blocks.push_back({i});
    rows.resize(cache.layout.array_bytes() / sizeof(float));
    cache.rows = rows.data();
    const AttentionEntry all{0, static_cast<std::uint32_t>(positions), blocks};
    const std::vector<float> cached = random_values(positions * latent.cached_dim());
    store_latent_reference({&all, 1}, {cached.data(), positions, latent.cached_dim()}, cache);
    entry = {static_cast<std::uint32_t>(positions - tokens), static_cast<std::uint32_t>(tokens), blocks};
    queries = random_values(tokens * heads() * latent.qk_head_dim());
    weights = random_values(heads() * (latent.qk_nope_head_dim + latent.v_head_dim) * latent.kv_lora_rank);
    latents.resize(tokens * heads() * latent.kv_lora_rank);
    found.resize(latents.size());
    out.resize(tokens * heads() * latent.v_head_dim);
  }

  std::size_t heads() const { return config.num_attention_heads; }
  kernels::WeightView up() const {
    return {weights.data(), DType::kF32, weights.size() / config.latent.kv_lora_rank, config.latent.kv_lora_rank};
  }
  template <class T>
  MatrixView<T> per_token(T* data, std::size_t columns) const {
    return {data, entry.num_tokens, heads() * columns};
  }
};

void absorbed(const kernels::CpuContext& context, Chunk& chunk) {
  const LatentConfig& latent = chunk.config.latent;
  const auto up = heads_of(chunk.up(), chunk.heads());
  const auto queries =
      heads_of(chunk.per_token<const float>(chunk.queries.data(), latent.qk_head_dim()), chunk.heads());
  const auto latents = chunk.per_token(chunk.latents.data(), latent.kv_lora_rank);
  const auto found = chunk.per_token(chunk.found.data(), latent.kv_lora_rank);
  kernels::head_linear_transposed(context, queries.part(0, latent.qk_nope_head_dim),
                                  up.part(0, latent.qk_nope_head_dim), heads_of(latents, chunk.heads()));
  kernels::latent_attention(
      context, {&chunk.entry, 1},
      {heads_of(latents, chunk.heads()), queries.part(latent.qk_nope_head_dim, latent.qk_rope_head_dim)}, chunk.cache,
      kScale, found);
  kernels::head_linear(context, heads_of(found, chunk.heads()), up.part(latent.qk_nope_head_dim, latent.v_head_dim),
                       heads_of(chunk.per_token(chunk.out.data(), latent.v_head_dim), chunk.heads()));
}

// Arguments: tokens, context, whether expanded, path, threads. "pays" is what pays_for() says.
void latent_form(benchmark::State& state) {
  Chunk chunk(kernels::argument(state, 0), kernels::argument(state, 1));
  const bool is_expanded = state.range(2) != 0;
  const kernels::Machine machine(state, 3);
  const LatentConfig& latent = chunk.config.latent;
  const auto expanded =
      ExpandedAttention::create(chunk.config, {.block_tokens = 16,
                                               .num_blocks = static_cast<std::uint32_t>(chunk.blocks.size()),
                                               .max_batch_tokens = chunk.entry.num_tokens,
                                               .deterministic = false});
  if (!expanded.ok()) return state.SkipWithError(expanded.error().message.c_str());
  for (auto _ : state) {
    if (is_expanded) {
      expanded->run(machine.context(), chunk.entry,
                    chunk.per_token<const float>(chunk.queries.data(), latent.qk_head_dim()), chunk.up(), chunk.cache,
                    kScale, chunk.per_token(chunk.out.data(), latent.v_head_dim));
    } else {
      absorbed(machine.context(), chunk);
    }
    benchmark::ClobberMemory();
  }
  state.counters["pays"] = expanded->pays_for(chunk.entry) ? 1 : 0;
}

void arguments(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"tokens", "context", "expanded", "path", "threads"})->UseRealTime();
  for (const std::int64_t context : {512, 2048, 8192}) {
    for (const std::int64_t tokens : {64, 128, 256, 512}) {
      for (const std::int64_t expanded : {0, 1}) bench->Args({tokens, context, expanded, 2, 1});
    }
  }
}
BENCHMARK(latent_form)->Apply(arguments)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace sluice

BENCHMARK_MAIN();
