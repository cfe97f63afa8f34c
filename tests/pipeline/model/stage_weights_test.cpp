#include "pipeline/model/stage_weights.h"

#include <doctest/doctest.h>

#include <cstring>

#include "tests/pipeline/model/safetensors_writer.h"
#include "tests/support/paths.h"
#include "tests/support/temp_directory.h"

namespace sluice {
namespace {

const auto kModelDir = test::source_path("examples/models/storyteller-llama");

Result<StageWeights> load_demo(const LayerRange& range, DType dtype, const LoadProgressCallback& progress = {}) {
  return StageWeights::load(*Checkpoint::open(kModelDir), *load_model_config(kModelDir), range, dtype, progress);
}

float element(const kernels::WeightView& view, std::size_t index) {
  const auto* const bytes = static_cast<const std::byte*>(view.data);
  if (view.dtype == DType::kF32) {
    float value;
    std::memcpy(&value, bytes + index * 4, 4);
    return value;
  }
  BF16 value;
  std::memcpy(&value, bytes + index * 2, 2);
  return to_f32(value);
}

// One layer of hidden size 2, in `dtype`, every tensor beginning with the bytes of `first`.
void write_model(const test::TempDirectory& directory, const std::string& dtype, const std::string& first) {
  directory.write("config.json", R"({"architectures": ["LlamaForCausalLM"], "hidden_size": 2, "intermediate_size": 2,
      "num_hidden_layers": 1, "num_attention_heads": 1, "vocab_size": 2})");
  std::vector<test::FileTensor> tensors;
  for (const auto& tensor : decoder_tensors(*load_model_config(directory.path()), {0, 1, true, true})) {
    std::string bytes = first;
    bytes.resize(tensor.elements() * (dtype == "F32" ? 4 : dtype == "F8_E4M3" ? 1 : 2));
    const auto shape = tensor.is_vector() ? std::vector{tensor.columns} : std::vector{tensor.rows, tensor.columns};
    tensors.push_back({tensor.name, dtype, shape, bytes});
  }
  directory.write("model.safetensors", test::safetensors_file(tensors));
}

Result<StageWeights> load_from(const test::TempDirectory& directory, DType dtype) {
  return StageWeights::load(*Checkpoint::open(directory.path()), *load_model_config(directory.path()),
                            {0, 1, true, true}, dtype);
}

}  // namespace

