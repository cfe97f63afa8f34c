#include "pipeline/text/normalizer.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

namespace sluice {
namespace {

Result<std::string> to_nfc(std::string text) {
  const auto is_ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
  if (std::all_of(text.begin(), text.end(), is_ascii)) return text;
  utf8proc_uint8_t* composed = nullptr;
  const utf8proc_ssize_t size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), static_cast<utf8proc_ssize_t>(text.size()),
                   &composed, static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owned(composed, &std::free);
  if (size < 0) {
    return Error{ErrorCode::kInvalidRequest, std::string("text cannot be normalized: ") + utf8proc_errmsg(size)};
  }
  return std::string(reinterpret_cast<const char*>(composed), static_cast<std::size_t>(size));
}

}  // namespace

Result<std::string> Normalizer::apply(std::string_view text) const {
  std::string normalized(text);
  for (const Normalization step : steps_) {
    switch (step) {
      case Normalization::kNfc: {
        auto composed = to_nfc(std::move(normalized));
        if (!composed) return composed.error();
        normalized = std::move(*composed);
        break;
      }
    }
  }
  return normalized;
}

}  // namespace sluice
