// Token embedding: y[t, :] = table[token_ids[t], :], widened to f32.
//
// Shapes:     table [vocabulary, hidden] f32 or bf16, y [T, hidden] f32.
// Invariance: exact, a row depends on its token alone.
// Preconditions (checked): 0 <= token_ids[t] < vocabulary, y.rows == T, y.columns == table.columns.
#pragma once

#include <span>

#include "base/id.h"
#include "kernels/cpu/context.h"
#include "kernels/tensor.h"

namespace sluice::kernels {

void embed_tokens(const CpuContext& context, const WeightView& table, std::span<const TokenId> token_ids,
                  MatrixView<float> y);

// The same by plain loops, for tests.
void embed_tokens_reference(const WeightView& table, std::span<const TokenId> token_ids, MatrixView<float> y);

}  // namespace sluice::kernels
