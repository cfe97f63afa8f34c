// Speed of what DeepSeek models are made of besides linear layers: latent attention with its products per head, and
// mixtures of experts. Sizes: the storyteller (4 heads, 64 + 32), V2-Lite (16 heads, 512 + 64), V3 (128 heads).
//
//   cmake --preset release -DSLUICE_BUILD_BENCHMARKS=ON && cmake --build --preset release --target latent_experts_bench
//   build/release/bin/latent_experts_bench --benchmark_filter=latent
#include <algorithm>

#include "benchmarks/kernel_machine.h"
#include "kernels/convert/fp8.h"
#include "kernels/latent_attention/latent_attention.h"
#include "kernels/linear/head_linear.h"
#include "kernels/linear/linear.h"
#include "kernels/moe/experts.h"
#include "kernels/moe/router.h"

namespace sluice::kernels {
namespace {

std::vector<BF16> random_weights(std::size_t count) {
  return rounded(random_values(count));
}

// Arguments: tokens, context, heads, latent_dim, rope_dim, path, threads.
void latent(benchmark::State& state) {
  const std::size_t tokens = argument(state, 0), positions = argument(state, 1), heads = argument(state, 2);
  const std::size_t latent_dim = argument(state, 3), rope_dim = argument(state, 4);
  const Machine machine(state, 5);
  LatentCacheView cache{
      .layout = {
          .num_blocks = (positions + 15) / 16, .block_tokens = 16, .latent_dim = latent_dim, .rope_dim = rope_dim}};
  std::vector<BlockId> blocks;
  for (std::uint32_t i = 0; i < cache.layout.num_blocks; ++i) blocks.push_back({i});
  std::vector<float> cached(cache.layout.array_bytes() / sizeof(float));
  cache.rows = cached.data();
  const std::vector<float> rows = random_values(positions * (latent_dim + rope_dim));
  const AttentionEntry all{0, static_cast<std::uint32_t>(positions), blocks};
  store_latent_reference({&all, 1}, {rows.data(), positions, latent_dim + rope_dim}, cache);
  const std::vector<float> latents = random_values(tokens * heads * latent_dim);
  const std::vector<float> ropes = random_values(tokens * heads * rope_dim);
  const LatentQueries queries{
      .latent = heads_of(MatrixView<const float>(latents.data(), tokens, heads * latent_dim), heads),
      .rope = heads_of(MatrixView<const float>(ropes.data(), tokens, heads * rope_dim), heads)};
  std::vector<float> out(latents.size());
  const AttentionEntry entry{static_cast<std::uint32_t>(positions - tokens), static_cast<std::uint32_t>(tokens),
                             blocks};
  for (auto _ : state) {
    latent_attention(machine.context(), {&entry, 1}, queries, cache, 0.1f, {out.data(), tokens, heads * latent_dim});
    benchmark::ClobberMemory();
  }
  // A chunk's tokens see half of each other.
  count_products(state, tokens * (positions - (tokens - 1) / 2) * heads * (2 * latent_dim + rope_dim));
  count_bytes(state, cache.layout.array_bytes());
}

void latent_arguments(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"tokens", "context", "heads", "latent", "rope", "path", "threads"})->UseRealTime();
  for (std::int64_t path : {1, 2}) {
    for (std::int64_t threads : {1, 2}) {
      bench->Args({1, 500, 4, 64, 32, path, threads});
      bench->Args({128, 500, 4, 64, 32, path, threads});
      bench->Args({1, 4000, 16, 512, 64, path, threads});
      bench->Args({128, 1000, 16, 512, 64, path, threads});
      bench->Args({1, 4000, 128, 512, 64, path, threads});
    }
  }
}
BENCHMARK(latent)->Apply(latent_arguments);

// Arguments: tokens, heads, rows of a head, latent_dim, path, threads. bf16 weights.
template <bool kTransposed>
void heads(benchmark::State& state) {
  const std::size_t tokens = argument(state, 0), num_heads = argument(state, 1), rows = argument(state, 2);
  const std::size_t latent_dim = argument(state, 3);
  const Machine machine(state, 4);
  const std::vector<BF16> weights = random_weights(num_heads * rows * latent_dim);
  const auto w = heads_of(WeightView{weights.data(), DType::kBF16, num_heads * rows, latent_dim}, num_heads);
  const std::size_t inputs = kTransposed ? rows : latent_dim, outputs = kTransposed ? latent_dim : rows;
  const std::vector<float> x = random_values(tokens * num_heads * inputs);
  std::vector<float> y(tokens * num_heads * outputs);
  const auto x_heads = heads_of(MatrixView<const float>(x.data(), tokens, num_heads * inputs), num_heads);
  const auto y_heads = heads_of(MatrixView<float>(y.data(), tokens, num_heads * outputs), num_heads);
  for (auto _ : state) {
    if constexpr (kTransposed) {
      head_linear_transposed(machine.context(), x_heads, w, y_heads);
    } else {
      head_linear(machine.context(), x_heads, w, y_heads);
    }
    benchmark::ClobberMemory();
  }
  count_products(state, tokens * weights.size());
  count_bytes(state, weights.size() * sizeof(BF16));
}

void heads_arguments(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"tokens", "heads", "rows", "latent", "path", "threads"})->UseRealTime();
  for (std::int64_t path : {1, 2}) {
    for (std::int64_t threads : {1, 2}) {
      for (std::int64_t tokens : {1, 16, 128}) bench->Args({tokens, 16, 128, 512, path, threads});
    }
  }
}
BENCHMARK(heads<false>)->Name("head_linear")->Apply(heads_arguments);
BENCHMARK(heads<true>)->Name("head_linear_transposed")->Apply(heads_arguments);

