#include "pipeline/stage/linear_input.h"

#include "kernels/convert/convert.h"

namespace sluice {

Result<LinearInput> LinearInput::create(DType compute, std::size_t rows_max, std::size_t columns_max) {
  LinearInput input;
  input.compute_ = compute;
  if (compute == DType::kBF16) {
    auto memory = AlignedBuffer<BF16>::allocate("rounded activations", rows_max, columns_max);
    if (!memory.ok()) return memory.error();
    input.memory_ = *std::move(memory);
  }
  return input;
}

void LinearInput::set(const kernels::CpuContext& context, kernels::MatrixView<const float> x) {
  x_ = x;
  if (compute_ != DType::kBF16) return;
  const kernels::MatrixView<BF16> rounded(memory_.data(), x.rows, x.columns);
  kernels::convert_to_bf16(context, x, rounded);
  rounded_ = rounded;
}

void LinearInput::apply(const kernels::CpuContext& context, const kernels::WeightView& w, kernels::MatrixView<float> y,
                        const kernels::LinearOptions& options) const {
  if (compute_ == DType::kBF16) {
    kernels::linear(context, rounded_, w, y, options);
  } else {
    kernels::linear(context, x_, w, y, options);
  }
}

}  // namespace sluice
