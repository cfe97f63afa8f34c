#include "base/json_nesting.h"

#include <algorithm>

namespace sluice {

std::size_t json_nesting(std::string_view json) {
  std::size_t open = 0;
  std::size_t deepest = 0;
  bool is_in_string = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (is_in_string) {
      if (c == '\\') ++i;  // What is escaped ends nothing.
      if (c == '"') is_in_string = false;
    } else if (c == '"') {
      is_in_string = true;
    } else if (c == '[' || c == '{') {
      deepest = std::max(deepest, ++open);
    } else if ((c == ']' || c == '}') && open > 0) {
      --open;
    }
  }
  return deepest;
}

}  // namespace sluice
