#include "pipeline/request/early_streams.h"

#include <utility>

#include "base/check.h"

namespace sluice {

EarlyStream* EarlyStreams::find_or_add(SequenceId sequence) {
  const auto at = streams_.find(sequence);
  if (at != streams_.end()) return &at->second;
  if (streams_.size() >= limits_.max_streams) return nullptr;
  return &streams_[sequence];
}

const EarlyStream* EarlyStreams::add(StreamTokens tokens) {
  EarlyStream* stream = find_or_add(tokens.sequence);
  if (stream == nullptr || stream->is_overrun) return stream;
  const std::uint64_t count = tokens.token_ids.size();
  if (count > limits_.max_tokens - num_tokens_) {
    stream->is_overrun = true;
    return stream;
  }
  num_tokens_ += count;
  stream->num_tokens += count;
  stream->messages.emplace_back(std::move(tokens));
  return stream;
}

const EarlyStream* EarlyStreams::add(StreamEnd end) {
  EarlyStream* stream = find_or_add(end.sequence);
  if (stream == nullptr || stream->has_end) return stream;
  stream->has_end = true;
  stream->messages.emplace_back(std::move(end));
  return stream;
}

EarlyStream EarlyStreams::take(SequenceId sequence) {
  const auto at = streams_.find(sequence);
  if (at == streams_.end()) return {};
  EarlyStream taken = std::move(at->second);
  streams_.erase(at);
  num_tokens_ -= taken.num_tokens;
  return taken;
}

void EarlyStreams::check_invariants() const {
  std::uint64_t num_tokens = 0;
  for (const auto& [sequence, stream] : streams_) num_tokens += stream.num_tokens;
  SLUICE_CHECK_EQ(num_tokens, num_tokens_);
  SLUICE_CHECK_LE(num_tokens_, limits_.max_tokens);
  SLUICE_CHECK_LE(streams_.size(), limits_.max_streams);
}

}  // namespace sluice
