// Speed of the CPU kernels in the shapes of small models, per instruction set path and number of threads.
//
//   cmake --preset release -DSLUICE_BUILD_BENCHMARKS=ON && cmake --build --preset release --target kernels_bench
//   build/release/bin/kernels_bench --benchmark_filter=linear
#include <benchmark/benchmark.h>

#include <cmath>
#include <vector>

#include "benchmarks/kernel_machine.h"
#include "kernels/attention/attention.h"
#include "kernels/linear/linear.h"
#include "kernels/logits/log_softmax.h"
#include "kernels/norm/rms_norm.h"

namespace sluice::kernels {
namespace {

// Arguments: tokens, outputs, inputs, path, threads.
template <DType kWeights>
void bench_linear(benchmark::State& state) {
  const std::size_t tokens = argument(state, 0), rows = argument(state, 1), k = argument(state, 2);
  const Machine machine(state, 3);
  const std::vector<float> x = random_values(tokens * k), w = random_values(rows * k);
  const std::vector<BF16> w_rounded = rounded(w);
  std::vector<float> y(tokens * rows);
  const bool is_f32 = kWeights == DType::kF32;
  const WeightView weight{is_f32 ? static_cast<const void*>(w.data()) : w_rounded.data(), kWeights, rows, k};
  for (auto _ : state) {
    linear(machine.context(), {x.data(), tokens, k}, weight, {y.data(), tokens, rows});
    benchmark::ClobberMemory();
  }
  count_products(state, tokens * rows * k);
  count_bytes(state, rows * k * size_bytes(kWeights));
}

void linear_arguments(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"tokens", "rows", "k", "path", "threads"})->UseRealTime();
  for (std::int64_t path : {1, 2}) {
    for (std::int64_t threads : {1, 2}) {
      bench->Args({1, 256, 256, path, threads});
      bench->Args({1, 4096, 256, path, threads});
      bench->Args({1, 4864, 896, path, threads});
      bench->Args({16, 4864, 896, path, threads});
      bench->Args({256, 4864, 896, path, threads});
    }
  }
}
BENCHMARK(bench_linear<DType::kF32>)->Name("linear_f32")->Apply(linear_arguments);
BENCHMARK(bench_linear<DType::kBF16>)->Name("linear_bf16")->Apply(linear_arguments);

// Arguments: tokens, context, query heads per KV head, head_dim, path, threads. Two KV heads, f16 cache.
void attention(benchmark::State& state) {
  const std::size_t tokens = argument(state, 0), positions = argument(state, 1), group = argument(state, 2);
  const std::size_t head_dim = argument(state, 3);
  const Machine machine(state, 4);
  KvCacheView cache{.layout = {.dtype = DType::kF16,
                               .num_blocks = (positions + 15) / 16,
                               .num_kv_heads = 2,
                               .block_tokens = 16,
                               .head_dim = head_dim}};
  std::vector<BlockId> blocks;
  for (std::uint32_t i = 0; i < cache.layout.num_blocks; ++i) blocks.push_back({i});
  std::vector<std::byte> key_bytes(cache.layout.array_bytes()), value_bytes(cache.layout.array_bytes());
  cache.keys = key_bytes.data();
  cache.values = value_bytes.data();
  const std::size_t kv_columns = 2 * head_dim, columns = 2 * group * head_dim;
  const std::vector<float> keys = random_values(positions * kv_columns), queries = random_values(tokens * columns);
  std::vector<float> out(tokens * columns);
  const AttentionEntry all{0, static_cast<std::uint32_t>(positions), blocks};
  store_kv_reference({&all, 1}, {keys.data(), positions, kv_columns}, {keys.data(), positions, kv_columns}, cache);
  const AttentionEntry entry{static_cast<std::uint32_t>(positions - tokens), static_cast<std::uint32_t>(tokens),
                             blocks};
  const float scale = 1.0f / std::sqrt(static_cast<float>(head_dim));
  for (auto _ : state) {
    paged_attention(machine.context(), {&entry, 1}, {queries.data(), tokens, columns}, cache, scale,
                    {out.data(), tokens, columns});
    benchmark::ClobberMemory();
  }
  count_products(state, 2 * tokens * positions * columns);
}

void attention_arguments(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"tokens", "context", "group", "head_dim", "path", "threads"})->UseRealTime();
  for (std::int64_t path : {1, 2}) {
    for (std::int64_t threads : {1, 2}) {
      bench->Args({1, 200, 2, 64, path, threads});
      bench->Args({1, 4000, 7, 64, path, threads});
      bench->Args({128, 1000, 7, 64, path, threads});
    }
  }
}
BENCHMARK(attention)->Apply(attention_arguments);

// Arguments: vocabulary, path, threads (unused: serial).
void statistics(benchmark::State& state) {
  const Machine machine(state, 1);
  const std::vector<float> row = random_values(argument(state, 0));
  for (auto _ : state) benchmark::DoNotOptimize(logit_statistics(machine.context().path, row));
}
BENCHMARK(statistics)->Args({4096, 2, 1})->Args({151936, 2, 1})->Args({151936, 1, 1});

// Arguments: tokens, columns, path, threads.
void norm(benchmark::State& state) {
  const Machine machine(state, 2);
  const std::size_t tokens = argument(state, 0), columns = argument(state, 1);
  const std::vector<float> x = random_values(tokens * columns), weight = random_values(columns);
  std::vector<float> y(x.size());
  for (auto _ : state) {
    rms_norm(machine.context(), {x.data(), tokens, columns}, {weight.data(), DType::kF32, 1, columns}, 1e-6f,
             {y.data(), tokens, columns});
    benchmark::ClobberMemory();
  }
}
BENCHMARK(norm)->Args({1, 256, 2, 1})->Args({64, 4096, 2, 2});

}  // namespace
}  // namespace sluice::kernels

BENCHMARK_MAIN();
