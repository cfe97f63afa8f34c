// A matrix of a checkpoint in float8_e4m3fn, NAME, with a scale for each block of it in NAME_scale_inv (DeepSeek-V3's
// published form): the part of it that a rank has, expanded to bf16.
//
// Owns:     a copy of the scales; the codes are the checkpoint's. Confined: to the thread that loads.
// Errors:   kModelLoadFailed, naming file and tensor: no scales, scales or results that are no finite numbers.
#pragma once

#include <cstdint>
#include <vector>

#include "base/dtype.h"
#include "base/error.h"
#include "kernels/cpu/context.h"
#include "pipeline/model/checkpoint.h"
#include "pipeline/model/decoder_tensors.h"
#include "pipeline/model/model_config.h"

namespace sluice {

class Fp8Tensor {
 public:
  static constexpr std::string_view kDTypeName = "F8_E4M3";

  // `codes` is what the checkpoint has under the tensor's name. Both must outlive this.
  static Result<Fp8Tensor> open(Checkpoint& checkpoint, const DecoderTensor& tensor, const TensorView& codes,
                                const Fp8Blocks& blocks);

  // Rows [begin, end) of the part, one behind the other.
  Result<void> expand(const kernels::CpuContext& context, std::size_t begin, std::size_t end, BF16* to);

 private:
  Fp8Tensor(Checkpoint& checkpoint, const DecoderTensor& tensor, const TensorView& codes, const Fp8Blocks& blocks)
      : checkpoint_(&checkpoint), tensor_(&tensor), codes_(&codes), blocks_(blocks) {}

  Result<void> read_scales();

  Checkpoint* checkpoint_;
  const DecoderTensor* tensor_;
  const TensorView* codes_;
  Fp8Blocks blocks_;
  std::size_t scale_columns_ = 0;
  std::vector<float> scales_;  // Of the whole tensor.
  std::vector<BF16> padded_;   // Rows from the first block on that the part lies in.
};

}  // namespace sluice
