#include "pipeline/model/checkpoint.h"

#include <algorithm>

#include "pipeline/model/json_reader.h"

namespace sluice {
namespace {

std::string shown(std::span<const std::uint64_t> shape) {
  std::string text = "[";
  for (const auto extent : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(extent);
  return text + "]";
}

// A shard lies in the model's directory itself: anything that could lead out of it is refused.
bool is_plain_file_name(const std::string& name) {
  if (name.empty() || name.size() > 255 || name == "." || name == "..") return false;
  return std::none_of(name.begin(), name.end(),
                      [](char c) { return c == '/' || c == '\\' || static_cast<unsigned char>(c) < 0x20; });
}

}  // namespace

Result<Checkpoint> Checkpoint::open(const std::filesystem::path& model_dir) {
  Checkpoint checkpoint;
  checkpoint.model_dir_ = model_dir;
  std::error_code error;
  if (std::filesystem::exists(model_dir / kSingleFile, error)) return checkpoint;
  const auto index_path = model_dir / kIndexFile;
  if (!std::filesystem::exists(index_path, error)) {
    return Error{ErrorCode::kModelLoadFailed,
                 model_dir.string() + ": has neither " + kSingleFile + " nor " + kIndexFile};
  }
  const auto text = read_small_file(index_path, kIndexBytesMax);
  if (!text.ok()) return text.error();
  auto index = JsonReader::parse(*text, index_path.string());
  if (!index.ok()) return index.error();
  checkpoint.shard_of_tensor_ = index->string_map("weight_map");
  for (const auto& [tensor, file] : checkpoint.shard_of_tensor_) {
    if (!is_plain_file_name(file))
      index->fail("weight_map", "a shard's name leads out of the directory: '" + file + "'");
  }
  if (checkpoint.shard_of_tensor_.empty()) index->fail("weight_map", "missing or empty");
  if (index->error().has_value()) return *index->error();
  return checkpoint;
}

std::string Checkpoint::file_name_of(const std::string& tensor) const {
  if (shard_of_tensor_.empty()) return kSingleFile;
  const auto it = shard_of_tensor_.find(tensor);
  return it == shard_of_tensor_.end() ? std::string() : it->second;
}

Error Checkpoint::fault(const std::string& name, const std::string& what) const {
  return Error{ErrorCode::kModelLoadFailed,
               (model_dir_ / file_name_of(name)).string() + ": tensor '" + name + "' " + what};
}

Result<const SafetensorsFile*> Checkpoint::file_of(const std::string& tensor) {
  const std::string name = file_name_of(tensor);
  if (name.empty()) {
    return Error{ErrorCode::kModelLoadFailed,
                 (model_dir_ / kIndexFile).string() + ": names no tensor '" + tensor + "'"};
  }
  auto& file = files_[name];
  if (file == nullptr) {
    auto opened = SafetensorsFile::open(model_dir_ / name);
    if (!opened.ok()) return opened.error();
    file = *std::move(opened);
  }
  return file.get();
}

Result<TensorView> Checkpoint::find(const std::string& name, std::span<const std::uint64_t> shape) {
  const auto file = file_of(name);
  if (!file.ok()) return file.error();
  const TensorView* const tensor = (*file)->find(name);
  if (tensor == nullptr) {
    return Error{ErrorCode::kModelLoadFailed, (*file)->path().string() + ": has no tensor '" + name + "'"};
  }
  if (!std::equal(shape.begin(), shape.end(), tensor->shape.begin(), tensor->shape.end())) {
    return fault(name, "has shape " + shown(tensor->shape) + ", config.json asks for " + shown(shape));
  }
  return *tensor;
}

}  // namespace sluice
