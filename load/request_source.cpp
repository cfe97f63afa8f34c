#include "load/request_source.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/check.h"
#include "base/random.h"

namespace sluice::load {

namespace {

constexpr std::string_view kWords[] = {
    "the",  "and",   "of",    "to",   "a",     "in",   "was",  "he",   "that", "it",    "his",   "her",  "with",
    "as",   "had",   "she",   "for",  "on",    "they", "you",  "at",   "so",   "all",   "but",   "said", "were",
    "when", "there", "then",  "them", "went",  "one",  "up",   "out",  "king", "come",  "house", "good", "very",
    "tree", "man",   "could", "day",  "night", "back", "home", "into", "old",  "again", "water", "saw",  "little"};

// Draws are told apart by what they are for: lengths and prompt of request n, contents of a shared block.
enum class Purpose : std::uint32_t { kRequest = 1, kPrompt = 2, kBlock = 3 };

SplitMix64 generator(std::uint64_t seed, Purpose purpose, std::uint64_t number) {
  const auto words = philox4x32({static_cast<std::uint32_t>(number), static_cast<std::uint32_t>(number >> 32),
                                 static_cast<std::uint32_t>(purpose), 0},
                                {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
  return SplitMix64((std::uint64_t{words[0]} << 32) | words[1]);
}

std::uint32_t draw(SplitMix64& random, const LengthRange& range) {
  return range.least + static_cast<std::uint32_t>(random.below(std::uint64_t{range.most} - range.least + 1));
}

std::optional<std::uint32_t> parse_length(std::string_view text) {
  std::uint32_t length = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, length);
  if (error != std::errc{} || rest != end || length == 0 || length > kLengthMaxTokens) return std::nullopt;
  return length;
}

}  // namespace

Result<LengthRange> parse_length_range(std::string_view text) {
  const std::size_t dots = text.find("..");
  const auto least = parse_length(text.substr(0, dots));
  const auto most = dots == std::string_view::npos ? least : parse_length(text.substr(dots + 2));
  if (!least || !most || *least > *most) {
    return Error{ErrorCode::kInvalidConfig, "lengths are LEAST..MOST tokens, from 1 to " +
                                                std::to_string(kLengthMaxTokens) + ", not '" +
                                                std::string(text.substr(0, 64)) + "'"};
  }
  return LengthRange{*least, *most};
}

RequestSource::RequestSource(const RequestSettings& settings, std::vector<RequestRecord> records)
    : settings_(settings), records_(std::move(records)) {
  SLUICE_CHECK_LE(settings_.prompt_tokens.least, settings_.prompt_tokens.most);
  SLUICE_CHECK_LE(settings_.output_tokens.least, settings_.output_tokens.most);
}

Generate RequestSource::request(std::uint64_t number) const {
  static const RequestRecord none;
  const RequestRecord& record = records_.empty() ? none : records_[number % records_.size()];
  SplitMix64 random = generator(settings_.seed, Purpose::kRequest, number);
  Generate request;
  request.request_id = std::to_string(number);
  request.seed = random.next();
  // Drawn in any case, so that what the file says of one length does not change the other.
  const std::uint32_t drawn_input = draw(random, settings_.prompt_tokens);
  const std::uint32_t drawn_output = draw(random, settings_.output_tokens);
  request.max_tokens = record.output_tokens ? scaled(*record.output_tokens) : drawn_output;
  if (record.prompt) {
    request.prompt = *record.prompt;
  } else {
    const std::uint32_t tokens = record.input_tokens > 0 ? scaled(record.input_tokens) : drawn_input;
    request.prompt = drawn_prompt(number, tokens, record.blocks);
  }
  request.ignore_eos = settings_.ignore_eos;
  request.deadline_ms = settings_.deadline_ms;
  request.priority = settings_.priority;
  return request;
}

Prompt RequestSource::drawn_prompt(std::uint64_t number, std::uint32_t tokens,
                                   const std::vector<std::uint64_t>& blocks) const {
  const std::uint32_t block_tokens = scaled(kRecordedBlockTokens);
  std::vector<TokenId> ids;
  std::string text;
  if (settings_.vocab > 0) ids.reserve(tokens);
  SplitMix64 random = generator(settings_.seed, Purpose::kPrompt, number);
  for (std::uint32_t position = 0; position < tokens; ++position) {
    const std::size_t block = position / block_tokens;
    if (position % block_tokens == 0 && block < blocks.size()) {
      random = generator(settings_.seed, Purpose::kBlock, blocks[block]);
    } else if (position % block_tokens == 0 && block > 0 && block == blocks.size()) {
      random = generator(settings_.seed, Purpose::kPrompt, number);  // No block names the rest.
    }
    if (settings_.vocab > 0) {
      ids.push_back(static_cast<TokenId>(random.below(settings_.vocab)));
    } else {
      if (position > 0) text += ' ';
      text += kWords[random.below(std::size(kWords))];
    }
  }
  if (settings_.vocab > 0) return ids;
  return text;
}

std::uint32_t RequestSource::scaled(std::uint32_t tokens) const {
  const double length = std::round(tokens * settings_.length_scale);
  return static_cast<std::uint32_t>(std::clamp<double>(length, 1, kLengthMaxTokens));
}

}  // namespace sluice::load
