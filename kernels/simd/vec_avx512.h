// Vectors of 16 floats, for the avx512 path alone (isa/avx512.cpp). The same names as in vec_avx2.h and vec_scalar.h;
// simd/vec_common.inl builds on them. Pointers may have any alignment. fma(a, b, c) is a * b + c rounded once.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace sluice::kernels::avx512 {

constexpr std::size_t kLanes = 16;
// Shapes of register tiles, for 32 registers.
constexpr std::size_t kLinearTileTokens = 6;
constexpr std::size_t kScoreVectors = 4;
constexpr std::size_t kValueVectors = 4;

struct Vec {
  __m512 v;
};

inline __mmask16 first_lanes(std::size_t n) {
  return static_cast<__mmask16>((1u << n) - 1u);
}

inline Vec broadcast(float x) {
  return {_mm512_set1_ps(x)};
}
inline Vec zero() {
  return {_mm512_setzero_ps()};
}

// The partial forms touch only the first n elements, n < kLanes; loads fill up with zeros.
inline Vec load(const float* p) {
  return {_mm512_loadu_ps(p)};
}
inline Vec load_partial(const float* p, std::size_t n) {
  return {_mm512_maskz_loadu_ps(first_lanes(n), p)};
}
inline Vec load_f32(const void* p) {
  return {_mm512_loadu_ps(p)};
}
inline Vec load_f32_partial(const void* p, std::size_t n) {
  return {_mm512_maskz_loadu_ps(first_lanes(n), p)};
}
inline void store(float* p, Vec a) {
  _mm512_storeu_ps(p, a.v);
}
inline void store_partial(float* p, Vec a, std::size_t n) {
  _mm512_mask_storeu_ps(p, first_lanes(n), a.v);
}

inline Vec widen(__m256i bits) {
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16))};
}
inline Vec load_bf16(const void* p) {
  return widen(_mm256_loadu_si256(static_cast<const __m256i_u*>(p)));
}
inline Vec load_bf16_partial(const void* p, std::size_t n) {
  return widen(_mm256_maskz_loadu_epi16(first_lanes(n), p));
}
inline __m256i narrow(Vec a) {
  const __m256bh narrowed = _mm512_cvtneps_pbh(a.v);
  __m256i bits;
  static_assert(sizeof(bits) == sizeof(narrowed));
  __builtin_memcpy(&bits, &narrowed, sizeof(bits));
  return bits;
}
inline void store_bf16(std::uint16_t* p, Vec a) {
  _mm256_storeu_si256(reinterpret_cast<__m256i_u*>(p), narrow(a));
}
inline void store_bf16_partial(std::uint16_t* p, Vec a, std::size_t n) {
  _mm256_mask_storeu_epi16(p, first_lanes(n), narrow(a));
}

inline Vec load_f16(const void* p) {
  return {_mm512_cvtph_ps(_mm256_loadu_si256(static_cast<const __m256i_u*>(p)))};
}
inline Vec load_f16_partial(const void* p, std::size_t n) {
  return {_mm512_cvtph_ps(_mm256_maskz_loadu_epi16(first_lanes(n), p))};
}
// Operands in this order keep NaN.
inline __m256i narrow_f16(Vec a) {
  const __m512 largest = _mm512_set1_ps(65504.0f);
  const __m512 bounded = _mm512_max_ps(_mm512_set1_ps(-65504.0f), _mm512_min_ps(largest, a.v));
  return _mm512_cvtps_ph(bounded, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
inline void store_f16(std::uint16_t* p, Vec a) {
  _mm256_storeu_si256(reinterpret_cast<__m256i_u*>(p), narrow_f16(a));
}
inline void store_f16_partial(std::uint16_t* p, Vec a, std::size_t n) {
  _mm256_mask_storeu_epi16(p, first_lanes(n), narrow_f16(a));
}

inline Vec add(Vec a, Vec b) {
  return {_mm512_add_ps(a.v, b.v)};
}
inline Vec sub(Vec a, Vec b) {
  return {_mm512_sub_ps(a.v, b.v)};
}
inline Vec mul(Vec a, Vec b) {
  return {_mm512_mul_ps(a.v, b.v)};
}
inline Vec div(Vec a, Vec b) {
  return {_mm512_div_ps(a.v, b.v)};
}
inline Vec fma(Vec a, Vec b, Vec c) {
  return {_mm512_fmadd_ps(a.v, b.v, c.v)};
}
// The lane of `b` where either is NaN.
inline Vec max(Vec a, Vec b) {
  return {_mm512_max_ps(a.v, b.v)};
}

// x < bound ? a : b, lane by lane; b where x is NaN.
inline Vec select_less(Vec x, Vec bound, Vec a, Vec b) {
  return {_mm512_mask_blend_ps(_mm512_cmp_ps_mask(x.v, bound.v, _CMP_LT_OQ), b.v, a.v)};
}
// The first n lanes of a, then b; n <= kLanes.
inline Vec select_first(std::size_t n, Vec a, Vec b) {
  return {_mm512_mask_blend_ps(first_lanes(n), b.v, a.v)};
}
inline bool any_equal(Vec a, Vec b) {
  return _mm512_cmp_ps_mask(a.v, b.v, _CMP_EQ_OQ) != 0;
}

// Lanes 2 i and 2 i + 1 in each other's place.
inline Vec swap_neighbours(Vec a) {
  return {_mm512_permute_ps(a.v, 0xb1)};
}

// p * 2^n, where the low bits of `rounded` hold n (see exp()).
inline Vec add_exponent(Vec p, Vec rounded) {
  const __m512i shifted = _mm512_slli_epi32(_mm512_castps_si512(rounded.v), 23);
  return {_mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(p.v), shifted))};
}

// out[i] = the sum of the lanes of one argument each. The tree, the same for each: lanes 8 apart, 4, 2, 1.
inline void sum_lanes4(Vec a, Vec b, Vec c, Vec d, float* out) {
  const __m512 ab = _mm512_add_ps(_mm512_shuffle_f32x4(a.v, b.v, 0x44), _mm512_shuffle_f32x4(a.v, b.v, 0xee));
  const __m512 cd = _mm512_add_ps(_mm512_shuffle_f32x4(c.v, d.v, 0x44), _mm512_shuffle_f32x4(c.v, d.v, 0xee));
  __m512 all = _mm512_add_ps(_mm512_shuffle_f32x4(ab, cd, 0x88), _mm512_shuffle_f32x4(ab, cd, 0xdd));
  all = _mm512_add_ps(all, _mm512_permute_ps(all, 0x4e));
  all = _mm512_add_ps(all, _mm512_permute_ps(all, 0xb1));
  _mm_storeu_ps(out, _mm512_castps512_ps128(_mm512_maskz_compress_ps(0x1111, all)));
}

inline float max_lanes(Vec a) {
  const __m256 half = _mm256_max_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
  __m128 quarter = _mm_max_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
  quarter = _mm_max_ps(quarter, _mm_movehl_ps(quarter, quarter));
  return _mm_cvtss_f32(_mm_max_ss(quarter, _mm_movehdup_ps(quarter)));
}

}  // namespace sluice::kernels::avx512
