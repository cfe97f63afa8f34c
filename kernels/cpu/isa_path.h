// Which instruction set the CPU kernels use. Bits of results are equal on one path and may differ between paths, so a
// topology can pin one (`[kernels] path`) and workers report theirs.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace sluice::kernels {

enum class IsaPath : std::uint8_t {
  kScalar = 0,  // Portable C++ without fused multiply-add.
  kAvx2 = 1,    // AVX2, FMA, F16C.
  kAvx512 = 2,  // AVX-512 F, BW, DQ, VL and BF16. A machine with AVX-512 but without BF16 takes kAvx2.
};

// Whether processor and operating system (saved registers) have all of `path`.
bool is_available(IsaPath path);

// The fastest available path.
IsaPath best_isa_path();

// Every available path, slowest first. Never empty.
std::vector<IsaPath> available_isa_paths();

// "scalar", "avx2", "avx512".
std::string_view to_string(IsaPath path);

// One of those names, or "auto" for the best. Errors: kInvalidConfig for another name, or for a path that this machine
// lacks.
Result<IsaPath> parse_isa_path(std::string_view name);

}  // namespace sluice::kernels
