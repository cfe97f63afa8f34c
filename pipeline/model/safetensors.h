// A safetensors file: eight bytes of header length (little-endian), a JSON header
// {name: {dtype, shape, data_offsets: [begin, end]}, "__metadata__": {...}}, then the tensors' bytes.
//
// Owns:      the mapping, shared with nobody but holders of the file.
// Thread:    immutable, any.
// Errors:    kModelLoadFailed, naming file and tensor.
// Invariant: what open() accepted is as the format demands: names unique, every shape times its element size is its
//            byte range, ranges cover the data exactly once without gap or overlap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/dtype.h"
#include "base/error.h"
#include "pipeline/model/mapped_file.h"

namespace sluice {

// A tensor in a mapped file, row-major, aligned to nothing.
struct TensorView {
  std::optional<DType> dtype;   // Absent: an element type that Sluice does not compute with.
  std::string_view dtype_name;  // As the file has it: "BF16", "F8_E4M3".
  std::vector<std::uint64_t> shape;
  std::span<const std::byte> bytes;
};

class SafetensorsFile {
 public:
  static constexpr std::uint64_t kHeaderBytesMax = 100'000'000;
  static constexpr std::size_t kDimensionsMax = 8;

  static Result<std::shared_ptr<const SafetensorsFile>> open(const std::filesystem::path& path);

  // Null where the file has no such tensor. The view lives as long as the file.
  const TensorView* find(const std::string& name) const;

  std::size_t num_tensors() const { return tensors_.size(); }
  const std::filesystem::path& path() const { return path_; }

 private:
  SafetensorsFile() = default;

  std::filesystem::path path_;
  std::shared_ptr<const MappedFile> file_;
  std::unordered_map<std::string, TensorView> tensors_;
};

}  // namespace sluice
