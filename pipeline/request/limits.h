// Limits: what a client's message may contain before anything else looks at it.
//
// The codec hands over well-formed but hostile values; after these functions said yes every field lies in the range
// that base/messages/client.h states for it. Length against the model's context is not judged here: the tokenizer knows
// it. Errors: kInvalidRequest with a sentence that names field, value and limit.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "base/messages/client.h"

namespace sluice {

struct RequestLimits {
  std::uint32_t vocabulary_tokens = 0;  // Token ids lie in [0, this); 0: not known, only negative ids are refused.
  std::uint32_t prompt_bytes_max = 1u << 22;   // Of a text, or of all texts of a chat together.
  std::uint32_t prompt_tokens_max = 1u << 20;  // Of a prompt given as ids.
  std::uint32_t chat_messages_max = 4096;
  std::uint32_t max_tokens_max = 1u << 20;
  std::uint32_t resume_grace_ms_max = 600'000;

  static constexpr std::size_t kRequestIdBytes = 64;
  static constexpr std::size_t kClientNameBytes = 64;
  static constexpr std::size_t kTenantBytes = 64;
  static constexpr std::size_t kStopStrings = 16;
  static constexpr std::size_t kStopBytes = 256;
  static constexpr std::size_t kStopTokens = 16;
  static constexpr std::size_t kLogitBiases = 1024;
  static constexpr std::uint32_t kTopLogprobs = 20;
};

Result<void> check_hello(const Hello& hello);
Result<void> check_generate(const Generate& generate, const RequestLimits& limits);
Result<void> check_sampling(const SamplingParams& sampling, const RequestLimits& limits);
Result<void> check_attach(const Attach& attach);
Result<void> check_cancel(const Cancel& cancel);
Result<void> check_credit(const Credit& credit);

// 1 to 64 bytes of UTF-8.
Result<void> check_request_id(std::string_view request_id);

}  // namespace sluice
