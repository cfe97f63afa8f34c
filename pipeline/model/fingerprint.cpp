#include "pipeline/model/fingerprint.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "pipeline/model/checkpoint.h"
#include "pipeline/model/json_reader.h"
#include "pipeline/model/model_config.h"

namespace sluice {
namespace {

std::uint64_t chained(std::uint64_t seed, std::span<const std::byte> bytes) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

Result<std::uint64_t> with_file(std::uint64_t seed, const std::filesystem::path& path, std::size_t bytes_max) {
  const auto text = read_small_file(path, bytes_max);
  if (!text.ok()) return text.error();
  return chained(seed, std::as_bytes(std::span(*text)));
}

// The header of a safetensors file that open() would take: eight bytes of its length, then it.
Result<std::uint64_t> with_header(std::uint64_t seed, const std::filesystem::path& path) {
  const auto file = MappedFile::open(path);
  if (!file.ok()) return file.error();
  const auto bytes = (*file)->bytes();
  std::uint64_t size = 0;
  if (bytes.size() >= sizeof(size)) std::memcpy(&size, bytes.data(), sizeof(size));
  if (size == 0 || size > SafetensorsFile::kHeaderBytesMax || size > bytes.size() - sizeof(size)) {
    return Error{ErrorCode::kModelLoadFailed, path.string() + ": is no safetensors file"};
  }
  return chained(seed, bytes.first(sizeof(size) + static_cast<std::size_t>(size)));
}

}  // namespace

Result<std::uint64_t> model_fingerprint(const std::filesystem::path& model_dir, WeightsKind weights) {
  auto print = with_file(0, model_dir / "config.json", kConfigBytesMax);
  if (print.ok() && weights == WeightsKind::kFile) {
    const std::filesystem::path single = model_dir / Checkpoint::kSingleFile;
    std::error_code error;
    print = std::filesystem::exists(single, error)
                ? with_header(*print, single)
                : with_file(*print, model_dir / Checkpoint::kIndexFile, Checkpoint::kIndexBytesMax);
  }
  if (!print.ok()) return print;
  return std::max<std::uint64_t>(1, *print);
}

}  // namespace sluice
