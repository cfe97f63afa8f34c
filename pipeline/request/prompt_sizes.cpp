#include "pipeline/request/prompt_sizes.h"

#include <algorithm>
#include <cmath>
#include <variant>

namespace sluice {
namespace {

std::uint64_t bytes_of(const std::string& text) {
  return text.size();
}

std::uint64_t bytes_of(const ChatPrompt& chat) {
  std::uint64_t bytes = chat.variables.size();
  for (const ChatMessage& message : chat.messages) {
    bytes += message.role.size() + message.content.size() + message.fields.size();
  }
  return bytes;
}

std::uint64_t bytes_of(const std::vector<TokenId>&) {
  return 0;  // Nothing to learn.
}

}  // namespace

PromptSizes::Measure PromptSizes::measure(const Prompt& prompt) const {
  Measure measure;
  measure.kind = static_cast<std::uint8_t>(prompt.index());
  if (const auto* ids = std::get_if<std::vector<TokenId>>(&prompt)) {
    measure.tokens = ids->size();
  } else {
    measure.bytes = std::visit([](const auto& of_kind) { return bytes_of(of_kind); }, prompt);
    const Sums& sums = sums_[measure.kind];
    const double ratio = std::clamp(sums.bytes / sums.tokens, kBytesPerTokenMin, kBytesPerTokenMax);
    measure.tokens = static_cast<std::uint64_t>(std::ceil(static_cast<double>(measure.bytes) / ratio));
  }
  measure.tokens = std::max<std::uint64_t>(measure.tokens, 1);
  return measure;
}

void PromptSizes::learn(const Measure& measure, std::uint64_t tokens) {
  if (measure.bytes == 0 || tokens == 0) return;
  Sums& sums = sums_[measure.kind];
  sums.bytes += static_cast<double>(measure.bytes);
  sums.tokens += static_cast<double>(tokens);
  while (sums.bytes > kWeightMax_bytes) {
    sums.bytes /= 2;
    sums.tokens /= 2;
  }
}

}  // namespace sluice
