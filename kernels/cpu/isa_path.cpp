#include "kernels/cpu/isa_path.h"

#if defined(SLUICE_KERNELS_X86)
#include <cpuid.h>
#endif

#include <string>

namespace sluice::kernels {

#if defined(SLUICE_KERNELS_X86)
namespace {

// clang 14's __builtin_cpu_supports() does not know it.
bool has_f16c() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_F16C) != 0;
}

}  // namespace
#endif

bool is_available(IsaPath path) {
#if defined(SLUICE_KERNELS_X86)
  // GCC's and clang's built-in asks the processor and, for the wide registers, the operating system (XGETBV).
  __builtin_cpu_init();
  switch (path) {
    case IsaPath::kScalar: return true;
    case IsaPath::kAvx2: return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
    case IsaPath::kAvx512:
      return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
             __builtin_cpu_supports("avx512bf16");
  }
  return false;
#else
  return path == IsaPath::kScalar;
#endif
}

IsaPath best_isa_path() {
  return available_isa_paths().back();
}

std::vector<IsaPath> available_isa_paths() {
  std::vector<IsaPath> paths;
  for (IsaPath path : {IsaPath::kScalar, IsaPath::kAvx2, IsaPath::kAvx512}) {
    if (is_available(path)) paths.push_back(path);
  }
  return paths;
}

std::string_view to_string(IsaPath path) {
  switch (path) {
    case IsaPath::kScalar: return "scalar";
    case IsaPath::kAvx2: return "avx2";
    case IsaPath::kAvx512: return "avx512";
  }
  return "unknown";
}

Result<IsaPath> parse_isa_path(std::string_view name) {
  if (name == "auto") return best_isa_path();
  for (IsaPath path : {IsaPath::kScalar, IsaPath::kAvx2, IsaPath::kAvx512}) {
    if (name != to_string(path)) continue;
    if (is_available(path)) return path;
    return Error{ErrorCode::kInvalidConfig, "kernel path \"" + std::string(name) +
                                                "\" is not available on this machine, the best one here is \"" +
                                                std::string(to_string(best_isa_path())) + "\""};
  }
  return Error{ErrorCode::kInvalidConfig,
               "unknown kernel path \"" + std::string(name) + "\", known are auto, avx512, avx2 and scalar"};
}

}  // namespace sluice::kernels
