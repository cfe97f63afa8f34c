// What a template may use up. Templates come with models and what they work on from clients: neither is trusted to end.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice::jinja {

struct Limits {
  std::uint64_t steps_max = 5'000'000;                       // Nodes evaluated, plus one for each 128 bytes touched.
  std::size_t allocated_bytes_max = std::size_t{256} << 20;  // All values ever made by one rendering together.
  std::size_t output_bytes_max = std::size_t{32} << 20;
  int depth_max = 600;  // Of evaluation: nested expressions, blocks and macro calls.
};

inline constexpr std::size_t kSourceBytesMax = std::size_t{1} << 20;
inline constexpr int kSyntaxDepthMax = 200;         // Of nested blocks and expressions, chains like a + b + c included.
inline constexpr int kValueDepthMax = 100;          // Of lists in lists.
inline constexpr std::int64_t kRangeMax = 100'000;  // As Jinja's sandbox has it.

}  // namespace sluice::jinja
