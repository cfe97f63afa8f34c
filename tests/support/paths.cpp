#include "tests/support/paths.h"

#include <cstdlib>

namespace sluice::test {

std::filesystem::path source_path(std::string_view relative) {
  return std::filesystem::path(SLUICE_SOURCE_DIR) / relative;
}

std::optional<std::filesystem::path> shared_path(std::string_view relative) {
  const char* root = std::getenv("SLUICE_SHARED");
  const auto base = root != nullptr ? std::filesystem::path(root) : source_path("../shared");
  auto path = (base / relative).lexically_normal();
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return std::nullopt;
  return path;
}

}  // namespace sluice::test
