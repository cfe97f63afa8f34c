#include "pipeline/text/tokenizer.h"

#include "pipeline/text/detokenizer.h"
#include "pipeline/text/text_file.h"
#include "pipeline/text/tokenizer_json.h"
#include "pipeline/text/utf8.h"

namespace sluice {
namespace {

Result<TrustedText> joined(std::span<const TextSegment> segments) {
  TrustedText prompt;
  for (const TextSegment& segment : segments) {
    if (segment.text.size() > kTokenizerTextBytesMax - prompt.text.size()) {
      return Error{ErrorCode::kInvalidRequest,
                   "text is longer than " + std::to_string(kTokenizerTextBytesMax) + " bytes"};
    }
    if (!is_valid_utf8(segment.text)) return Error{ErrorCode::kInvalidRequest, "text is not valid UTF-8"};
    const std::size_t begin = prompt.text.size();
    prompt.text += segment.text;
    if (!segment.is_trusted || segment.text.empty()) continue;
    if (!prompt.trusted.empty() && prompt.trusted.back().end == begin) {
      prompt.trusted.back().end = prompt.text.size();
    } else {
      prompt.trusted.push_back({begin, prompt.text.size()});
    }
  }
  return prompt;
}

// The parts of `ranges` that lie in `section`, counted from its start.
std::vector<TextRange> clipped(std::span<const TextRange> ranges, TextRange section) {
  std::vector<TextRange> inside;
  for (const TextRange& range : ranges) {
    const std::size_t begin = std::max(range.begin, section.begin);
    const std::size_t end = std::min(range.end, section.end);
    if (begin < end) inside.push_back({begin - section.begin, end - section.begin});
  }
  return inside;
}

// One encoding call: what it refers to, its scratch memory and its result.
class Encoding {
 public:
  explicit Encoding(const TokenizerParts& parts) : parts_(parts) {}

  Result<void> encode(const TrustedText& prompt) {
    const std::string_view text = prompt.text;
    for (const TextSection& section : parts_.added_verbatim.split(text, prompt.trusted, scratch_.matcher)) {
      if (section.id != kNoToken) {
        ids_.push_back(section.id);
        continue;
      }
      const std::string_view part = text.substr(section.range.begin, section.range.end - section.range.begin);
      const bool is_at_start = section.range.begin == 0;
      if (auto done = encode_section(part, clipped(prompt.trusted, section.range), is_at_start); !done) return done;
    }
    return {};
  }

  std::vector<TokenId> take_ids() { return std::move(ids_); }

 private:
  Result<void> encode_section(std::string_view text, std::vector<TextRange> trusted, bool is_at_start) {
    if (!parts_.normalizer.is_identity()) {
      auto normalized = parts_.normalizer.apply({std::string(text), std::move(trusted)}, scratch_.matcher);
      if (!normalized) return normalized.error();
      trusted = std::move(normalized->trusted);
      text = scratch_.rewritten.add(normalized->text);
    }
    for (const TextSection& section : parts_.added_normalized.split(text, trusted, scratch_.matcher)) {
      if (section.id != kNoToken) {
        ids_.push_back(section.id);
        continue;
      }
      const std::string_view part = text.substr(section.range.begin, section.range.end - section.range.begin);
      if (auto done = encode_plain(part, is_at_start && section.range.begin == 0); !done) return done;
    }
    return {};
  }

  Result<void> encode_plain(std::string_view text, bool is_at_start) {
    pre_tokens_.clear();
    if (auto split = parts_.pre_tokenizer.split(text, is_at_start, scratch_, pre_tokens_); !split) return split;
    for (const std::string_view pre_token : pre_tokens_) parts_.bpe->encode(pre_token, bpe_scratch_, ids_);
    return {};
  }

