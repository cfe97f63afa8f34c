// Vectors of 4 floats in portable C++, for the scalar path alone (isa/scalar.cpp). The same names as in vec_avx512.h
// and vec_avx2.h; simd/vec_common.inl builds on them. Pointers may have any alignment. fma(a, b, c) is a * b + c
// rounded twice: processors without the instruction would emulate it slowly.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice::kernels::scalar {

constexpr std::size_t kLanes = 4;
// Shapes of register tiles, for 16 registers.
constexpr std::size_t kLinearTileTokens = 2;
constexpr std::size_t kScoreVectors = 2;
constexpr std::size_t kValueVectors = 2;

struct Vec {
  float lane[kLanes];
};

inline std::uint32_t bits_of(float x) {
  return __builtin_bit_cast(std::uint32_t, x);
}
inline float float_of(std::uint32_t bits) {
  return __builtin_bit_cast(float, bits);
}

inline Vec broadcast(float x) {
  return {{x, x, x, x}};
}
inline Vec zero() {
  return broadcast(0.0f);
}

// The partial forms touch only the first n elements, n < kLanes; loads fill up with zeros.
inline Vec load_f32(const void* p) {
  Vec a;
  __builtin_memcpy(a.lane, p, sizeof(a.lane));
  return a;
}
inline Vec load_f32_partial(const void* p, std::size_t n) {
  Vec a = zero();
  __builtin_memcpy(a.lane, p, n * sizeof(float));
  return a;
}
inline Vec load(const float* p) {
  return load_f32(p);
}
inline Vec load_partial(const float* p, std::size_t n) {
  return load_f32_partial(p, n);
}
inline void store(float* p, Vec a) {
  __builtin_memcpy(p, a.lane, sizeof(a.lane));
}
inline void store_partial(float* p, Vec a, std::size_t n) {
  __builtin_memcpy(p, a.lane, n * sizeof(float));
}

inline Vec load_bf16_partial(const void* p, std::size_t n) {
  std::uint16_t bits[kLanes] = {};
  __builtin_memcpy(bits, p, n * sizeof(std::uint16_t));
  Vec a;
  for (std::size_t i = 0; i < kLanes; ++i) a.lane[i] = float_of(static_cast<std::uint32_t>(bits[i]) << 16);
  return a;
}
inline Vec load_bf16(const void* p) {
  return load_bf16_partial(p, kLanes);
}
// Rounds to nearest, ties to even; denormals to zero, NaN to a quiet NaN, as VCVTNEPS2BF16 does.
inline std::uint16_t narrow(float x) {
  const std::uint32_t bits = bits_of(x);
  if (x != x) return static_cast<std::uint16_t>((bits >> 16) | 0x40u);
  if ((bits & 0x7f800000u) == 0) return static_cast<std::uint16_t>((bits >> 16) & 0x8000u);
  return static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}
inline void store_bf16_partial(std::uint16_t* p, Vec a, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) p[i] = narrow(a.lane[i]);
}
inline void store_bf16(std::uint16_t* p, Vec a) {
  store_bf16_partial(p, a, kLanes);
}

