#include "kernels/embedding/embedding.h"
#include "kernels/weight_element.h"

namespace sluice::kernels {

void embed_tokens_reference(const WeightView& table, std::span<const TokenId> token_ids, MatrixView<float> y) {
  for (std::size_t t = 0; t < token_ids.size(); ++t) {
    for (std::size_t i = 0; i < table.columns; ++i) {
      y.row(t)[i] = weight_at(table, static_cast<std::size_t>(token_ids[t]), i);
    }
  }
}

}  // namespace sluice::kernels
