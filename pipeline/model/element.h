// One element of a tensor that is aligned to nothing: read as f32, or written from it.
#pragma once

#include <cstddef>
#include <cstring>

#include "base/dtype.h"

namespace sluice {

template <class T>
T load_unaligned(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}

inline float element_at(const std::byte* from, std::size_t index, DType dtype) {
  from += index * size_bytes(dtype);
  switch (dtype) {
    case DType::kF32: return load_unaligned<float>(from);
    case DType::kBF16: return to_f32(load_unaligned<BF16>(from));
    case DType::kF16: return to_f32(F16{load_unaligned<std::uint16_t>(from)});
  }
  return 0.0f;
}

// `dtype` is f32, or bf16, to which the value is rounded.
inline void store_element(float value, std::byte* to, std::size_t index, DType dtype) {
  to += index * size_bytes(dtype);
  if (dtype == DType::kF32) {
    std::memcpy(to, &value, sizeof(value));
  } else {
    const BF16 rounded = to_bf16(value);
    std::memcpy(to, &rounded, sizeof(rounded));
  }
}

}  // namespace sluice
