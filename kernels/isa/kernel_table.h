// The inner loops that exist once per instruction set, as a table of functions per path.
//
// Each loop is written once, over the vectors of kernels/simd/vec_*.h, in OPERATION/OPERATION.inl, and compiled three
// times: isa/avx512.cpp, isa/avx2.cpp, isa/scalar.cpp, each with flags of its own. Those three files hold nothing that
// the linker could merge with code of another: every function is in a namespace of the path, and only plain data
// crosses. What checks arguments and shares out work is OPERATION/OPERATION.cpp.
//
// To add a kernel: a task here, a member of KernelTable, the .inl, a line in isa/table.inl.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/id.h"
#include "kernels/cpu/isa_path.h"

namespace sluice::kernels {

// Strides count elements; values of 16 bits travel as their bits. Weights have any alignment, so they are untyped.

struct EmbeddingTask {
  const void* table;
  bool is_bf16;
  std::size_t columns;
  const TokenId* token_ids;
  float* y;
  std::size_t y_stride;
};

struct RmsNormTask {
  const float* x;
  std::size_t x_stride;
  const void* weight;
  bool weight_is_bf16;
  float epsilon;
  std::size_t columns;
  float* y;
  std::size_t y_stride;
};

struct RotaryTask {
  float* x;
  std::size_t x_stride;
  std::size_t num_heads;
  std::size_t head_stride;
  std::size_t frequencies;
  const float* cosines;
  std::size_t cosines_stride;
  const float* sines;
  std::size_t sines_stride;
};

struct SwigluTask {
  const float* gate;
  std::size_t gate_stride;
  const float* up;
  std::size_t up_stride;
  std::size_t columns;
  float* y;
  std::size_t y_stride;
};

struct LinearTask {
  const float* x;
  std::size_t x_stride;
  std::size_t tokens;
  const void* w;
  std::size_t w_stride;
  std::size_t k;
  const void* bias;  // Null: none.
  bool bias_is_bf16;
  bool accumulate;
  float* y;
  std::size_t y_stride;
  // For products of some rows with some rows, as of the tokens of one expert. Null: token t is row t, its scale is 1.
  const std::uint32_t* x_rows = nullptr;
  const std::uint32_t* y_rows = nullptr;
  const float* y_scales = nullptr;
};

// y = x times w: rows of w are inputs.
struct TransposedTask {
  const float* x;
  std::size_t x_stride;
  std::size_t tokens;
  const void* w;
  std::size_t w_stride;
  std::size_t k;
  float* y;
  std::size_t y_stride;
};

struct AttentionCache {
  void* keys;
  void* values;
  std::size_t num_kv_heads;
  std::size_t block_tokens;
  std::size_t head_dim;
};

struct StoreKvTask {
  AttentionCache cache;
  std::size_t first_position;
  const BlockId* block_table;
  const float* keys;  // Row of the entry's first token.
  std::size_t keys_stride;
  const float* values;
  std::size_t values_stride;
};

struct AttentionTask {
  AttentionCache cache;
  std::size_t first_position;
  const BlockId* block_table;
  const float* queries;  // Row of the entry's first token.
  std::size_t queries_stride;
  std::size_t group;  // Query heads per KV head.
  float scale;
  float* out;
  std::size_t out_stride;
};

struct LatentCache {
  const float* rows;
  std::size_t block_tokens;
  std::size_t latent_dim;
  std::size_t rope_dim;
};

// (token, head) pairs that walk the cache together.
constexpr std::size_t kLatentRowsMax = 64;
// Rows of attention that walk the cache together: a tile of keys and values lies in the core's cache meanwhile.
constexpr std::size_t kAttentionRowsMax = 32;

struct LatentAttentionTask {
  LatentCache cache;
  std::size_t first_position;
  const BlockId* block_table;
  // Of the entry's first token: heads lie head strides apart, tokens row strides.
  const float* latent;
  std::size_t latent_head_stride;
  std::size_t latent_row_stride;
  const float* rope;
  std::size_t rope_head_stride;
  std::size_t rope_row_stride;
  float scale;
  float* out;
  std::size_t out_stride;
};

struct Fp8Task {
  const std::uint8_t* x;
  std::size_t x_stride;
  std::size_t columns;
  const void* scales;  // f32, aligned to nothing.
  std::size_t scales_stride;
  std::size_t block_rows;
  std::size_t block_columns;
  std::uint16_t* y;
  std::size_t y_stride;
};

struct KernelTable {
  // Rows [begin, end).
  void (*embed)(const EmbeddingTask&, std::size_t begin, std::size_t end);
  void (*rms_norm)(const RmsNormTask&, std::size_t begin, std::size_t end);
  void (*apply_rotary_halves)(const RotaryTask&, std::size_t begin, std::size_t end);
  void (*apply_rotary_interleaved)(const RotaryTask&, std::size_t begin, std::size_t end);
  void (*swiglu)(const SwigluTask&, std::size_t begin, std::size_t end);

  // Outputs [begin, end) of every token; the names give the dtype of w.
  void (*linear_f32)(const LinearTask&, std::size_t begin, std::size_t end);
  void (*linear_bf16)(const LinearTask&, std::size_t begin, std::size_t end);

  void (*transposed_f32)(const TransposedTask&, std::size_t begin, std::size_t end);
  void (*transposed_bf16)(const TransposedTask&, std::size_t begin, std::size_t end);

  // Tokens [begin, end) of the entry.
  void (*store_kv_f32)(const StoreKvTask&, std::size_t begin, std::size_t end);
  void (*store_kv_f16)(const StoreKvTask&, std::size_t begin, std::size_t end);
  void (*attention_f32)(const AttentionTask&, std::size_t kv_head, std::size_t begin, std::size_t end);
  void (*attention_f16)(const AttentionTask&, std::size_t kv_head, std::size_t begin, std::size_t end);

  // Heads [first_head, first_head + num_heads) of tokens [begin, end); at most kLatentRowsMax of both together.
  void (*latent_attention)(const LatentAttentionTask&, std::size_t first_head, std::size_t num_heads, std::size_t begin,
                           std::size_t end);

  // Rows [begin, end). Returns how many elements are no finite number afterwards.
  std::size_t (*convert_fp8)(const Fp8Task&, std::size_t begin, std::size_t end);

  // Scores of one token's experts from its logits.
  void (*softmax)(const float* logits, std::size_t count, float* scores);
  void (*sigmoid)(const float* logits, std::size_t count, float* scores);

  float (*maximum)(const float* row, std::size_t count);
  // First index with that value, or `count`.
  std::size_t (*index_of)(const float* row, std::size_t count, float value);
  // sum(exp(row[i] - maximum)).
  double (*sum_of_exp)(const float* row, std::size_t count, float maximum);
};

// Checks that the machine has `path`.
const KernelTable& kernel_table(IsaPath path);

namespace scalar {
extern const KernelTable kTable;
}
namespace avx2 {
extern const KernelTable kTable;
}
namespace avx512 {
extern const KernelTable kTable;
}

}  // namespace sluice::kernels
