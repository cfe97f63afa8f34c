// Messages with random contents, for round trips and mutations. One seed gives the same messages everywhere.
// The contents are arbitrary where the codec does not care and need not be sensible: empty ids, huge counts, any bytes
// in texts. Floats are never NaN, so that == is equality.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/messages/client.h"
#include "base/messages/control.h"
#include "base/messages/pipeline.h"
#include "base/random.h"

namespace sluice::test {

class RandomMessages {
 public:
  explicit RandomMessages(std::uint64_t seed) : random_(seed) {}

  // `kind` is the index of the alternative in the variant.
  ClientMessage client_message(std::size_t kind);
  ServerMessage server_message(std::size_t kind);
  LinkMessage link_message(std::size_t kind);
  WorkerMessage worker_message(std::size_t kind);
  HeadMessage head_message(std::size_t kind);

  // Of any kind.
  ClientMessage client_message() { return client_message(below(std::variant_size_v<ClientMessage>)); }
  ServerMessage server_message() { return server_message(below(std::variant_size_v<ServerMessage>)); }
  LinkMessage link_message() { return link_message(below(std::variant_size_v<LinkMessage>)); }
  WorkerMessage worker_message() { return worker_message(below(std::variant_size_v<WorkerMessage>)); }
  HeadMessage head_message() { return head_message(below(std::variant_size_v<HeadMessage>)); }

  StageBatch stage_batch();

 private:
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(random_.below(bound)); }
  bool coin() { return (random_.next() & 1) != 0; }
  std::uint64_t u64();
  std::uint32_t u32() { return static_cast<std::uint32_t>(u64()); }
  std::int32_t i32() { return static_cast<std::int32_t>(u32()); }
  float f32() { return static_cast<float>(random_.unit() * 200 - 100); }
  std::string text();
  std::vector<std::string> texts();
  std::vector<TokenId> tokens();
  std::vector<float> floats();
  ClientRoute route() { return {text() + "r"}; }
  SessionToken session();
  SamplingParams sampling();
  LogprobOptions logprob_options() { return {coin(), u32(), coin(), coin()}; }
  TokenLogprobs token_logprobs();
  std::vector<TokenLogprobs> token_logprobs_list();
  Prompt prompt();
  GenerationSpec spec();
  TimeLeft time_left();
  Usage usage() { return {u32(), u32(), u32()}; }
  PhaseTimes times() { return {u64(), u64(), u64(), u64()}; }
  Trace trace();
  std::vector<StageTime> stage_times();
  FinishReason reason() { return static_cast<FinishReason>(below(4)); }
  Error error() { return {static_cast<ErrorCode>(1 + below(17)), text(), u32()}; }
  DType dtype() { return static_cast<DType>(below(3)); }
  Generate generate();
  StepResult step_result();
  HiddenStates hidden_states();
  StageAssign stage_assign();
  StageStats stage_stats();

  SplitMix64 random_;
};

// Equality that looks at the values of hidden states, not at where they lie.
bool equal(const StageBatch& a, const StageBatch& b);
bool equal(const LinkMessage& a, const LinkMessage& b);

}  // namespace sluice::test
