#include "pipeline/request/output_log.h"

#include <utility>

#include "base/check.h"

namespace sluice {
namespace {

Error out_of_turn(std::string sentence) {
  return {ErrorCode::kInternal, std::move(sentence), 0};
}

}  // namespace

OutputLog::OutputLog(OutputText text_source) : text_source_(std::move(text_source)) {}

Result<OutputLog> OutputLog::create(const Tokenizer& tokenizer, std::vector<std::string> stop_strings) {
  auto text_source = OutputText::create(tokenizer, std::move(stop_strings));
  if (!text_source) return text_source.error();
  return OutputLog(std::move(*text_source));
}

Result<bool> OutputLog::append(StreamTokens tokens) {
  SLUICE_CHECK(!is_over());
  if (tokens.first_index > num_tokens()) {
    return out_of_turn("tokens from index " + std::to_string(tokens.first_index) + " arrived after " +
                       std::to_string(num_tokens()));
  }
  const bool has_logprobs = !tokens.logprobs.empty();
  if (has_logprobs && tokens.logprobs.size() != tokens.token_ids.size()) {
    return out_of_turn(std::to_string(tokens.logprobs.size()) + " log-probabilities came with " +
                       std::to_string(tokens.token_ids.size()) + " tokens");
  }
  const std::uint64_t known = num_tokens() - tokens.first_index;
  if (known >= tokens.token_ids.size()) return false;
  if (num_tokens() > 0 && has_logprobs == logprobs_.empty()) {
    return out_of_turn("log-probabilities came for a part of the tokens only");
  }
  for (std::size_t i = known; i < tokens.token_ids.size(); ++i) {
    ids_.push_back(tokens.token_ids[i]);
    if (has_logprobs) logprobs_.push_back(std::move(tokens.logprobs[i]));
    const StopScan scan = text_source_->push(tokens.token_ids[i]);
    text_ += scan.text;
    if (scan.match) {
      cut(scan.match->output_tokens);
      return true;
    }
    settle_certain(text_source_->num_certain_tokens());
  }
  return false;
}

bool OutputLog::finish() {
  SLUICE_CHECK(!is_over());
  const StopScan scan = text_source_->finish();
  text_ += scan.text;
  cut(scan.match ? scan.match->output_tokens : num_tokens());
  return scan.match.has_value();
}

// The text that came out since the last time goes to the last of the newly certain tokens, so that text never runs
// ahead of the tokens it belongs to.
void OutputLog::settle_certain(std::uint64_t num_certain) {
  if (num_certain <= text_ends_.size()) return;
  SLUICE_CHECK_LE(num_certain, num_tokens());
  text_ends_.resize(num_certain, text_begin(text_ends_.size()));
  text_ends_.back() = text_.size();
}

void OutputLog::cut(std::uint64_t num_tokens) {
  SLUICE_CHECK_LE(num_tokens, ids_.size());
  SLUICE_CHECK_GE(num_tokens, text_ends_.size());
  ids_.resize(num_tokens);
  if (!logprobs_.empty()) logprobs_.resize(num_tokens);
  settle_certain(num_tokens);
  text_source_.reset();
}

std::size_t OutputLog::text_begin(std::uint64_t index) const {
  if (index == 0 || text_ends_.empty()) return 0;
  return index <= text_ends_.size() ? text_ends_[index - 1] : text_ends_.back();
}

std::uint64_t OutputLog::message_end(std::uint64_t first, std::uint64_t end, std::uint32_t tokens_max) const {
  if (logprobs_.empty()) return std::min<std::uint64_t>(end, first + tokens_max);
  std::uint64_t last = first;
  for (std::uint64_t weight = 0; last < end; ++last) {
    weight += 1 + logprobs_[last].top.size();
    if (weight > tokens_max && last > first) break;
  }
  return last;
}

Tokens OutputLog::read(std::uint64_t first, std::uint64_t last) const {
  SLUICE_CHECK_LE(first, last);
  SLUICE_CHECK_LE(last, num_certain());
  Tokens tokens;
  tokens.first_index = first;
  const auto from = static_cast<std::ptrdiff_t>(first);
  const auto to = static_cast<std::ptrdiff_t>(last);
  tokens.token_ids.assign(ids_.begin() + from, ids_.begin() + to);
  if (!logprobs_.empty()) tokens.logprobs.assign(logprobs_.begin() + from, logprobs_.begin() + to);
  const std::size_t text_from = text_begin(first);
  const std::size_t text_to = is_over() && last == num_tokens() ? text_.size() : text_begin(last);
  tokens.text = text_.substr(text_from, text_to - text_from);
  return tokens;
}

std::uint64_t OutputLog::size_bytes() const {
  std::uint64_t bytes = sizeof(OutputLog) + ids_.size() * sizeof(TokenId) + text_ends_.size() * sizeof(std::size_t) +
                        text_.size() + logprobs_.size() * sizeof(TokenLogprobs);
  for (const TokenLogprobs& logprobs : logprobs_) bytes += logprobs.top.size() * sizeof(TopLogprob);
  return bytes;
}

}  // namespace sluice
