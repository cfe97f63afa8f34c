// The weights of a model directory: one model.safetensors, or shards that model.safetensors.index.json names. A shard
// is opened when the first of its tensors is asked for, so a stage maps only the shards that its layers lie in.
//
// Owns:     the open files; views live as long as the Checkpoint.
// Confined: to one thread while tensors are looked up.
// Errors:   kModelLoadFailed, naming file and tensor.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "base/error.h"
#include "pipeline/model/safetensors.h"

namespace sluice {

class Checkpoint {
 public:
  static constexpr std::size_t kIndexBytesMax = 64u << 20;
  static constexpr const char* kSingleFile = "model.safetensors";
  static constexpr const char* kIndexFile = "model.safetensors.index.json";

  static Result<Checkpoint> open(const std::filesystem::path& model_dir);

  // The tensor of that name, which must have that shape.
  Result<TensorView> find(const std::string& name, std::span<const std::uint64_t> shape);

  // What is wrong with a tensor, with its file and name.
  Error fault(const std::string& name, const std::string& what) const;

 private:
  Checkpoint() = default;
  // The name of the file that has it; empty where the index names no such tensor.
  std::string file_name_of(const std::string& tensor) const;
  Result<const SafetensorsFile*> file_of(const std::string& tensor);

  std::filesystem::path model_dir_;
  std::map<std::string, std::string> shard_of_tensor_;  // Empty: everything lies in model.safetensors.
  std::map<std::string, std::shared_ptr<const SafetensorsFile>> files_;
};

}  // namespace sluice
