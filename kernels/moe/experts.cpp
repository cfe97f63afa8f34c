#include "kernels/moe/experts.h"

#include <algorithm>

#include "base/check.h"
#include "kernels/cpu/work_size.h"
#include "kernels/isa/kernel_table.h"

namespace sluice::kernels {
namespace {

// Weights of a chunk of rows, which all tokens of an expert walk over: they should stay in the second-level cache.
constexpr std::size_t kPanelBytes = std::size_t{256} << 10;

using LinearKernel = void (*)(const LinearTask&, std::size_t begin, std::size_t end);

// One (token, expert) pair takes one slot; those of an expert lie together, in the tokens' order.
struct Grouping {
  std::uint32_t* rows;     // Of each slot: its token.
  std::uint32_t* offsets;  // Of expert e: its slots are [offsets[e], offsets[e + 1]).
  std::uint32_t* active;   // Experts with slots, in ascending order.
  std::size_t num_active;
  float* weights;  // Of each slot.

  std::size_t slots_of(std::size_t expert) const { return offsets[expert + 1] - offsets[expert]; }
};

struct ExpertsRun {
  const CpuContext& context;
  MatrixView<const float> x;
  std::span<const ExpertWeights> experts;
  std::uint32_t first_expert;
  ChosenExperts chosen;
  MatrixView<float> y;
  std::size_t hidden;
  std::size_t intermediate;
};

// Groups tokens [begin, end) by counting; rows count from `begin`.
Grouping group_tokens(const ExpertsRun& run, std::size_t begin, std::size_t end, const ExpertScratch& scratch) {
  const std::size_t top_k = run.chosen.experts.columns;
  const std::size_t num_experts = run.experts.size();
  Grouping grouping{.rows = scratch.grouping.data(),
                    .offsets = scratch.grouping.data() + (end - begin) * top_k,
                    .active = scratch.grouping.data() + (end - begin) * top_k + num_experts + 1,
                    .num_active = 0,
                    .weights = scratch.activations.data() + 2 * (end - begin) * top_k * run.intermediate};
  const auto for_slots = [&](const auto& body) {
    for (std::size_t t = begin; t < end; ++t) {
      for (std::size_t i = 0; i < top_k; ++i) {
        // Below first_expert it wraps around, and is none of ours either.
        const std::uint32_t expert = run.chosen.experts.row(t)[i] - run.first_expert;
        if (expert < num_experts) body(expert, t, run.chosen.weights.row(t)[i]);
      }
    }
  };
  std::fill_n(grouping.offsets, num_experts + 1, 0u);
  for_slots([&](std::uint32_t expert, std::size_t, float) { ++grouping.offsets[expert]; });
  std::uint32_t first = 0;
  for (std::uint32_t e = 0; e <= num_experts; ++e) {
    const std::uint32_t count = grouping.offsets[e];
    if (count != 0) grouping.active[grouping.num_active++] = e;
    grouping.offsets[e] = first;
    first += count;
  }
  // Each offset moves on to its expert's end, the next one's beginning.
  for_slots([&](std::uint32_t expert, std::size_t t, float weight) {
    const std::uint32_t slot = grouping.offsets[expert]++;
    grouping.rows[slot] = static_cast<std::uint32_t>(t - begin);
    grouping.weights[slot] = weight;
  });
  std::copy_backward(grouping.offsets, grouping.offsets + num_experts, grouping.offsets + num_experts + 1);
  grouping.offsets[0] = 0;
  return grouping;
}

LinearKernel kernel_for(const CpuContext& context, const WeightView& w) {
  const KernelTable& kernels = kernel_table(context.path);
  return w.dtype == DType::kBF16 ? kernels.linear_bf16 : kernels.linear_f32;
}

// Rows of weights in a chunk, out of `rows` rows of each of `matrices`: few enough for the cache and to occupy all
// threads.
std::size_t rows_per_chunk(const CpuContext& context, std::size_t rows, std::size_t row_bytes, std::size_t matrices) {
  const std::size_t threads = context.pool == nullptr ? 1 : context.pool->threads();
  const std::size_t in_cache = kPanelBytes / std::max<std::size_t>(1, row_bytes);
  const std::size_t shared_out = threads == 1 ? rows : rows * matrices / (4 * threads);
  return std::max(std::min(in_cache, shared_out) / 8 * 8, std::size_t{8});
}

// silu(gate) * up of every slot.
void activate(const ExpertsRun& run, const Grouping& grouping, std::size_t first_token, MatrixView<float> gate,
              MatrixView<float> up) {
  const std::size_t row_bytes = run.hidden * size_bytes(run.experts[0].gate.dtype);
  const std::size_t rows = rows_per_chunk(run.context, run.intermediate, row_bytes, grouping.num_active);
  const std::size_t chunks = (run.intermediate + rows - 1) / rows;
  const KernelTable& kernels = kernel_table(run.context.path);
  const auto run_chunk = [&](std::size_t expert, std::size_t begin, std::size_t end) {
    const std::size_t first = grouping.offsets[expert];
    const std::size_t slots = grouping.slots_of(expert);
    const auto multiply = [&](const WeightView& w, MatrixView<float> to) {
      const LinearTask task{.x = run.x.row(first_token),
                            .x_stride = run.x.row_stride,
                            .tokens = slots,
                            .w = w.data,
                            .w_stride = w.stride(),
                            .k = run.hidden,
                            .bias = nullptr,
                            .bias_is_bf16 = false,
                            .accumulate = false,
                            .y = to.row(first),
                            .y_stride = to.row_stride,
                            .x_rows = grouping.rows + first};
      kernel_for(run.context, w)(task, begin, end);
    };
    multiply(run.experts[expert].gate, gate);
    multiply(run.experts[expert].up, up);
    const SwigluTask swiglu{.gate = gate.row(first) + begin,
                            .gate_stride = gate.row_stride,
                            .up = up.row(first) + begin,
                            .up_stride = up.row_stride,
                            .columns = end - begin,
                            .y = gate.row(first) + begin,
                            .y_stride = gate.row_stride};
    kernels.swiglu(swiglu, 0, slots);
  };
  const std::size_t products = 2 * rows * run.hidden * (gate.rows / grouping.num_active);
  run.context.parallel(grouping.num_active * chunks, grain_for(products, kProductsPerChunk),
                       [&](std::size_t begin, std::size_t end) {
                         for (std::size_t i = begin; i < end; ++i) {
                           const std::size_t n = i % chunks * rows;
                           run_chunk(grouping.active[i / chunks], n, std::min(n + rows, run.intermediate));
                         }
                       });
}

// Adds every expert's output to its tokens' rows. A chunk of outputs goes through all experts, which fixes the order.
void add_outputs(const ExpertsRun& run, const Grouping& grouping, std::size_t first_token,
                 MatrixView<const float> activated) {
  const std::size_t row_bytes = run.intermediate * size_bytes(run.experts[0].down.dtype);
  const std::size_t rows = rows_per_chunk(run.context, run.hidden, row_bytes, 1);
  const auto run_chunk = [&](std::size_t expert, std::size_t begin, std::size_t end) {
    const std::size_t first = grouping.offsets[expert];
    const WeightView& w = run.experts[expert].down;
    const LinearTask task{.x = activated.row(first),
                          .x_stride = activated.row_stride,
                          .tokens = grouping.slots_of(expert),
                          .w = w.data,
                          .w_stride = w.stride(),
                          .k = run.intermediate,
                          .bias = nullptr,
                          .bias_is_bf16 = false,
                          .accumulate = true,
                          .y = run.y.row(first_token),
                          .y_stride = run.y.row_stride,
                          .y_rows = grouping.rows + first,
                          .y_scales = grouping.weights + first};
    kernel_for(run.context, w)(task, begin, end);
  };
  const std::size_t chunks = (run.hidden + rows - 1) / rows;
  const std::size_t products = rows * run.intermediate * activated.rows;
  run.context.parallel(chunks, grain_for(products, kProductsPerChunk), [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      for (std::size_t a = 0; a < grouping.num_active; ++a) {
        run_chunk(grouping.active[a], i * rows, std::min((i + 1) * rows, run.hidden));
      }
    }
  });
}

void check_experts(const ExpertsRun& run) {
  SLUICE_CHECK_EQ(run.y.rows, run.x.rows);
  SLUICE_CHECK_EQ(run.y.columns, run.hidden);
  SLUICE_CHECK_EQ(run.chosen.experts.rows, run.x.rows);
  SLUICE_CHECK_EQ(run.chosen.weights.rows, run.x.rows);
  SLUICE_CHECK_EQ(run.chosen.weights.columns, run.chosen.experts.columns);
  for (const ExpertWeights& expert : run.experts) {
    for (const WeightView* w : {&expert.gate, &expert.up, &expert.down}) {
      SLUICE_CHECK(w->dtype == DType::kF32 || w->dtype == DType::kBF16);
      SLUICE_CHECK_EQ(w->rows, w == &expert.down ? run.hidden : run.intermediate);
      SLUICE_CHECK_EQ(w->columns, w == &expert.down ? run.intermediate : run.hidden);
    }
  }
}

// Tokens that the scratch has room for.
std::size_t tokens_per_run(const ExpertsRun& run, const ExpertScratch& scratch) {
  const std::size_t top_k = run.chosen.experts.columns;
  const std::size_t fixed = ExpertScratch::grouping_elements(0, top_k, run.experts.size());
  SLUICE_CHECK_GE(scratch.grouping.size(), fixed + top_k);
  const std::size_t tokens =
      std::min(scratch.activations.size() / ExpertScratch::activation_elements(1, top_k, run.intermediate),
               (scratch.grouping.size() - fixed) / top_k);
  SLUICE_CHECK_GE(tokens, std::size_t{1});
  return tokens;
}

}  // namespace

void run_experts(const CpuContext& context, MatrixView<const float> x, std::span<const ExpertWeights> experts,
                 std::uint32_t first_expert, const ChosenExperts& chosen, const ExpertScratch& scratch,
                 MatrixView<float> y) {
  if (x.rows == 0 || experts.empty() || chosen.experts.columns == 0) return;
  const ExpertsRun run{.context = context,
                       .x = x,
                       .experts = experts,
                       .first_expert = first_expert,
                       .chosen = chosen,
                       .y = y,
                       .hidden = x.columns,
                       .intermediate = experts[0].gate.rows};
  check_experts(run);
  const std::size_t tokens = tokens_per_run(run, scratch);
  for (std::size_t first = 0; first < x.rows; first += tokens) {
    const Grouping grouping = group_tokens(run, first, std::min(first + tokens, x.rows), scratch);
    if (grouping.num_active == 0) continue;
    const std::size_t slots = grouping.offsets[experts.size()];
    const MatrixView<float> gate(scratch.activations.data(), slots, run.intermediate);
    const MatrixView<float> up(gate.row(slots), slots, run.intermediate);
    activate(run, grouping, first, gate, up);
    add_outputs(run, grouping, first, gate);
  }
}

}  // namespace sluice::kernels
