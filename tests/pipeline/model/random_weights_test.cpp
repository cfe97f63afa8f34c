#include "pipeline/model/random_weights.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "pipeline/model/stage_weights.h"
#include "tests/support/paths.h"

namespace sluice {
namespace {

ModelConfig small_model() {
  return *load_model_config(test::source_path("examples/models/storyteller-llama"));
}

std::vector<float> drawn(const DecoderTensor& tensor, std::size_t begin, std::size_t end) {
  std::vector<float> values(tensor.elements());
  draw_weights(tensor, small_model(), begin, end, DType::kF32, reinterpret_cast<std::byte*>(values.data()));
  return values;
}

const DecoderTensor kMatrix = {
    TensorRole::kQuery, TensorKind::kMatrix, 0, 0, "model.layers.0.self_attn.q_proj.weight", 40, 25, 0, 0, 40, 25};

}  // namespace

TEST_SUITE("pipeline/model/random_weights") {
  TEST_CASE("an element depends on its tensor's name and its index, not on how it is asked for") {
    const auto whole = drawn(kMatrix, 0, 40);
    std::vector<float> pieces(1000);
    for (std::size_t begin = 0, end = 0; begin < 40; begin = end) {
      end = std::min<std::size_t>(40, begin + 1 + begin % 5);
      draw_weights(kMatrix, small_model(), begin, end, DType::kF32, reinterpret_cast<std::byte*>(pieces.data()));
    }
    CHECK(pieces == whole);
    auto other = kMatrix;
    other.name = "model.layers.1.self_attn.q_proj.weight";
    CHECK(drawn(other, 0, 40) != whole);
  }

  TEST_CASE("matrices have the standard deviation of the config, norms are 1") {
    const auto values = drawn(kMatrix, 0, 40);
    double sum = 0;
    double squares = 0;
    for (const float value : values) {
      CHECK(std::abs(value) < 0.0347f);  // 0.02 * sqrt(3)
      sum += static_cast<double>(value);
      squares += static_cast<double>(value) * static_cast<double>(value);
    }
    CHECK(std::abs(sum / 1000) < 0.002);
    CHECK(std::sqrt(squares / 1000) == doctest::Approx(0.02).epsilon(0.05));
    CHECK(drawn({TensorRole::kFinalNorm, TensorKind::kNorm, 0, 0, "model.norm.weight", 1, 16, 0, 0, 1, 16}, 0, 1) ==
          std::vector<float>(16, 1.0f));
  }

  TEST_CASE("bf16 is f32 rounded") {
    const auto wide = drawn(kMatrix, 0, 40);
    std::vector<BF16> narrow(1000);
    draw_weights(kMatrix, small_model(), 0, 40, DType::kBF16, reinterpret_cast<std::byte*>(narrow.data()));
    for (std::size_t i = 0; i < 1000; ++i) CHECK(narrow[i] == to_bf16(wide[i]));
  }

  TEST_CASE("a stage's drawn weights are those planned, and the tied table is one on both ends") {
    const auto config = small_model();
    std::uint64_t last_done = 0;
    const auto first = StageWeights::draw(config, {0, 2, true, false}, DType::kBF16,
                                          [&](std::uint64_t done, std::uint64_t) { last_done = done; });
    const auto last = StageWeights::draw(config, {5, 1, false, true}, DType::kBF16);
    REQUIRE(first.ok());
    REQUIRE(last.ok());
    CHECK(first->bytes() == weights_bytes(config, {0, 2, true, false}, DType::kBF16));
    CHECK(first->converted_bytes() == first->bytes());
    CHECK(last_done == first->bytes());
    REQUIRE(last->output_head.rows == first->embedding.rows);
    CHECK(std::memcmp(last->output_head.data, first->embedding.data, 4096 * 256 * 2) == 0);
  }
}

}  // namespace sluice
