// Finds stop strings in a growing text, whatever pieces it arrives in.
//
// The match is the one that is complete first; of several that are complete with the same byte, the one that begins
// first. It depends on the text alone, not on where its pieces end. Text that could still become part of a match waits.
//
// Owns:       the waiting text, always shorter than the longest stop string.
// Confined:   to the owner of the sequence.
// Errors:     create() -> kInvalidRequest for an empty or too long string, too many of them, or one that is not UTF-8.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace sluice {

inline constexpr std::size_t kStopStringsMax = 16;
inline constexpr std::size_t kStopStringBytesMax = 256;

struct StopMatch {
  // Tokens that count as output: all before the one that holds the first byte of the match, and that one too if it also
  // gave text before the match. The others overran the match and are dropped.
  std::uint64_t output_tokens = 0;
  std::size_t stop_index = 0;  // Which of the stop strings.

  friend bool operator==(const StopMatch&, const StopMatch&) = default;
};

struct StopScan {
  std::string text;  // Can be emitted: no part of a match, now or later.
  std::optional<StopMatch> match;
};

class StopMatcher {
 public:
  // Without stop strings nothing ever waits.
  static Result<StopMatcher> create(std::vector<std::string> stop_strings);

  // The next piece, all of it from the token with this number; numbers never decrease. Nothing may be fed after a
  // match.
  StopScan feed(std::string_view text, std::uint64_t token);

  // The token that gave the first byte that waits, if any does; and the last one that gave text that was let out.
  std::optional<std::uint64_t> waiting_token() const {
    return waiting_tokens_.empty() ? std::nullopt : std::optional(waiting_tokens_.front());
  }
  std::optional<std::uint64_t> emitted_token() const { return emitted_token_; }
  bool has_patterns() const { return !patterns_.empty(); }

  // No more text comes: what waits is no part of a match.
  std::string finish();

 private:
  struct Pattern {
    std::string text;
    std::vector<std::uint32_t> fallback;  // Of Knuth, Morris and Pratt: length of the longest border of each prefix.
    std::uint32_t matched = 0;            // How much of the pattern the text so far ends with.
  };

  explicit StopMatcher(std::vector<Pattern> patterns);

  std::vector<Pattern> patterns_;
  std::string waiting_;
  std::vector<std::uint64_t> waiting_tokens_;   // Of each waiting byte.
  std::optional<std::uint64_t> emitted_token_;  // Of the last byte before those that wait.
  bool is_matched_ = false;
};

}  // namespace sluice
