#include "pipeline/model/stage_weights.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "base/check.h"
#include "pipeline/model/mapped_file.h"
#include "pipeline/model/random_weights.h"

namespace sluice {
namespace {

// Between two calls of the progress callback.
constexpr std::size_t kProgressBytes = 4u << 20;

template <class T>
T load_unaligned(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}

float element(const std::byte* bytes, DType dtype) {
  switch (dtype) {
    case DType::kF32: return load_unaligned<float>(bytes);
    case DType::kBF16: return to_f32(load_unaligned<BF16>(bytes));
    case DType::kF16: return f16_to_f32(load_unaligned<std::uint16_t>(bytes));
  }
  return 0.0f;
}

// `count` elements.
void convert(const std::byte* from, DType from_dtype, std::size_t count, DType dtype, std::byte* to) {
  const std::size_t from_size = size_bytes(from_dtype);
  for (std::size_t i = 0; i < count; ++i) {
    const float value = element(from + i * from_size, from_dtype);
    if (dtype == DType::kF32) {
      std::memcpy(to + i * sizeof(float), &value, sizeof(value));
    } else {
      const BF16 rounded = to_bf16(value);
      std::memcpy(to + i * sizeof(rounded), &rounded, sizeof(rounded));
    }
  }
}

// Reads one byte of each page.
void touch(std::span<const std::byte> part) {
  constexpr std::size_t kPageBytes = 4096;
  for (std::size_t i = 0; i < part.size(); i += kPageBytes) {
    (void)*static_cast<const volatile std::byte*>(part.data() + i);
  }
}

}  // namespace

class StageWeights::Loader {
 public:
  Loader(StageWeights& weights, const ModelConfig& config, DType dtype, const LoadProgressCallback& progress,
         std::uint64_t bytes_total)
      : weights_(weights), config_(config), dtype_(dtype), progress_(progress), bytes_total_(bytes_total) {
    report(0);
  }

  Result<kernels::WeightView> load(const DecoderTensor& tensor) {
    return weights_.checkpoint_ ? read(tensor) : draw(tensor);
  }

 private:
  Result<kernels::WeightView> read(const DecoderTensor& tensor) {
    const std::vector<std::uint64_t> shape =
        tensor.is_vector ? std::vector{tensor.columns} : std::vector{tensor.whole_rows, tensor.whole_columns};
    auto found = weights_.checkpoint_->find(tensor.name, shape);
    if (!found.ok()) return found.error();
    if (!found->dtype.has_value()) {
      return Error{ErrorCode::kModelLoadFailed,
                   "tensor '" + tensor.name + "' has dtype " + std::string(found->dtype_name) + ", not supported"};
    }
    const std::size_t from_size = size_bytes(*found->dtype);
    const auto row = [&](std::size_t index) {
      const std::uint64_t first = (tensor.first_row + index) * tensor.whole_columns + tensor.first_column;
      return found->bytes.subspan(static_cast<std::size_t>(first) * from_size,
                                  static_cast<std::size_t>(tensor.columns) * from_size);
    };
    if (tensor.columns == tensor.whole_columns) {
      will_need({row(0).data(), static_cast<std::size_t>(tensor.elements()) * from_size});
    }
    if (*found->dtype == dtype_) {
      in_pieces(tensor, [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) touch(row(i));
      });
      return view(tensor, row(0).data(), static_cast<std::size_t>(tensor.whole_columns));
    }
    const auto converted = allocate(tensor);
    if (!converted.ok()) return converted.error();
    in_pieces(tensor, [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) {
        convert(row(i).data(), *found->dtype, static_cast<std::size_t>(tensor.columns), dtype_,
                *converted + i * static_cast<std::size_t>(tensor.columns) * size_bytes(dtype_));
      }
    });
    return view(tensor, *converted, static_cast<std::size_t>(tensor.columns));
  }

  Result<kernels::WeightView> draw(const DecoderTensor& tensor) {
    const auto drawn = allocate(tensor);
    if (!drawn.ok()) return drawn.error();
    in_pieces(tensor,
              [&](std::size_t begin, std::size_t end) { draw_weights(tensor, config_, begin, end, dtype_, *drawn); });
    return view(tensor, *drawn, static_cast<std::size_t>(tensor.columns));
  }

  kernels::WeightView view(const DecoderTensor& tensor, const std::byte* data, std::size_t stride) const {
    return {data, dtype_, static_cast<std::size_t>(tensor.rows), static_cast<std::size_t>(tensor.columns), stride};
  }

  // Fills rows [begin, end) at a time, so that progress shows inside a large tensor as well.
  template <class Fill>
  void in_pieces(const DecoderTensor& tensor, const Fill& fill) {
    const auto rows = static_cast<std::size_t>(tensor.rows);
    const std::size_t row_bytes = static_cast<std::size_t>(tensor.columns) * size_bytes(dtype_);
    const std::size_t piece = std::max<std::size_t>(1, kProgressBytes / row_bytes);
    for (std::size_t begin = 0; begin < rows; begin += piece) {
      const std::size_t end = std::min(rows, begin + piece);
      fill(begin, end);
      report((end - begin) * row_bytes);
    }
  }

  Result<std::byte*> allocate(const DecoderTensor& tensor) {
    const std::uint64_t bytes = tensor.elements() * size_bytes(dtype_);
    std::unique_ptr<std::byte[]> memory(new (std::nothrow) std::byte[static_cast<std::size_t>(bytes)]);
    if (memory == nullptr) {
      return Error{ErrorCode::kModelLoadFailed,
                   "no memory for tensor '" + tensor.name + "' of " + std::to_string(bytes) + " bytes"};
    }
    weights_.converted_.push_back(std::move(memory));
    weights_.converted_bytes_ += bytes;
    return weights_.converted_.back().get();
  }

  void report(std::uint64_t bytes) {
    weights_.bytes_ += bytes;
    if (progress_) progress_(weights_.bytes_, bytes_total_);
  }

  StageWeights& weights_;
  const ModelConfig& config_;
  DType dtype_;
  const LoadProgressCallback& progress_;
  std::uint64_t bytes_total_;
};

