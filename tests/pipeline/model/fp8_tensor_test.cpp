// Float8 matrices with a scale for each block, as StageWeights loads them.
#include "pipeline/model/fp8_tensor.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "kernels/weight_element.h"
#include "pipeline/model/json_reader.h"
#include "pipeline/model/stage_weights.h"
#include "tests/pipeline/model/safetensors_writer.h"
#include "tests/pipeline/model/weight_pieces.h"
#include "tests/support/paths.h"
#include "tests/support/temp_directory.h"

namespace sluice {
namespace {

using test::is_piece;

const auto kGolden = test::source_path("tests/golden/deepseek-v3-fp8");

Result<StageWeights> load(const std::filesystem::path& dir, const Shard& shard, DType dtype) {
  return StageWeights::load(*Checkpoint::open(dir), *load_model_config(dir), {1, 2, false, true, shard}, dtype);
}

// One matrix of 3 x 5 in blocks of 2 x 4: four scales, of which three are at an edge.
class SmallMatrix {
 public:
  std::vector<std::uint8_t> codes = std::vector<std::uint8_t>(15, 0x38);  // 1.0
  std::vector<float> scales = {1.0f, 2.0f, 4.0f, 8.0f};
  std::string scale_dtype = "F32";
  std::vector<std::uint64_t> scale_shape = {2, 2};

  Result<std::vector<float>> expand(const DecoderTensor& part) {
    std::vector<test::FileTensor> tensors = {{"w", "F8_E4M3", {3, 5}, test::bytes_of(codes)}};
    if (!scales.empty()) tensors.push_back({"w_scale_inv", scale_dtype, scale_shape, scale_bytes()});
    directory_.write("model.safetensors", test::safetensors_file(tensors));
    auto checkpoint = Checkpoint::open(directory_.path());
    REQUIRE(checkpoint.ok());
    const auto view = checkpoint->find("w", std::vector<std::uint64_t>{3, 5});
    REQUIRE(view.ok());
    auto tensor = Fp8Tensor::open(*checkpoint, part, *view, {2, 4});
    if (!tensor.ok()) return tensor.error();
    std::vector<BF16> rounded(part.elements());
    if (auto expanded = tensor->expand({}, 0, part.rows, rounded.data()); !expanded.ok()) return expanded.error();
    std::vector<float> values;
    for (const BF16 value : rounded) values.push_back(to_f32(value));
    return values;
  }

  std::string refusal() {
    const auto values = expand(whole());
    REQUIRE_FALSE(values.ok());
    CHECK(values.error().code == ErrorCode::kModelLoadFailed);
    CHECK(values.error().message.find((directory_.path() / "model.safetensors").string()) == 0);
    return values.error().message;
  }

  static DecoderTensor whole() { return piece(0, 3, 0, 5); }
  static DecoderTensor piece(std::uint64_t row, std::uint64_t rows, std::uint64_t column, std::uint64_t columns) {
    return {TensorRole::kGate, TensorKind::kMatrix, 0, 0, "w", rows, columns, row, column, 3, 5};
  }

 private:
  std::string scale_bytes() const {
    if (scale_dtype == "F32") return test::bytes_of(scales);
    std::vector<BF16> narrow;
    for (const float scale : scales) narrow.push_back(to_bf16(scale));
    return test::bytes_of(narrow);
  }

