#include "pipeline/model/fp8_tensor.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/convert/fp8.h"
#include "pipeline/model/element.h"

namespace sluice {
namespace {

std::string place(std::size_t row, std::size_t column) {
  return "[" + std::to_string(row) + ", " + std::to_string(column) + "]";
}

std::string scales_name(const DecoderTensor& tensor) {
  return tensor.name + "_scale_inv";
}

}  // namespace

Result<Fp8Tensor> Fp8Tensor::open(Checkpoint& checkpoint, const DecoderTensor& tensor, const TensorView& codes,
                                  const Fp8Blocks& blocks) {
  Fp8Tensor opened(checkpoint, tensor, codes, blocks);
  if (auto read = opened.read_scales(); !read.ok()) return read.error();
  return opened;
}

Result<void> Fp8Tensor::read_scales() {
  const std::array<std::uint64_t, 2> shape = {(tensor_->whole_rows + blocks_.rows - 1) / blocks_.rows,
                                              (tensor_->whole_columns + blocks_.columns - 1) / blocks_.columns};
  const std::string name = scales_name(*tensor_);
  const auto found = checkpoint_->find(name, shape);
  if (!found.ok()) return found.error();
  if (!found->dtype.has_value()) {
    return checkpoint_->fault(name, "has dtype " + std::string(found->dtype_name) + ", not supported");
  }
  scale_columns_ = static_cast<std::size_t>(shape[1]);
  scales_.resize(static_cast<std::size_t>(shape[0] * shape[1]));
  for (std::size_t i = 0; i < scales_.size(); ++i) {
    scales_[i] = element_at(found->bytes.data(), i, *found->dtype);
    if (std::isfinite(scales_[i])) continue;
    return checkpoint_->fault(name, "is no finite number at " + place(i / scale_columns_, i % scale_columns_));
  }
  return {};
}

// A run of rows inside one row of blocks at a time, from the first column on of the block that the part begins in.
Result<void> Fp8Tensor::expand(const kernels::CpuContext& context, std::size_t begin, std::size_t end, BF16* to) {
  const auto columns = static_cast<std::size_t>(tensor_->columns);
  const auto stride = static_cast<std::size_t>(tensor_->whole_columns);
  const auto first_column = static_cast<std::size_t>(tensor_->first_column);
  const std::size_t block_column = first_column / blocks_.columns;
  const std::size_t skipped = first_column % blocks_.columns;
  const auto* const codes = reinterpret_cast<const std::uint8_t*>(codes_->bytes.data());
  for (std::size_t row = begin; row < end;) {
    const std::size_t whole_row = static_cast<std::size_t>(tensor_->first_row) + row;
    const std::size_t block_row = whole_row / blocks_.rows;
    const std::size_t count = std::min(end - row, (block_row + 1) * blocks_.rows - whole_row);
    // Straight to where it belongs, unless there is something before it in its block.
    if (skipped > 0) padded_.resize(count * (skipped + columns));
    BF16* const target = to + (row - begin) * columns;
    const kernels::MatrixView<BF16> expanded(skipped > 0 ? padded_.data() : target, count, skipped + columns);
    const float* const scales = scales_.data() + block_row * scale_columns_ + block_column;
    const std::size_t num_scales = (skipped + columns + blocks_.columns - 1) / blocks_.columns;
    const auto faults = kernels::convert_fp8_to_bf16(
        context, {codes + whole_row * stride + first_column - skipped, count, skipped + columns, stride},
        {{scales, DType::kF32, 1, num_scales}, blocks_.rows, blocks_.columns}, expanded);
    if (faults.count > 0) {
      return checkpoint_->fault(tensor_->name,
                                "times " + scales_name(*tensor_) + " is no finite number at " +
                                    place(whole_row + faults.row, first_column - skipped + faults.column));
    }
    for (std::size_t i = 0; skipped > 0 && i < count; ++i) {
      std::copy_n(expanded.row(i) + skipped, columns, target + i * columns);
    }
    row += count;
  }
  return {};
}

}  // namespace sluice
