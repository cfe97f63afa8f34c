// Vectors of 8 floats, for the avx2 path alone (isa/avx2.cpp). The same names as in vec_avx512.h and vec_scalar.h;
// simd/vec_common.inl builds on them. Pointers may have any alignment. fma(a, b, c) is a * b + c rounded once.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace sluice::kernels::avx2 {

constexpr std::size_t kLanes = 8;
// Shapes of register tiles, for 16 registers.
constexpr std::size_t kLinearTileTokens = 3;
constexpr std::size_t kScoreVectors = 2;
constexpr std::size_t kValueVectors = 2;

struct Vec {
  __m256 v;
};

inline __m256i first_lanes(std::size_t n) {
  const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), index);
}

inline Vec broadcast(float x) {
  return {_mm256_set1_ps(x)};
}
inline Vec zero() {
  return {_mm256_setzero_ps()};
}

// The partial forms touch only the first n elements, n < kLanes; loads fill up with zeros.
inline Vec load(const float* p) {
  return {_mm256_loadu_ps(p)};
}
inline Vec load_partial(const float* p, std::size_t n) {
  return {_mm256_maskload_ps(p, first_lanes(n))};
}
inline Vec load_f32(const void* p) {
  return {_mm256_loadu_ps(static_cast<const float*>(p))};
}
inline Vec load_f32_partial(const void* p, std::size_t n) {
  return load_partial(static_cast<const float*>(p), n);
}
inline void store(float* p, Vec a) {
  _mm256_storeu_ps(p, a.v);
}
inline void store_partial(float* p, Vec a, std::size_t n) {
  _mm256_maskstore_ps(p, first_lanes(n), a.v);
}

inline Vec widen(__m128i bits) {
  return {_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16))};
}
inline Vec load_bf16(const void* p) {
  return widen(_mm_loadu_si128(static_cast<const __m128i_u*>(p)));
}
inline Vec load_bf16_partial(const void* p, std::size_t n) {
  __m128i bits = _mm_setzero_si128();
  __builtin_memcpy(&bits, p, 2 * n);
  return widen(bits);
}
// Rounds to nearest, ties to even; denormals to zero, NaN to a quiet NaN, as VCVTNEPS2BF16 does.
inline __m128i narrow(Vec a) {
  const __m256i bits = _mm256_castps_si256(a.v);
  const __m256i upper = _mm256_srli_epi32(bits, 16);
  const __m256i odd = _mm256_and_si256(upper, _mm256_set1_epi32(1));
  __m256i rounded = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), odd);
  rounded = _mm256_srli_epi32(rounded, 16);
  const __m256i exponent = _mm256_and_si256(bits, _mm256_set1_epi32(0x7f800000));
  const __m256i is_tiny = _mm256_cmpeq_epi32(exponent, _mm256_setzero_si256());
  rounded = _mm256_blendv_epi8(rounded, _mm256_and_si256(upper, _mm256_set1_epi32(0x8000)), is_tiny);
  const __m256i is_nan = _mm256_castps_si256(_mm256_cmp_ps(a.v, a.v, _CMP_UNORD_Q));
  rounded = _mm256_blendv_epi8(rounded, _mm256_or_si256(upper, _mm256_set1_epi32(0x40)), is_nan);
  return _mm_packus_epi32(_mm256_castsi256_si128(rounded), _mm256_extracti128_si256(rounded, 1));
}
inline void store_bf16(std::uint16_t* p, Vec a) {
  _mm_storeu_si128(reinterpret_cast<__m128i_u*>(p), narrow(a));
}
inline void store_bf16_partial(std::uint16_t* p, Vec a, std::size_t n) {
  const __m128i bits = narrow(a);
  __builtin_memcpy(p, &bits, 2 * n);
}

inline Vec load_f16(const void* p) {
  return {_mm256_cvtph_ps(_mm_loadu_si128(static_cast<const __m128i_u*>(p)))};
}
inline Vec load_f16_partial(const void* p, std::size_t n) {
  __m128i bits = _mm_setzero_si128();
  __builtin_memcpy(&bits, p, 2 * n);
  return {_mm256_cvtph_ps(bits)};
}
// Operands in this order keep NaN.
inline __m128i narrow_f16(Vec a) {
  const __m256 largest = _mm256_set1_ps(65504.0f);
  const __m256 bounded = _mm256_max_ps(_mm256_set1_ps(-65504.0f), _mm256_min_ps(largest, a.v));
  return _mm256_cvtps_ph(bounded, _MM_FROUND_TO_NEAREST_INT);
}
inline void store_f16(std::uint16_t* p, Vec a) {
  _mm_storeu_si128(reinterpret_cast<__m128i_u*>(p), narrow_f16(a));
}
inline void store_f16_partial(std::uint16_t* p, Vec a, std::size_t n) {
  const __m128i bits = narrow_f16(a);
  __builtin_memcpy(p, &bits, 2 * n);
}

inline Vec add(Vec a, Vec b) {
  return {_mm256_add_ps(a.v, b.v)};
}
inline Vec sub(Vec a, Vec b) {
  return {_mm256_sub_ps(a.v, b.v)};
}
inline Vec mul(Vec a, Vec b) {
  return {_mm256_mul_ps(a.v, b.v)};
}
inline Vec div(Vec a, Vec b) {
  return {_mm256_div_ps(a.v, b.v)};
}
inline Vec fma(Vec a, Vec b, Vec c) {
  return {_mm256_fmadd_ps(a.v, b.v, c.v)};
}
// The lane of `b` where either is NaN.
inline Vec max(Vec a, Vec b) {
  return {_mm256_max_ps(a.v, b.v)};
}

// x < bound ? a : b, lane by lane; b where x is NaN.
inline Vec select_less(Vec x, Vec bound, Vec a, Vec b) {
  return {_mm256_blendv_ps(b.v, a.v, _mm256_cmp_ps(x.v, bound.v, _CMP_LT_OQ))};
}
// The first n lanes of a, then b; n <= kLanes.
inline Vec select_first(std::size_t n, Vec a, Vec b) {
  return {_mm256_blendv_ps(b.v, a.v, _mm256_castsi256_ps(first_lanes(n)))};
}
inline bool any_equal(Vec a, Vec b) {
  return _mm256_movemask_ps(_mm256_cmp_ps(a.v, b.v, _CMP_EQ_OQ)) != 0;
}

// Lanes 2 i and 2 i + 1 in each other's place.
inline Vec swap_neighbours(Vec a) {
  return {_mm256_permute_ps(a.v, 0xb1)};
}

// p * 2^n, where the low bits of `rounded` hold n (see exp()).
inline Vec add_exponent(Vec p, Vec rounded) {
  const __m256i shifted = _mm256_slli_epi32(_mm256_castps_si256(rounded.v), 23);
  return {_mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p.v), shifted))};
}

// out[i] = the sum of the lanes of one argument each. The tree, the same for each: neighbours, pairs, halves.
inline void sum_lanes4(Vec a, Vec b, Vec c, Vec d, float* out) {
  const __m256 all = _mm256_hadd_ps(_mm256_hadd_ps(a.v, b.v), _mm256_hadd_ps(c.v, d.v));
  _mm_storeu_ps(out, _mm_add_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps(all, 1)));
}

inline float max_lanes(Vec a) {
  __m128 half = _mm_max_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  half = _mm_max_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_max_ss(half, _mm_movehdup_ps(half)));
}

}  // namespace sluice::kernels::avx2