  const TokenizerParts& parts_;
  PreTokenizerScratch scratch_;
  BpeScratch bpe_scratch_;  // Keeps views of what lies in the other.
  std::vector<std::string_view> pre_tokens_;
  std::vector<TokenId> ids_;
};

}  // namespace

Tokenizer::Tokenizer(std::unique_ptr<const TokenizerParts> parts) : parts_(std::move(parts)) {}

Tokenizer::~Tokenizer() = default;

Result<std::unique_ptr<const Tokenizer>> Tokenizer::load(const std::filesystem::path& model_dir) {
  const auto path = model_dir / "tokenizer.json";
  const auto json = read_text_file(path, kTokenizerJsonBytesMax);
  if (!json) return json.error();
  const auto config = read_text_file(model_dir / "tokenizer_config.json", kTokenizerJsonBytesMax);
  if (!config) return config.error();
  std::error_code ignored;  // What cannot be looked at is not read either.
  const bool has_model = std::filesystem::exists(model_dir / "config.json", ignored);
  return of_parts(read_tokenizer_parts(*json, *config, path.string(),
                                       has_model ? TokenizerClass::kIgnored : TokenizerClass::kCounts));
}

Result<std::unique_ptr<const Tokenizer>> Tokenizer::from_json(std::string_view tokenizer_json,
                                                              std::string_view tokenizer_config_json,
                                                              std::string_view name) {
  for (const std::string_view json : {tokenizer_json, tokenizer_config_json}) {
    if (json.size() <= kTokenizerJsonBytesMax) continue;
    return Error{ErrorCode::kModelLoadFailed,
                 std::string(name) + " is larger than " + std::to_string(kTokenizerJsonBytesMax) + " bytes"};
  }
  return of_parts(read_tokenizer_parts(tokenizer_json, tokenizer_config_json, name, TokenizerClass::kIgnored));
}

Result<std::unique_ptr<const Tokenizer>> Tokenizer::of_parts(Result<std::unique_ptr<const TokenizerParts>> parts) {
  if (!parts) return parts.error();
  return std::unique_ptr<const Tokenizer>(new Tokenizer(std::move(*parts)));
}

Result<std::unique_ptr<const Tokenizer>> Tokenizer::of_ids(TokenId vocab_size) {
  auto parts = std::make_unique<TokenizerParts>();
  for (TokenId id = 0; id < vocab_size; ++id) {
    if (auto added = parts->vocabulary.add("[" + std::to_string(id) + "]", id); !added) return added.error();
  }
  if (auto decoded = parts->vocabulary.decode_tokens(parts->decoder); !decoded) return decoded.error();
  return std::unique_ptr<const Tokenizer>(new Tokenizer(std::move(parts)));
}

Result<std::vector<TokenId>> Tokenizer::encode(std::string_view utf8, EncodeOptions options) const {
  const TextSegment segment{std::string(utf8), options.parse_special_tokens};
  return encode_segments(std::span(&segment, 1), options.add_special_tokens);
}

Result<std::vector<TokenId>> Tokenizer::encode_segments(std::span<const TextSegment> segments,
                                                        bool add_special_tokens) const {
  if (!parts_->bpe) return Error{ErrorCode::kInvalidRequest, kNoTokenizer};
  const auto prompt = joined(segments);
  if (!prompt) return prompt.error();
  Encoding encoding(*parts_);
  if (auto done = encoding.encode(*prompt); !done) return done.error();
  std::vector<TokenId> ids = encoding.take_ids();
  if (add_special_tokens) {
    const PostProcessor& added = parts_->post_processor;
    ids.insert(ids.begin(), added.before.begin(), added.before.end());
    ids.insert(ids.end(), added.after.begin(), added.after.end());
  }
  return ids;
}

TokenId Tokenizer::vocab_size() const {
  return parts_->vocabulary.size();
}

TokenId Tokenizer::model_vocab_size() const {
  return parts_->vocabulary.model_size();
}

bool Tokenizer::contains(TokenId id) const {
  return parts_->vocabulary.contains(id);
}

std::string_view Tokenizer::decoded_spelling(TokenId id) const {
  return parts_->vocabulary.decoded_spelling(id);
}

bool Tokenizer::is_byte(TokenId id) const {
  return parts_->vocabulary.is_byte(id);
}

const TokenDecoder& Tokenizer::decoder() const {
  return parts_->decoder;
}

std::string_view Tokenizer::token_bytes(TokenId id) const {
  return parts_->vocabulary.bytes(id);
}

bool Tokenizer::is_special(TokenId id) const {
  return parts_->vocabulary.is_special(id);
}

std::optional<TokenId> Tokenizer::id_of(std::string_view token) const {
  return parts_->vocabulary.id_of(token);
}

std::optional<TokenId> Tokenizer::bos_id() const {
  return parts_->bos_id;
}

std::optional<TokenId> Tokenizer::eos_id() const {
  return parts_->eos_id;
}

std::string Tokenizer::decode(std::span<const TokenId> ids, bool skip_special) const {
  Detokenizer detokenizer(*this, skip_special);
  std::string text;
  for (const TokenId id : ids) text += detokenizer.push(id).text;
  return text + detokenizer.finish().text;
}

}  // namespace sluice
