// Unicode normalization before anything else is done to a text: none, or NFC (utf8proc).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace sluice {

enum class Normalization { kNfc };

class Normalizer {
 public:
  explicit Normalizer(std::vector<Normalization> steps = {}) : steps_(std::move(steps)) {}

  bool is_identity() const { return steps_.empty(); }

  // `text` must be valid UTF-8; the result is.
  Result<std::string> apply(std::string_view text) const;

 private:
  std::vector<Normalization> steps_;
};

}  // namespace sluice
