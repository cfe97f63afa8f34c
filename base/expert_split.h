// How the ranks of a stage share out the experts of a mixture: `[model] experts` of a topology file.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice {

enum class ExpertSplit : std::uint8_t {
  kByWidth = 0,   // Each rank has a part of every expert.
  kByExpert = 1,  // Each rank has some of the experts, whole.
};

// The spelling of topology files.
constexpr std::string_view to_string(ExpertSplit split) {
  switch (split) {
    case ExpertSplit::kByWidth: return "by_width";
    case ExpertSplit::kByExpert: return "by_expert";
  }
  return "unknown";
}

}  // namespace sluice
