// Writes safetensors files for tests: right ones, and any wrong header that a test spells out.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace sluice::test {

struct FileTensor {
  std::string name;
  std::string dtype;
  std::vector<std::uint64_t> shape;
  std::string bytes;
};

// A header as it is, right or wrong, before `data`.
inline std::string safetensors_file(const std::string& header, const std::string& data) {
  std::string file(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) file[i] = static_cast<char>(std::uint64_t{header.size()} >> (8 * i));
  return file + header + data;
}

inline std::string safetensors_file(const std::vector<FileTensor>& tensors) {
  std::string header = R"({"__metadata__": {"format": "pt"})";
  std::string data;
  for (const auto& tensor : tensors) {
    std::string shape;
    for (const auto extent : tensor.shape) shape += (shape.empty() ? "" : ", ") + std::to_string(extent);
    header += ", \"" + tensor.name + "\": {\"dtype\": \"" + tensor.dtype + "\", \"shape\": [" + shape +
              "], \"data_offsets\": [" + std::to_string(data.size()) + ", " +
              std::to_string(data.size() + tensor.bytes.size()) + "]}";
    data += tensor.bytes;
  }
  return safetensors_file(header + "}", data);
}

template <class T>
std::string bytes_of(const std::vector<T>& values) {
  std::string bytes(values.size() * sizeof(T), '\0');
  if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

}  // namespace sluice::test
