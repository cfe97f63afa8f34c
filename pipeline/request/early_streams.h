// EarlyStreams: what the batcher or the tokenizer said of sequences whose StreamOpen is still on another link.
//
// Owns: those messages, until take().
// Confined: the responder actor, inside its StreamTable.
// Units: tokens.
// Invariant: size() <= max_streams, num_tokens() <= max_tokens. The ingress opens a stream before its request goes
// anywhere, so this stays small; the bounds stand against a defect. A stream that overran them is marked, and its taker
// is told.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/id.h"
#include "base/messages/pipeline.h"

namespace sluice {

struct EarlyLimits {
  std::uint32_t max_streams = 65'536;   // More than the admission credits of any engine.
  std::uint64_t max_tokens = 1u << 22;  // Of all together.
};

struct EarlyStream {
  std::vector<std::variant<StreamTokens, StreamEnd>> messages;  // As they came.
  std::uint64_t num_tokens = 0;
  bool has_end = false;
  bool is_overrun = false;  // Tokens were dropped: the stream cannot be continued. An end is kept all the same.
};

class EarlyStreams {
 public:
  explicit EarlyStreams(EarlyLimits limits) : limits_(limits) {}

  // Null if there is no place for another stream: the message is lost.
  const EarlyStream* add(StreamTokens tokens);
  const EarlyStream* add(StreamEnd end);

  // What there is, removed; nothing: an empty one.
  EarlyStream take(SequenceId sequence);

  std::size_t size() const { return streams_.size(); }
  std::uint64_t num_tokens() const { return num_tokens_; }
  void check_invariants() const;

 private:
  EarlyStream* find_or_add(SequenceId sequence);

  EarlyLimits limits_;
  std::uint64_t num_tokens_ = 0;
  std::unordered_map<SequenceId, EarlyStream> streams_;
};

}  // namespace sluice