namespace {

kernels::WeightView& place(StageWeights& weights, const DecoderTensor& tensor, std::uint32_t first_layer) {
  switch (tensor.role) {
    case TensorRole::kEmbedding: return weights.embedding;
    case TensorRole::kFinalNorm: return weights.final_norm;
    case TensorRole::kOutputHead: return weights.output_head;
    default: break;
  }
  auto& layer = weights.layers[tensor.layer - first_layer];
  switch (tensor.role) {
    case TensorRole::kInputNorm: return layer.input_norm;
    case TensorRole::kQuery: return layer.query;
    case TensorRole::kKey: return layer.key;
    case TensorRole::kValue: return layer.value;
    case TensorRole::kAttentionOutput: return layer.attention_output;
    case TensorRole::kPostAttentionNorm: return layer.post_attention_norm;
    case TensorRole::kGate: return layer.gate;
    case TensorRole::kUp: return layer.up;
    case TensorRole::kDown: return layer.down;
    default: break;
  }
  check_failed(__FILE__, __LINE__, "a role without a place", std::to_string(static_cast<int>(tensor.role)));
}

}  // namespace

Result<StageWeights> StageWeights::load(Checkpoint checkpoint, const ModelConfig& config, const LayerRange& range,
                                        DType dtype, const LoadProgressCallback& progress) {
  return make(std::move(checkpoint), config, range, dtype, progress);
}

Result<StageWeights> StageWeights::draw(const ModelConfig& config, const LayerRange& range, DType dtype,
                                        const LoadProgressCallback& progress) {
  return make(std::nullopt, config, range, dtype, progress);
}

Result<StageWeights> StageWeights::make(std::optional<Checkpoint> checkpoint, const ModelConfig& config,
                                        const LayerRange& range, DType dtype, const LoadProgressCallback& progress) {
  SLUICE_CHECK(dtype == DType::kF32 || dtype == DType::kBF16);
  StageWeights weights(std::move(checkpoint));
  weights.layers.resize(range.num_layers);
  const auto total =
      weights_bytes(config, range.first_layer, range.num_layers, range.is_first, range.is_last, dtype, range.shard);
  Loader loader(weights, config, dtype, progress, total);
  for (const auto& tensor :
       decoder_tensors(config, range.first_layer, range.num_layers, range.is_first, range.is_last, range.shard)) {
    const auto view = loader.load(tensor);
    if (!view.ok()) return view.error();
    place(weights, tensor, range.first_layer) = *view;
  }
  if (range.is_last && weights.output_head.empty()) weights.output_head = weights.embedding;
  SLUICE_CHECK_EQ(weights.bytes_, total);
  return weights;
}

}  // namespace sluice
