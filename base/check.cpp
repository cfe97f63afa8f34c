#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace sluice {

void check_failed(const char* file, int line, std::string_view expression, std::string_view operands) {
  std::fprintf(stderr, "%s:%d: check failed: %.*s", file, line, static_cast<int>(expression.size()), expression.data());
  if (!operands.empty()) std::fprintf(stderr, " (%.*s)", static_cast<int>(operands.size()), operands.data());
  std::fputc('\n', stderr);
  std::abort();
}

}  // namespace sluice