TEST_SUITE("pipeline/model/stage_weights") {
  TEST_CASE("a stage has its layers and what its place asks for") {
    const auto middle = load_demo({2, 2, false, false}, DType::kBF16);
    REQUIRE(middle.ok());
    CHECK(middle->layers.size() == 2);
    CHECK(middle->embedding.empty());
    CHECK(middle->final_norm.empty());
    CHECK(middle->output_head.empty());
    CHECK(middle->layers[1].down.rows == 256);
    CHECK(middle->layers[1].down.columns == 704);
    CHECK(middle->layers[0].input_norm.rows == 1);

    const auto whole = load_demo({0, 6, true, true}, DType::kBF16);
    REQUIRE(whole.ok());
    CHECK(std::memcmp(whole->layers[2].query.data, middle->layers[0].query.data, 256 * 256 * 2) == 0);
    CHECK(whole->output_head.data == whole->embedding.data);

    const auto last = load_demo({5, 1, false, true}, DType::kBF16);
    REQUIRE(last.ok());
    CHECK(last->embedding.empty());
    CHECK(last->output_head.rows == 4096);
  }

  TEST_CASE("bytes loaded are the bytes planned and progress ends there") {
    const auto config = *load_model_config(kModelDir);
    for (const DType dtype : {DType::kBF16, DType::kF32}) {
      for (const LayerRange range : {LayerRange{0, 6, true, true}, LayerRange{0, 2, true, false},
                                     LayerRange{2, 3, false, false}, LayerRange{5, 1, false, true}}) {
        std::uint64_t last_done = 0;
        std::uint64_t last_total = 0;
        const auto weights = load_demo(range, dtype, [&](std::uint64_t done, std::uint64_t total) {
          CHECK(done >= last_done);
          last_done = done;
          last_total = total;
        });

        REQUIRE(weights.ok());
        const auto planned = weights_bytes(config, range, dtype);
        CHECK(weights->bytes() == planned);
        CHECK(last_done == planned);
        CHECK(last_total == planned);
        CHECK(weights->converted_bytes() == (dtype == DType::kBF16 ? 0 : planned));
      }
    }
  }

  TEST_CASE("widened weights have the values of the file") {
    const auto narrow = load_demo({0, 1, true, false}, DType::kBF16);
    const auto wide = load_demo({0, 1, true, false}, DType::kF32);
    REQUIRE(narrow.ok());
    REQUIRE(wide.ok());
    for (std::size_t i = 0; i < 704 * 256; ++i) {
      REQUIRE(element(narrow->layers[0].gate, i) == element(wide->layers[0].gate, i));
    }
  }

  TEST_CASE("f32 and f16 files are converted to what is asked for") {
    test::TempDirectory directory;
    write_model(directory, "F32", test::bytes_of(std::vector<float>{1.00390625f, -2.0f}));
    const auto rounded = load_from(directory, DType::kBF16);
    REQUIRE(rounded.ok());
    CHECK(element(rounded->layers[0].input_norm, 0) == 1.0f);
    CHECK(element(rounded->layers[0].input_norm, 1) == -2.0f);
    CHECK(element(load_from(directory, DType::kF32)->layers[0].input_norm, 0) == 1.00390625f);

    write_model(directory, "F16", test::bytes_of(std::vector<std::uint16_t>{0x3c00, 0xc000}));
    CHECK(element(load_from(directory, DType::kBF16)->layers[0].up, 1) == -2.0f);
    CHECK(element(load_from(directory, DType::kF32)->layers[0].up, 0) == 1.0f);
  }

  TEST_CASE("a dtype that is not computed with is refused by name") {
    test::TempDirectory directory;
    write_model(directory, "F8_E4M3", "a");
    const auto weights = load_from(directory, DType::kBF16);
    REQUIRE_FALSE(weights.ok());
    CHECK(weights.error().message.find("F8_E4M3") != std::string::npos);
  }

  TEST_CASE("of a sharded checkpoint a stage opens the shards that its layers lie in, and a cut one is named") {
    const auto golden = test::source_path("tests/golden/mistral");
    test::TempDirectory directory;
    std::filesystem::copy(golden, directory.path(),
                          std::filesystem::copy_options::recursive | std::filesystem::copy_options::overwrite_existing);
    const auto load = [&](const LayerRange& range) {
      return StageWeights::load(*Checkpoint::open(directory.path()), *load_model_config(directory.path()), range,
                                DType::kBF16);
    };
    CHECK(load({0, 3, true, true}).ok());
    const auto shard = directory.path() / "model-00003-of-00003.safetensors";
    std::filesystem::resize_file(shard, std::filesystem::file_size(shard) - 1);
    const auto whole = load({0, 3, true, true});
    REQUIRE_FALSE(whole.ok());
    CHECK(whole.error().code == ErrorCode::kModelLoadFailed);
    CHECK(whole.error().message.find(shard.string()) == 0);
    CHECK(load({0, 1, true, false}).ok());
  }

  TEST_CASE("a config that disagrees with the file is refused with the tensor") {
    auto config = *load_model_config(kModelDir);
    config.feed_forward.intermediate_size = 700;
    const auto weights = StageWeights::load(*Checkpoint::open(kModelDir), config, {0, 6, true, true}, DType::kBF16);
    REQUIRE_FALSE(weights.ok());
    CHECK(weights.error().code == ErrorCode::kModelLoadFailed);
    CHECK(weights.error().message.find("model.layers.0.mlp.gate_proj.weight") != std::string::npos);
  }
}

}  // namespace sluice