  test::TempDirectory directory_;
};

}  // namespace

TEST_SUITE("pipeline/model/fp8_tensor") {
  TEST_CASE("each block has its scale, those at the edges too, in f32 or bf16") {
    SmallMatrix matrix;
    const std::vector<float> expected = {1, 1, 1, 1, 2, 1, 1, 1, 1, 2, 4, 4, 4, 4, 8};
    CHECK(*matrix.expand(SmallMatrix::whole()) == expected);
    matrix.scale_dtype = "BF16";
    CHECK(*matrix.expand(SmallMatrix::whole()) == expected);
  }

  TEST_CASE("pieces that begin inside a block have its scale") {
    SmallMatrix matrix;
    CHECK(*matrix.expand(SmallMatrix::piece(1, 2, 3, 2)) == std::vector<float>{1, 2, 4, 8});
    CHECK(*matrix.expand(SmallMatrix::piece(1, 1, 0, 5)) == std::vector<float>{1, 1, 1, 1, 2});
    CHECK(*matrix.expand(SmallMatrix::piece(0, 3, 4, 1)) == std::vector<float>{2, 2, 8});
  }

  TEST_CASE("no scales, scales of another shape or type, scales and codes that are no numbers: all named") {
    SmallMatrix matrix;
    matrix.scales[2] = std::numeric_limits<float>::quiet_NaN();
    CHECK(matrix.refusal().find("tensor 'w_scale_inv' is no finite number at [1, 0]") != std::string::npos);
    matrix.scales[2] = std::numeric_limits<float>::infinity();
    CHECK(matrix.refusal().find("tensor 'w_scale_inv' is no finite number at [1, 0]") != std::string::npos);
    matrix.scales[2] = 3.0e38f;
    matrix.codes[11] = 0x7e;  // 448, which overflows.
    CHECK(matrix.refusal().find("tensor 'w' times w_scale_inv is no finite number at [2, 1]") != std::string::npos);
    matrix.scales[2] = 1.0f;
    matrix.codes[11] = 0xff;
    CHECK(matrix.refusal().find("tensor 'w' times w_scale_inv is no finite number at [2, 1]") != std::string::npos);
    matrix.codes[11] = 0;
    matrix.scales = {1.0f, 2.0f};
    matrix.scale_shape = {1, 2};
    CHECK(matrix.refusal().find("tensor 'w_scale_inv' has shape [1, 2]") != std::string::npos);
    matrix.scales = {};
    CHECK(matrix.refusal().find("has no tensor 'w_scale_inv'") != std::string::npos);
  }

  TEST_CASE("a checkpoint: shards are pieces of the whole, and f32 has the values of bf16") {
    const auto whole = load(kGolden, {}, DType::kBF16);
    REQUIRE(whole.ok());
    const auto wide = load(kGolden, {}, DType::kF32);
    REQUIRE(wide.ok());
    CHECK(is_piece(wide->layers[0].latent_up, whole->layers[0].latent_up, 0, 0));
    for (const Shard shard : {Shard{1, 2}, Shard{2, 3}, Shard{1, 3, ExpertSplit::kByExpert}}) {
      const auto part = load(kGolden, shard, DType::kBF16);
      REQUIRE(part.ok());
      const LayerWeights& a = part->layers[1];
      const LayerWeights& b = whole->layers[1];
      CHECK(is_piece(a.query, b.query, b.query.rows / shard.num_ranks * shard.rank, 0));
      CHECK(is_piece(a.latent_up, b.latent_up, b.latent_up.rows / shard.num_ranks * shard.rank, 0));
      CHECK(is_piece(a.attention_output, b.attention_output, 0,
                     b.attention_output.columns / shard.num_ranks * shard.rank));
      const ShardRange experts = experts_of(*load_model_config(kGolden), shard);
      const ShardRange width = expert_width_of(*load_model_config(kGolden), shard);
      REQUIRE(a.experts.size() == experts.size());
      for (std::size_t i = 0; i < a.experts.size(); ++i) {
        const auto& expert = b.experts[i + static_cast<std::size_t>(experts.begin)];
        CHECK(is_piece(a.experts[i].gate, expert.gate, static_cast<std::size_t>(width.begin), 0));
        CHECK(is_piece(a.experts[i].down, expert.down, 0, static_cast<std::size_t>(width.begin)));
      }
    }
  }

  TEST_CASE("without a quantization_config float8 is a dtype that is not computed with") {
    test::TempDirectory directory;
    auto text = *read_small_file(kGolden / "config.json", kConfigBytesMax);
    const auto at = text.find("\"quantization_config\"");
    REQUIRE(at != std::string::npos);
    text.replace(at, 21, "\"something_else\"");
    directory.write("config.json", text);
    std::filesystem::copy_file(kGolden / "model.safetensors", directory.path() / "model.safetensors");
    const auto weights = load(directory.path(), {}, DType::kBF16);
    REQUIRE_FALSE(weights.ok());
    CHECK(weights.error().message.find("F8_E4M3") != std::string::npos);
  }
}

}  // namespace sluice
