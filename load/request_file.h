// Requests to offer, read from JSON lines, one object per line:
//
//   {"prompt": "Once upon a time", "output_length": 40}                            a prompt as text
//   {"input_length": 812, "output_length": 40, "timestamp": 1500, "hash_ids": [0, 7]}   a recorded one by its lengths
//
// "input_length" and "output_length" are in tokens, "timestamp" in milliseconds from the recording's start. "hash_ids"
// names the prompt's blocks of 512 tokens: equal ids are equal tokens, so that prefixes are shared as they were. Other
// keys are passed over. Lengths and times are optional, but a request has a prompt or an "input_length".
// Bounds: lines of 1 MiB, 256 MiB and 2^20 requests altogether, lengths of 1 to 2^20 tokens.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace sluice::load {

inline constexpr std::uint32_t kLengthMaxTokens = 1u << 20;

struct RequestRecord {
  std::optional<std::string> prompt;  // UTF-8
  std::uint32_t input_tokens = 0;     // 0: see prompt.
  std::optional<std::uint32_t> output_tokens;
  std::optional<Duration> time;       // From the recording's start.
  std::vector<std::uint64_t> blocks;  // Of kRecordedBlockTokens each; names of their contents.

  friend bool operator==(const RequestRecord&, const RequestRecord&) = default;
};

inline constexpr std::uint32_t kRecordedBlockTokens = 512;

// kInvalidConfig: no such object.
Result<RequestRecord> parse_request_record(std::string_view line);

// kNotFound: cannot be read. kInvalidConfig: a malformed line, named by its number; beyond a bound; no request at all.
Result<std::vector<RequestRecord>> read_request_file(const std::string& path);

// When the recording's requests arrived, `speed` times faster. kInvalidConfig: a request without a time, or one that is
// earlier than the request before it.
Result<std::vector<Duration>> recorded_times(const std::vector<RequestRecord>& records, double speed);

}  // namespace sluice::load
