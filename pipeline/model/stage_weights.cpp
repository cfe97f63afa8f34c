#include "pipeline/model/stage_weights.h"

#include <algorithm>
#include <new>

#include "base/check.h"
#include "base/process_usage.h"
#include "pipeline/model/element.h"
#include "pipeline/model/fp8_tensor.h"
#include "pipeline/model/mapped_file.h"
#include "pipeline/model/random_weights.h"

namespace sluice {
namespace {

// Between two calls of the progress callback.
constexpr std::size_t kProgressBytes = 4u << 20;

// `count` elements.
void convert(const std::byte* from, DType from_dtype, std::size_t count, DType dtype, std::byte* to) {
  for (std::size_t i = 0; i < count; ++i) store_element(element_at(from, i, from_dtype), to, i, dtype);
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
         const kernels::CpuContext& context, std::uint64_t bytes_total)
      : weights_(weights),
        config_(config),
        dtype_(dtype),
        progress_(progress),
        context_(context),
        bytes_total_(bytes_total) {
    report(0);
  }

  Result<kernels::WeightView> load(const DecoderTensor& tensor) {
    return weights_.checkpoint_ ? read(tensor) : draw(tensor);
  }

 private:
  Result<kernels::WeightView> read(const DecoderTensor& tensor) {
    const std::vector<std::uint64_t> shape =
        tensor.is_vector() ? std::vector{tensor.whole_columns} : std::vector{tensor.whole_rows, tensor.whole_columns};
    auto found = weights_.checkpoint_->find(tensor.name, shape);
    if (!found.ok()) return found.error();
    if (found->dtype_name == Fp8Tensor::kDTypeName && config_.fp8_blocks.has_value() && !tensor.is_vector()) {
      return expand(tensor, *found);
    }
    if (!found->dtype.has_value()) {
      return weights_.checkpoint_->fault(
          tensor.name, "has dtype " + std::string(found->dtype_name) + ", not supported as config.json describes it");
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
    const DType dtype = tensor.stored_as(dtype_);
    if (*found->dtype == dtype) {
      in_pieces(tensor, [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) touch(row(i));
      });
      return view(tensor, row(0).data(), static_cast<std::size_t>(tensor.whole_columns));
    }
    const auto converted = allocate(tensor);
    if (!converted.ok()) return converted.error();
    in_pieces(tensor, [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) {
        convert(row(i).data(), *found->dtype, static_cast<std::size_t>(tensor.columns), dtype,
                *converted + i * static_cast<std::size_t>(tensor.columns) * size_bytes(dtype));
      }
    });
    return view(tensor, *converted, static_cast<std::size_t>(tensor.columns));
  }

  Result<kernels::WeightView> expand(const DecoderTensor& tensor, const TensorView& codes) {
    auto matrix = Fp8Tensor::open(*weights_.checkpoint_, tensor, codes, *config_.fp8_blocks);
    if (!matrix.ok()) return matrix.error();
    const auto expanded = allocate(tensor);
    if (!expanded.ok()) return expanded.error();
    const auto columns = static_cast<std::size_t>(tensor.columns);
    std::vector<BF16> rows;  // Where they are widened.
    Result<void> result;
    in_pieces(tensor, [&](std::size_t begin, std::size_t end) {
      if (!result.ok()) return;
      std::byte* const to = *expanded + begin * columns * size_bytes(dtype_);
      if (dtype_ == DType::kBF16) {
        result = matrix->expand(context_, begin, end, reinterpret_cast<BF16*>(to));
        return;
      }
      rows.resize((end - begin) * columns);
      result = matrix->expand(context_, begin, end, rows.data());
      convert(reinterpret_cast<const std::byte*>(rows.data()), DType::kBF16, rows.size(), dtype_, to);
    });
    if (!result.ok()) return result.error();
    return view(tensor, *expanded, columns);
  }

  Result<kernels::WeightView> draw(const DecoderTensor& tensor) {
    const auto drawn = allocate(tensor);
    if (!drawn.ok()) return drawn.error();
    in_pieces(tensor, [&](std::size_t begin, std::size_t end) {
      draw_weights(tensor, config_, begin, end, tensor.stored_as(dtype_), *drawn);
    });
    return view(tensor, *drawn, static_cast<std::size_t>(tensor.columns));
  }

