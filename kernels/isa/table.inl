// Included by isa/{scalar,avx2,avx512}.cpp alone, after the vectors of the path: all kernels, and their table.
#include "kernels/activation/swiglu.inl"
#include "kernels/attention/attention.inl"
#include "kernels/attention/store_kv.inl"
#include "kernels/convert/fp8.inl"
#include "kernels/embedding/embedding.inl"
#include "kernels/isa/kernel_table.h"
#include "kernels/latent_attention/latent_attention.inl"
#include "kernels/linear/head_linear.inl"
#include "kernels/linear/linear.inl"
#include "kernels/logits/log_softmax.inl"
#include "kernels/moe/router.inl"
#include "kernels/norm/rms_norm.inl"
#include "kernels/rotary/rotary.inl"

namespace sluice::kernels::SLUICE_ISA {

const KernelTable kTable = {
    .embed = embed,
    .rms_norm = rms_norm,
    .apply_rotary_halves = apply_rotary_halves,
    .apply_rotary_interleaved = apply_rotary_interleaved,
    .swiglu = swiglu,
    .linear_f32 = linear<ElementF32>,
    .linear_bf16 = linear<ElementBF16>,
    .transposed_f32 = transposed<ElementF32>,
    .transposed_bf16 = transposed<ElementBF16>,
    .store_kv_f32 = store_kv<ElementF32>,
    .store_kv_f16 = store_kv<ElementF16>,
    .attention_f32 = attention<ElementF32>,
    .attention_f16 = attention<ElementF16>,
    .latent_attention = latent_attention,
    .convert_fp8 = convert_fp8,
    .softmax = softmax,
    .sigmoid = sigmoid,
    .maximum = maximum,
    .index_of = index_of,
    .sum_of_exp = sum_of_exp,
};

}  // namespace sluice::kernels::SLUICE_ISA
