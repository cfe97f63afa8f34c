#include "pipeline/text/stop_matcher.h"

#include <algorithm>

#include "base/check.h"
#include "pipeline/text/utf8.h"

namespace sluice {

Result<StopMatcher> StopMatcher::create(std::vector<std::string> stop_strings) {
  const auto fail = [](const std::string& why) { return Error{ErrorCode::kInvalidRequest, why}; };
  if (stop_strings.size() > kStopStringsMax) {
    return fail(std::to_string(stop_strings.size()) + " stop strings, over " + std::to_string(kStopStringsMax));
  }
  std::vector<Pattern> patterns;
  for (std::string& text : stop_strings) {
    if (text.empty() || text.size() > kStopStringBytesMax) {
      return fail("a stop string has " + std::to_string(text.size()) + " bytes, not 1 to " +
                  std::to_string(kStopStringBytesMax));
    }
    if (!is_valid_utf8(text)) return fail("a stop string is not valid UTF-8");
    Pattern pattern;
    pattern.fallback.assign(text.size() + 1, 0);
    std::uint32_t border = 0;
    for (std::size_t i = 1; i < text.size(); ++i) {
      while (border > 0 && text[border] != text[i]) border = pattern.fallback[border];
      if (text[border] == text[i]) ++border;
      pattern.fallback[i + 1] = border;
    }
    pattern.text = std::move(text);
    patterns.push_back(std::move(pattern));
  }
  return StopMatcher(std::move(patterns));
}

StopMatcher::StopMatcher(std::vector<Pattern> patterns) : patterns_(std::move(patterns)) {}

StopScan StopMatcher::feed(std::string_view text, std::uint64_t token) {
  SLUICE_CHECK(!is_matched_);
  std::size_t scanned = waiting_.size();
  waiting_ += text;
  waiting_tokens_.resize(waiting_.size(), token);
  for (; scanned < waiting_.size(); ++scanned) {
    const char byte = waiting_[scanned];
    const Pattern* longest = nullptr;
    for (Pattern& pattern : patterns_) {
      while (pattern.matched > 0 && pattern.text[pattern.matched] != byte) {
        pattern.matched = pattern.fallback[pattern.matched];
      }
      if (pattern.text[pattern.matched] == byte) ++pattern.matched;
      if (pattern.matched < pattern.text.size()) continue;
      if (longest == nullptr || pattern.text.size() > longest->text.size()) longest = &pattern;
    }
    if (longest == nullptr) continue;
    is_matched_ = true;
    const std::size_t begin = scanned + 1 - longest->text.size();
    const std::uint64_t match_token = waiting_tokens_[begin];
    if (begin > 0) emitted_token_ = waiting_tokens_[begin - 1];
    const bool token_gave_text = emitted_token_ == match_token;
    return {waiting_.substr(0, begin),
            StopMatch{match_token + (token_gave_text ? 1U : 0U), static_cast<std::size_t>(longest - patterns_.data())}};
  }
  std::size_t kept = 0;
  for (const Pattern& pattern : patterns_) kept = std::max<std::size_t>(kept, pattern.matched);
  const std::size_t emitted = waiting_.size() - kept;
  StopScan scan{waiting_.substr(0, emitted), std::nullopt};
  if (emitted > 0) emitted_token_ = waiting_tokens_[emitted - 1];
  waiting_.erase(0, emitted);
  waiting_tokens_.erase(waiting_tokens_.begin(), waiting_tokens_.begin() + static_cast<std::ptrdiff_t>(emitted));
  return scan;
}

std::string StopMatcher::finish() {
  if (is_matched_) return {};
  std::string text = std::move(waiting_);
  waiting_.clear();
  waiting_tokens_.clear();
  for (Pattern& pattern : patterns_) pattern.matched = 0;
  return text;
}

}  // namespace sluice