  kernels::WeightView view(const DecoderTensor& tensor, const std::byte* data, std::size_t stride) const {
    return {data, tensor.stored_as(dtype_), static_cast<std::size_t>(tensor.rows),
            static_cast<std::size_t>(tensor.columns), stride};
  }

  // Fills rows [begin, end) at a time, so that progress shows inside a large tensor as well.
  template <class Fill>
  void in_pieces(const DecoderTensor& tensor, const Fill& fill) {
    const auto rows = static_cast<std::size_t>(tensor.rows);
    const std::size_t row_bytes = static_cast<std::size_t>(tensor.columns) * size_bytes(tensor.stored_as(dtype_));
    const std::size_t piece = std::max<std::size_t>(1, kProgressBytes / row_bytes);
    for (std::size_t begin = 0; begin < rows; begin += piece) {
      const std::size_t end = std::min(rows, begin + piece);
      fill(begin, end);
      report((end - begin) * row_bytes);
    }
  }

  Result<std::byte*> allocate(const DecoderTensor& tensor) {
    const std::uint64_t bytes = tensor.elements() * size_bytes(tensor.stored_as(dtype_));
    std::unique_ptr<std::byte[]> memory;
    if (weights_.converted_bytes_ + bytes <= physical_memory_bytes()) {
      memory.reset(new (std::nothrow) std::byte[static_cast<std::size_t>(bytes)]);
    }
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
  const kernels::CpuContext& context_;
  std::uint64_t bytes_total_;
};

namespace {

kernels::WeightView& place(StageWeights& weights, const DecoderTensor& tensor, std::uint32_t first_layer,
                           std::uint64_t first_expert) {
  switch (tensor.role) {
    case TensorRole::kEmbedding: return weights.embedding;
    case TensorRole::kFinalNorm: return weights.final_norm;
    case TensorRole::kOutputHead: return weights.output_head;
    default: break;
  }
  LayerWeights& layer = weights.layers[tensor.layer - first_layer];
  const bool is_expert = is_expert_role(tensor.role);
  const auto expert = static_cast<std::size_t>(tensor.expert - (is_expert ? first_expert : 0));
  if (is_expert && layer.experts.size() <= expert) layer.experts.resize(expert + 1);
  return tensor_of(layer, tensor.role, expert);
}

}  // namespace

Result<StageWeights> StageWeights::load(Checkpoint checkpoint, const ModelConfig& config, const LayerRange& range,
                                        DType dtype, const LoadProgressCallback& progress,
                                        const kernels::CpuContext& context) {
  return make(std::move(checkpoint), config, range, dtype, progress, context);
}

Result<StageWeights> StageWeights::draw(const ModelConfig& config, const LayerRange& range, DType dtype,
                                        const LoadProgressCallback& progress) {
  return make(std::nullopt, config, range, dtype, progress, {});
}

Result<StageWeights> StageWeights::make(std::optional<Checkpoint> checkpoint, const ModelConfig& config,
                                        const LayerRange& range, DType dtype, const LoadProgressCallback& progress,
                                        const kernels::CpuContext& context) {
  SLUICE_CHECK(dtype == DType::kF32 || dtype == DType::kBF16);
  StageWeights weights(std::move(checkpoint));
  weights.layers.resize(range.num_layers);
  const auto total = weights_bytes(config, range, dtype);
  Loader loader(weights, config, dtype, progress, context, total);
  const std::uint64_t first_expert = experts_of(config, range.shard).begin;
  Result<void> loaded;
  for_each_tensor(config, range, [&](const DecoderTensor& tensor) {
    if (!loaded.ok()) return;
    const auto view = loader.load(tensor);
    if (!view.ok()) {
      loaded = view.error();
      return;
    }
    place(weights, tensor, range.first_layer, first_expert) = *view;
  });
  if (!loaded.ok()) return loaded.error();
  if (range.is_last && weights.output_head.empty()) weights.output_head = weights.embedding;
  SLUICE_CHECK_EQ(weights.bytes_, total);
  return weights;
}

}  // namespace sluice
