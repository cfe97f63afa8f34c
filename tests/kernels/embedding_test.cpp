#include "kernels/embedding/embedding.h"

#include "tests/kernels/random_tensors.h"

namespace sluice::kernels {
namespace {

using test::Matrix;
using test::Weights;

TEST_SUITE("kernels/embedding/embedding") {
  TEST_CASE("embed_tokens: gives the rows of the table exactly on every path") {
    SplitMix64 random(1);
    for (std::size_t columns : {1, 7, 16, 20, 33, 256}) {
      for (DType dtype : {DType::kF32, DType::kBF16}) {
        const Weights table(random, dtype, 50, columns);
        const std::vector<TokenId> ids = {0, 49, 7, 7, 31, 1};
        Matrix<float> reference(ids.size(), columns);
        embed_tokens_reference(table.view, ids, reference.view);
        for (const CpuContext& context : test::contexts()) {
          Matrix<float> y(ids.size(), columns);
          embed_tokens(context, table.view, ids, y.view);
          CHECK(y == reference);
        }
      }
    }
  }

  TEST_CASE("embed_tokens: no tokens are no work") {
    SplitMix64 random(2);
    const Weights table(random, DType::kBF16, 3, 8);
    Matrix<float> y(0, 8);
    for (const CpuContext& context : test::contexts()) embed_tokens(context, table.view, {}, y.view);
    CHECK(y.storage.empty());
  }
}

}  // namespace
}  // namespace sluice::kernels