// Exact: what is no normal number in f16 is a multiple of 2^-24, infinity or NaN.
inline float widen_f16(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000u) << 16;
  const std::uint32_t magnitude = half & 0x7fffu;
  if (magnitude >= 0x7c00u) return float_of(sign | 0x7f800000u | (magnitude << 13));
  if (magnitude >= 0x400u) return float_of(sign | ((magnitude << 13) + (112u << 23)));
  const float tiny = static_cast<float>(magnitude) * 0x1p-24f;
  return sign != 0 ? -tiny : tiny;
}
inline Vec load_f16_partial(const void* p, std::size_t n) {
  std::uint16_t bits[kLanes] = {};
  __builtin_memcpy(bits, p, n * sizeof(std::uint16_t));
  Vec a;
  for (std::size_t i = 0; i < kLanes; ++i) a.lane[i] = widen_f16(bits[i]);
  return a;
}
inline Vec load_f16(const void* p) {
  return load_f16_partial(p, kLanes);
}
// As to_f16() of base/dtype.h.
inline std::uint16_t narrow_f16(float x) {
  const std::uint32_t sign = (bits_of(x) >> 16) & 0x8000u;
  const std::uint32_t magnitude = bits_of(x) & 0x7fffffffu;
  if (x != x) return static_cast<std::uint16_t>(sign | 0x7e00u | ((magnitude >> 13) & 0x1ffu));
  if (magnitude >= 0x477fe000u) return static_cast<std::uint16_t>(sign | 0x7bffu);
  // Adding 0.5 rounds to a multiple of 2^-24, which then lies in the low bits.
  if (magnitude < 0x38800000u) {
    return static_cast<std::uint16_t>(sign | (bits_of(float_of(magnitude) + 0.5f) - 0x3f000000u));
  }
  return static_cast<std::uint16_t>(sign | ((magnitude - (112u << 23) + 0xfffu + ((magnitude >> 13) & 1u)) >> 13));
}
inline void store_f16_partial(std::uint16_t* p, Vec a, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) p[i] = narrow_f16(a.lane[i]);
}
inline void store_f16(std::uint16_t* p, Vec a) {
  store_f16_partial(p, a, kLanes);
}

template <class Operation>
inline Vec each(Operation operation) {
  Vec result;
  for (std::size_t i = 0; i < kLanes; ++i) result.lane[i] = operation(i);
  return result;
}

inline Vec add(Vec a, Vec b) {
  return each([&](std::size_t i) { return a.lane[i] + b.lane[i]; });
}
inline Vec sub(Vec a, Vec b) {
  return each([&](std::size_t i) { return a.lane[i] - b.lane[i]; });
}
inline Vec mul(Vec a, Vec b) {
  return each([&](std::size_t i) { return a.lane[i] * b.lane[i]; });
}
inline Vec div(Vec a, Vec b) {
  return each([&](std::size_t i) { return a.lane[i] / b.lane[i]; });
}
inline Vec fma(Vec a, Vec b, Vec c) {
  return add(mul(a, b), c);
}
// The lane of `b` where either is NaN.
inline Vec max(Vec a, Vec b) {
  return each([&](std::size_t i) { return a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i]; });
}

// x < bound ? a : b, lane by lane; b where x is NaN.
inline Vec select_less(Vec x, Vec bound, Vec a, Vec b) {
  return each([&](std::size_t i) { return x.lane[i] < bound.lane[i] ? a.lane[i] : b.lane[i]; });
}
// The first n lanes of a, then b; n <= kLanes.
inline Vec select_first(std::size_t n, Vec a, Vec b) {
  return each([&](std::size_t i) { return i < n ? a.lane[i] : b.lane[i]; });
}
inline bool any_equal(Vec a, Vec b) {
  bool any = false;
  for (std::size_t i = 0; i < kLanes; ++i) any = any || a.lane[i] == b.lane[i];
  return any;
}

// Lanes 2 i and 2 i + 1 in each other's place.
inline Vec swap_neighbours(Vec a) {
  return each([&](std::size_t i) { return a.lane[i ^ 1]; });
}

// p * 2^n, where the low bits of `rounded` hold n (see exp()).
inline Vec add_exponent(Vec p, Vec rounded) {
  return each([&](std::size_t i) { return float_of(bits_of(p.lane[i]) + (bits_of(rounded.lane[i]) << 23)); });
}

inline float sum_lanes1(Vec a) {
  return (a.lane[0] + a.lane[2]) + (a.lane[1] + a.lane[3]);
}

// out[i] = the sum of the lanes of one argument each. The tree, the same for each: lanes 2 apart, then neighbours.
inline void sum_lanes4(Vec a, Vec b, Vec c, Vec d, float* out) {
  out[0] = sum_lanes1(a);
  out[1] = sum_lanes1(b);
  out[2] = sum_lanes1(c);
  out[3] = sum_lanes1(d);
}

inline float max_lanes(Vec a) {
  float result = a.lane[0];
  for (std::size_t i = 1; i < kLanes; ++i) result = a.lane[i] > result ? a.lane[i] : result;
  return result;
}

}  // namespace sluice::kernels::scalar
