#include "pipeline/request/body_hash.h"

#include <xxhash.h>

#include <bit>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {
namespace {

// Appends fields to one buffer. Every variable-length field is preceded by its length, so that no two different bodies
// have one encoding.
class Encoding {
 public:
  void number(std::uint64_t value) {
    for (int shift = 0; shift < 64; shift += 8) bytes_.push_back(static_cast<char>(value >> shift & 0xffu));
  }
  void signed_number(std::int64_t value) { number(static_cast<std::uint64_t>(value)); }
  void real(float value) { number(std::bit_cast<std::uint32_t>(value)); }
  void text(std::string_view value) {
    number(value.size());
    bytes_.append(value);
  }
  void tokens(const std::vector<TokenId>& ids) {
    number(ids.size());
    for (const TokenId id : ids) signed_number(id);
  }

  BodyHash hash() const {
    const XXH128_hash_t hash = XXH3_128bits(bytes_.data(), bytes_.size());
    return {{hash.low64, hash.high64}};
  }

 private:
  std::string bytes_;
};

void encode(const Prompt& prompt, Encoding& out) {
  out.number(prompt.index());
  if (const auto* text = std::get_if<std::string>(&prompt)) out.text(*text);
  if (const auto* ids = std::get_if<std::vector<TokenId>>(&prompt)) out.tokens(*ids);
  if (const auto* chat = std::get_if<ChatPrompt>(&prompt)) {
    out.number(chat->messages.size());
    for (const ChatMessage& message : chat->messages) {
      out.text(message.role);
      out.text(message.content);
      out.text(message.fields);
    }
    out.text(chat->variables);
  }
}

void encode(const SamplingParams& sampling, Encoding& out) {
  out.real(sampling.temperature);
  out.number(sampling.top_k);
  out.real(sampling.top_p);
  out.real(sampling.min_p);
  out.real(sampling.repetition_penalty);
  out.real(sampling.presence_penalty);
  out.real(sampling.frequency_penalty);
  out.number(sampling.choice);
  out.number(sampling.logit_bias.size());
  for (const LogitBias& bias : sampling.logit_bias) {
    out.signed_number(bias.token);
    out.real(bias.bias);
  }
}

}  // namespace

BodyHash body_hash(const Generate& generate) {
  Encoding out;
  encode(generate.prompt, out);
  out.number(generate.add_special_tokens);
  out.number(generate.parse_special_tokens);
  out.number(generate.sampling.has_value());
  if (generate.sampling) encode(*generate.sampling, out);
  out.number(generate.seed.has_value());
  out.number(generate.seed.value_or(0));
  out.number(generate.max_tokens);
  out.number(generate.stop.size());
  for (const std::string& stop : generate.stop) out.text(stop);
  out.tokens(generate.stop_token_ids);
  out.number(generate.ignore_eos);
  out.number(generate.logprobs.output);
  out.number(generate.logprobs.top);
  out.number(generate.logprobs.prompt);
  out.number(generate.logprobs.digest);
  out.signed_number(generate.priority);
  out.text(generate.tenant);
  return out.hash();
}

}  // namespace sluice