// A layer's experts and router.
struct ExpertLayer {
  std::size_t num_experts, hidden, intermediate;
  std::vector<BF16> gates, ups, downs, router;
  std::vector<ExpertWeights> experts;

  ExpertLayer(std::size_t count, std::size_t width, std::size_t inner)
      : num_experts(count),
        hidden(width),
        intermediate(inner),
        gates(random_weights(count * width * inner)),
        ups(gates),
        downs(gates),
        router(random_weights(count * width)) {
    for (std::size_t e = 0; e < count; ++e) {
      const std::size_t first = e * width * inner;
      experts.push_back({{gates.data() + first, DType::kBF16, inner, width},
                         {ups.data() + first, DType::kBF16, inner, width},
                         {downs.data() + first, DType::kBF16, width, inner}});
    }
  }
};

// Arguments: tokens, experts, experts of a token, hidden, intermediate, path, threads. With the router, bf16 weights.
void experts(benchmark::State& state) {
  const std::size_t tokens = argument(state, 0), top_k = argument(state, 2);
  const Machine machine(state, 5);
  const ExpertLayer layer(argument(state, 1), argument(state, 3), argument(state, 4));
  const std::vector<float> x = random_values(tokens * layer.hidden);
  std::vector<float> logits(tokens * layer.num_experts), weights(tokens * top_k), y(x.size());
  std::vector<std::uint32_t> chosen(tokens * top_k);
  std::vector<float> activations(ExpertScratch::activation_elements(tokens, top_k, layer.intermediate));
  std::vector<std::uint32_t> grouping(ExpertScratch::grouping_elements(tokens, top_k, layer.num_experts));
  const MatrixView<const float> input(x.data(), tokens, layer.hidden);
  const MatrixView<float> scores(logits.data(), tokens, layer.num_experts), weight(weights.data(), tokens, top_k);
  const MatrixView<std::uint32_t> index(chosen.data(), tokens, top_k);
  for (auto _ : state) {
    linear(machine.context(), input, {layer.router.data(), DType::kBF16, layer.num_experts, layer.hidden}, scores);
    route_tokens(machine.context(), scores, {.top_k = top_k}, index, weight);
    run_experts(machine.context(), input, layer.experts, 0, {index, weight}, {activations, grouping},
                {y.data(), tokens, layer.hidden});
    benchmark::ClobberMemory();
  }
  std::vector<bool> active(layer.num_experts);
  for (std::uint32_t e : chosen) active[e] = true;
  const std::size_t per_expert = 3 * layer.hidden * layer.intermediate;
  count_products(state, tokens * (layer.num_experts * layer.hidden + top_k * per_expert));
  const auto num_active = static_cast<std::size_t>(std::count(active.begin(), active.end(), true));
  count_bytes(state, 2 * (layer.router.size() + num_active * per_expert));
}

void experts_arguments(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"tokens", "experts", "top_k", "hidden", "inner", "path", "threads"})->UseRealTime();
  for (std::int64_t path : {1, 2}) {
    for (std::int64_t threads : {1, 2}) {
      for (std::int64_t tokens : {1, 16, 128}) bench->Args({tokens, 16, 4, 192, 64, path, threads});
      for (std::int64_t tokens : {1, 16, 128}) bench->Args({tokens, 64, 6, 2048, 1408, path, threads});
    }
  }
}
BENCHMARK(experts)->Apply(experts_arguments);

// Arguments: tokens, path, threads. V3's choice of 8 of 256 experts in 4 of 8 groups, without the product before it.
void route(benchmark::State& state) {
  const std::size_t tokens = argument(state, 0);
  const Machine machine(state, 1);
  const std::vector<float> logits = random_values(tokens * 256), bias = random_values(256);
  std::vector<float> weights(tokens * 8);
  std::vector<std::uint32_t> chosen(tokens * 8);
  const RouterOptions options{.scoring = ExpertScoring::kSigmoid,
                              .ranking = ExpertRanking::kBiasCorrected,
                              .correction_bias = {bias.data(), DType::kF32, 1, 256},
                              .top_k = 8,
                              .num_groups = 8,
                              .topk_groups = 4,
                              .normalize = true};
  for (auto _ : state) {
    route_tokens(machine.context(), {logits.data(), tokens, 256}, options, {chosen.data(), tokens, 8},
                 {weights.data(), tokens, 8});
    benchmark::ClobberMemory();
  }
}
BENCHMARK(route)->ArgNames({"tokens", "path", "threads"})->Args({1, 2, 1})->Args({64, 2, 1});

// Arguments: path, threads. A matrix of 2048 by 7168; bytes are those of the fp8 codes.
void expand_fp8(benchmark::State& state) {
  constexpr std::size_t kRows = 2048, kColumns = 7168;
  const Machine machine(state, 0);
  std::vector<std::uint8_t> codes(kRows * kColumns);
  SplitMix64 random(1);
  for (std::uint8_t& code : codes) code = static_cast<std::uint8_t>(random.below(0x7f));
  const std::vector<float> scales = random_values(kRows / 128 * kColumns / 128);
  std::vector<BF16> y(codes.size());
  for (auto _ : state) {
    benchmark::DoNotOptimize(convert_fp8_to_bf16(machine.context(), {codes.data(), kRows, kColumns},
                                                 {{scales.data(), DType::kF32, kRows / 128, kColumns / 128}},
                                                 {y.data(), kRows, kColumns}));
  }
  count_bytes(state, codes.size());
}
BENCHMARK(expand_fp8)->ArgNames({"path", "threads"})->UseRealTime()->Args({1, 1})->Args({2, 1})->Args({2, 2});

}  // namespace
}  // namespace sluice::kernels

BENCHMARK_MAIN();
