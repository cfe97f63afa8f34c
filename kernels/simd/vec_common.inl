// What all paths build from the vectors of simd/vec_*.h. Included after one of them, with SLUICE_ISA naming its
// namespace.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice::kernels::SLUICE_ISA {

// Element types of weights (f32, bf16) and caches (f32, f16), widened on load; those of caches are rounded on store.
struct ElementF32 {
  using Stored = float;
  static constexpr std::size_t kBytes = 4;
  static Vec load(const void* p) { return load_f32(p); }
  static Vec load_partial(const void* p, std::size_t n) { return load_f32_partial(p, n); }
  static void store(Stored* p, Vec a) { SLUICE_ISA::store(p, a); }
  static void store_partial(Stored* p, Vec a, std::size_t n) { SLUICE_ISA::store_partial(p, a, n); }
};
struct ElementBF16 {
  static constexpr std::size_t kBytes = 2;
  static Vec load(const void* p) { return load_bf16(p); }
  static Vec load_partial(const void* p, std::size_t n) { return load_bf16_partial(p, n); }
};
struct ElementF16 {
  using Stored = std::uint16_t;
  static constexpr std::size_t kBytes = 2;
  static Vec load(const void* p) { return load_f16(p); }
  static Vec load_partial(const void* p, std::size_t n) { return load_f16_partial(p, n); }
  static void store(Stored* p, Vec a) { store_f16(p, a); }
  static void store_partial(Stored* p, Vec a, std::size_t n) { store_f16_partial(p, a, n); }
};

inline const void* offset(const void* p, std::size_t bytes) {
  return static_cast<const char*>(p) + bytes;
}

inline std::size_t smaller(std::size_t a, std::size_t b) {
  return a < b ? a : b;
}

// Calls full(i) for each whole vector of [0, count) and partial(i, n) for what is left.
template <class Full, class Partial>
inline void for_vectors(std::size_t count, Full full, Partial partial) {
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) full(i);
  if (i < count) partial(i, count - i);
}

// x[i] *= factor.
inline void scale_vector(float* x, Vec factor, std::size_t count) {
  for_vectors(
      count, [&](std::size_t i) { store(x + i, mul(load(x + i), factor)); },
      [&](std::size_t i, std::size_t n) { store_partial(x + i, mul(load_partial(x + i, n), factor), n); });
}

inline float sum_lanes(Vec a) {
  float out[4];
  sum_lanes4(a, a, a, a, out);
  return out[0];
}

constexpr float kInfinity = __builtin_inff();

// exp(x), within 1.5 units in the last place; 0 below -87.33 (no denormals), infinity above 88.72, NaN for NaN.
// Of our own so that results do not change with the C library. x = n ln 2 + r; exp(r) is Cephes's polynomial.
inline Vec exp(Vec x) {
  const Vec lowest = broadcast(-87.33654f);
  const Vec highest = broadcast(88.72283f);
  // Adding 1.5 * 2^23 rounds to an integer, which then lies in the low bits.
  const Vec magic = broadcast(12582912.0f);
  // max(lowest, x) would turn NaN into a number and back: clamp with selects that keep it.
  const Vec clamped = select_less(x, lowest, lowest, select_less(highest, x, highest, x));
  const Vec rounded = fma(clamped, broadcast(1.44269504f), magic);
  const Vec n = sub(rounded, magic);
  // ln 2 in two parts; n times the first is exact even where fma rounds twice.
  Vec r = fma(n, broadcast(-0.693359375f), clamped);
  r = fma(n, broadcast(2.12194440e-4f), r);
  Vec p = broadcast(1.9875691500e-4f);
  p = fma(p, r, broadcast(1.3981999507e-3f));
  p = fma(p, r, broadcast(8.3334519073e-3f));
  p = fma(p, r, broadcast(4.1665795894e-2f));
  p = fma(p, r, broadcast(1.6666665459e-1f));
  p = fma(p, r, broadcast(5.0000001201e-1f));
  p = add(fma(p, mul(r, r), r), broadcast(1.0f));
  const Vec scaled = add_exponent(p, rounded);
  // What is not below infinity is infinity or NaN; `scaled` is nonsense for the latter.
  const Vec in_range = select_less(x, lowest, zero(), select_less(highest, x, broadcast(kInfinity), scaled));
  return select_less(x, broadcast(kInfinity), in_range, add(x, broadcast(kInfinity)));
}

}  // namespace sluice::kernels::SLUICE_ISA
