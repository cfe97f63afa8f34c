// What a template adds around an encoded text: begin-of-text before it, end-of-text after it.
#pragma once

#include <vector>

#include "base/id.h"

namespace sluice {

struct PostProcessor {
  std::vector<TokenId> before;
  std::vector<TokenId> after;
};

}  // namespace sluice
