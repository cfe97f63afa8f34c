// What the kernel benchmarks share: the machine that a benchmark's arguments name, and numbers to compute with.
#pragma once

#include <benchmark/benchmark.h>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/dtype.h"
#include "base/random.h"
#include "kernels/cpu/context.h"

namespace sluice::kernels {

inline std::vector<float> random_values(std::size_t count) {
  SplitMix64 random(count);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(random.unit() - 0.5);
  return values;
}

inline std::vector<BF16> rounded(const std::vector<float>& values) {
  std::vector<BF16> all;
  all.reserve(values.size());
  for (const float value : values) all.push_back(to_bf16(value));
  return all;
}

// The last two arguments of every benchmark: path and threads.
class Machine {
 public:
  Machine(benchmark::State& state, int first) {
    const auto path = static_cast<IsaPath>(state.range(first));
    const auto threads = static_cast<std::size_t>(state.range(first + 1));
    if (!is_available(path)) {
      state.SkipWithError("this machine lacks the path");
      return;
    }
    pool_ = std::move(ThreadPool::create({.threads = threads})).value();
    context_ = {.path = path, .pool = pool_.get()};
  }
  const CpuContext& context() const { return context_; }

 private:
  std::unique_ptr<ThreadPool> pool_;
  CpuContext context_;
};

inline std::size_t argument(const benchmark::State& state, int index) {
  return static_cast<std::size_t>(state.range(index));
}

// What all iterations did, per second: products count one multiplication and addition as one, bytes count weights or
// cache once per call.
inline void count_products(benchmark::State& state, std::size_t products) {
  state.counters["products/s"] = benchmark::Counter(
      static_cast<double>(state.iterations()) * static_cast<double>(products), benchmark::Counter::kIsRate);
}
inline void count_bytes(benchmark::State& state, std::size_t bytes) {
  state.counters["bytes/s"] = benchmark::Counter(static_cast<double>(state.iterations()) * static_cast<double>(bytes),
                                                 benchmark::Counter::kIsRate);
}

}  // namespace sluice::kernels
