// The input of matrix products in the dtype that a stage computes with: f32 as it is, or rounded to bf16 once for all
// products that read it.
//
// Owns: the rounded copy's memory, for the largest input it was made for. Confined: to the stage's thread.
#pragma once

#include <cstddef>

#include "base/dtype.h"
#include "base/error.h"
#include "kernels/cpu/context.h"
#include "kernels/linear/linear.h"
#include "pipeline/stage/aligned_buffer.h"

namespace sluice {

class LinearInput {
 public:
  LinearInput() = default;

  // Errors: kInvalidConfig where memory is short.
  static Result<LinearInput> create(DType compute, std::size_t rows_max, std::size_t columns_max);

  // Takes x, which must stay unchanged until the last apply().
  void set(const kernels::CpuContext& context, kernels::MatrixView<const float> x);

  // y = x * w^T, or y += that.
  void apply(const kernels::CpuContext& context, const kernels::WeightView& w, kernels::MatrixView<float> y,
             const kernels::LinearOptions& options = {}) const;

 private:
  DType compute_ = DType::kF32;
  kernels::MatrixView<const float> x_;
  kernels::MatrixView<const BF16> rounded_;
  AlignedBuffer<BF16> memory_;
};

}  // namespace sluice
