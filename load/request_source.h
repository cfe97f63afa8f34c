// What is asked for: request number n of a run, drawn from ranges of lengths or taken from a file. The same settings
// and the same n give the same request, in whatever order they are asked for, so that none has to be kept.
//
// Owns: the file's records. Thread: immutable, hence any.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/messages/client.h"
#include "load/request_file.h"

namespace sluice::load {

// In tokens, both ends included.
struct LengthRange {
  std::uint32_t least = 1;
  std::uint32_t most = 1;

  friend bool operator==(const LengthRange&, const LengthRange&) = default;
};

// "32..128", or "64" for 64..64. kInvalidConfig: anything else, or not in 1 to kLengthMaxTokens, or backwards.
Result<LengthRange> parse_length_range(std::string_view text);

struct RequestSettings {
  std::uint64_t seed = 1;
  // Prompts are token ids drawn from [0, vocab); 0: text of common words, about one token each.
  std::uint32_t vocab = 0;
  LengthRange prompt_tokens{32, 128};  // Where no file says otherwise.
  LengthRange output_tokens{16, 64};   // Likewise.
  double length_scale = 1;             // Of the file's lengths; what is left is at least one token.
  bool ignore_eos = true;              // So that outputs have the lengths that were drawn.
  std::uint32_t deadline_ms = 0;
  std::int32_t priority = 0;
};

class RequestSource {
 public:
  // Without records all is drawn; else request n is record n, modulo their number.
  explicit RequestSource(const RequestSettings& settings, std::vector<RequestRecord> records = {});

  // Its request_id is `number` in digits; its seed is always set.
  Generate request(std::uint64_t number) const;

 private:
  Prompt drawn_prompt(std::uint64_t number, std::uint32_t tokens, const std::vector<std::uint64_t>& blocks) const;
  std::uint32_t scaled(std::uint32_t tokens) const;

  RequestSettings settings_;
  std::vector<RequestRecord> records_;
};

}  // namespace sluice::load
