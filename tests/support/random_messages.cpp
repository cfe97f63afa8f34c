#include "tests/support/random_messages.h"

#include <algorithm>
#include <memory>

namespace sluice::test {

std::uint64_t RandomMessages::u64() {
  const std::uint64_t bits = random_.next();
  return bits >> random_.below(64);  // Small and large ones alike, so that every width is met.
}

std::string RandomMessages::text() {
  std::string bytes(below(4) == 0 ? below(300) : below(20), '\0');
  for (char& byte : bytes) byte = static_cast<char>(random_.next());
  return bytes;
}

std::vector<std::string> RandomMessages::texts() {
  std::vector<std::string> all(below(5));
  for (auto& one : all) one = text();
  return all;
}

std::vector<TokenId> RandomMessages::tokens() {
  std::vector<TokenId> ids(below(4) == 0 ? below(200) : below(6));
  for (auto& id : ids) id = i32();
  return ids;
}

std::vector<float> RandomMessages::floats() {
  std::vector<float> values(below(20));
  for (auto& value : values) value = f32();
  return values;
}

SessionToken RandomMessages::session() {
  SessionToken token;
  for (auto& byte : token.bytes) byte = static_cast<std::uint8_t>(random_.next());
  return token;
}

SamplingParams RandomMessages::sampling() {
  SamplingParams params{f32(), u32(), f32(), f32(), f32(), f32(), f32(), u32(), {}};
  params.logit_bias.resize(below(4));
  for (auto& bias : params.logit_bias) bias = {i32(), f32()};
  return params;
}

TokenLogprobs RandomMessages::token_logprobs() {
  TokenLogprobs logprobs{f32(), {}, u64()};
  logprobs.top.resize(below(4));
  for (auto& top : logprobs.top) top = {i32(), f32()};
  return logprobs;
}

std::vector<TokenLogprobs> RandomMessages::token_logprobs_list() {
  std::vector<TokenLogprobs> list(below(4));
  for (auto& one : list) one = token_logprobs();
  return list;
}

Prompt RandomMessages::prompt() {
  switch (below(3)) {
    case 0: return text();
    case 1: return tokens();
    default: {
      std::vector<ChatMessage> chat(below(4));
      for (auto& message : chat) message = {text(), text(), coin() ? text() : ""};
      return ChatPrompt(std::move(chat), coin() ? text() : "");
    }
  }
}

GenerationSpec RandomMessages::spec() {
  return {sampling(), u64(), u32(), tokens(), coin(), logprob_options(), i32(), text(), coin()};
}

TimeLeft RandomMessages::time_left() {
  if (coin()) return {};
  return {u64()};
}

Trace RandomMessages::trace() {
  Trace trace;
  if (coin()) return trace;
  trace.spans.resize(below(6));
  for (auto& span : trace.spans) {
    span = {static_cast<TraceKind>(below(12)), static_cast<std::uint16_t>(u64()), u32(), u32(), u64(), u64(), u64()};
  }
  trace.num_dropped = u32();
  return trace;
}

std::vector<StageTime> RandomMessages::stage_times() {
  std::vector<StageTime> times(below(4));
  for (auto& time : times) time = {u32(), u64(), u64()};
  return times;
}

Generate RandomMessages::generate() {
  Generate generate;
  generate.request_id = text();
  generate.prompt = prompt();
  generate.add_special_tokens = coin();
  generate.parse_special_tokens = coin();
  if (coin()) generate.sampling = sampling();
  if (coin()) generate.seed = u64();
  generate.max_tokens = u32();
  generate.stop = texts();
  generate.stop_token_ids = tokens();
  generate.ignore_eos = coin();
  generate.logprobs = logprob_options();
  generate.deadline_ms = u32();
  generate.priority = i32();
  generate.tenant = text();
  generate.resume_grace_ms = u32();
  generate.credit_tokens = u64();
  generate.trace = coin();
  return generate;
}

ClientMessage RandomMessages::client_message(std::size_t kind) {
  switch (kind) {
    case 0: {
      Hello hello{u32(), u32(), text(), {}};
      if (coin()) hello.session = session();
      return hello;
    }
    case 1: return generate();
    case 2: return Attach{session(), text(), u64(), u64()};
    case 3: return Cancel{text()};
    default: return Credit{text(), u64()};
  }
}

ServerMessage RandomMessages::server_message(std::size_t kind) {
  switch (kind) {
    case 0: return Welcome{u32(), session(), text(), u32(), u32(), u32(), u32(), sampling(), u32()};
    case 1: return Accepted{text(), u64()};
    case 2: return Tokens{text(), u64(), tokens(), text(), token_logprobs_list()};
    case 3: return Finished{text(), reason(), usage(), times(), floats(), trace()};
    default: return Failed{text(), error()};
  }
}

StageBatch RandomMessages::stage_batch() {
  StageBatch batch{{u64()}, {u64()}, tokens(), {}, {}, {}, {}};
  batch.entries.resize(below(6));
  for (auto& entry : batch.entries) {
    entry = {{u64()}, u32(), u32(), coin(), coin(), i32(), {}};
    entry.block_table.resize(below(20));
    for (auto& block : entry.block_table) block = {u32()};
  }
  batch.opened.resize(below(3));
  for (auto& opening : batch.opened) opening = {{u64()}, sampling(), u64(), logprob_options(), u32(), tokens()};
  batch.closed.resize(below(4));
  for (auto& sequence : batch.closed) sequence = {u64()};
  if (coin()) batch.hidden = hidden_states();
  batch.is_traced = coin();
  batch.stage_times = stage_times();
  batch.idle_us = u64();
  return batch;
}

HiddenStates RandomMessages::hidden_states() {
  HiddenStates hidden;
  hidden.rows = static_cast<std::uint32_t>(below(6));
  hidden.columns = static_cast<std::uint32_t>(below(40));
  auto values = std::make_shared<std::vector<float>>(std::size_t{hidden.rows} * hidden.columns);
  for (auto& value : *values) value = f32();
  hidden.values = *values;
  hidden.owner = std::move(values);
  return hidden;
}

StepResult RandomMessages::step_result() {
  StepResult result{{u64()}, {u64()}, {}, {}, stage_times()};
  result.samples.resize(below(6));
  for (auto& sample : result.samples) {
    sample = {{u64()}, u32(), i32(), {}};
    if (coin()) sample.logprobs = token_logprobs();
  }
  result.prompt_logprobs.resize(below(3));
  for (auto& logprobs : result.prompt_logprobs) logprobs = {{u64()}, u32(), floats()};
  return result;
}

LinkMessage RandomMessages::link_message(std::size_t kind) {
  switch (kind) {
    case 0: return Submission{{u64()}, prompt(), coin(), coin(), spec(), time_left(), u64()};
    case 1: return SequenceStart{{u64()}, tokens(), spec(), time_left(), u64()};
    case 2: return SequenceCancel{{u64()}};
    case 3: return stage_batch();
    case 4: return step_result();
    case 5: return StreamOpen{{u64()}, text(), route(), texts(), tokens(), u64(), u64(), time_left(), coin()};
    case 6: return StreamAttach{{u64()}, route(), u64(), u64()};
    case 7: return StreamCredit{{u64()}, route(), u64()};
    case 8: return StreamDetach{route()};
    case 9: {
      StepTokens step;
      step.streams.resize(below(5));
      for (auto& stream : step.streams) stream = {{u64()}, u64(), tokens(), token_logprobs_list()};
      return step;
    }
    case 10: {
      StreamEnd end{{u64()}, reason(), usage(), times(), floats(), trace(), u64()};
      if (coin()) end.outcome = error();
      return end;
    }
    case 11: return StreamStop{{u64()}, u32()};
    case 12: return StreamPause{{u64()}, coin()};
    case 13: {
      ClientAnswers answers;
      answers.answers.resize(below(5));
      for (auto& answer : answers.answers) {
        answer = {{u64()}, route(), coin(), std::vector<std::byte>(below(200)), coin()};
        for (auto& byte : answer.frame) byte = static_cast<std::byte>(random_.next());
      }
      return answers;
    }
    case 14: return StreamReleased{{u64()}, coin(), u32()};
    case 15: return PartialResult{{u64()}, u64(), hidden_states()};
    default: return SequenceEnded{{u64()}, u32()};
  }
}

WorkerMessage RandomMessages::worker_message(std::size_t kind) {
  switch (kind) {
    case 0: return WorkerHello{u32(), text(), u64(), u64(), text(), u32(), texts()};
    case 1: return StageReady{{u64()}, u32(), text(), u64(), u64(), texts()};
    case 2: return StageFailed{{u64()}, u32(), error()};
    case 3: return LoadProgress{{u64()}, u32(), u64(), u64()};
    case 4: return stage_stats();
    default: return WorkerLeave{};
  }
}

StageStats RandomMessages::stage_stats() {
  StageStats stats{u32(), u64(), {u64(), u64(), u64(), u64(), {}}, u64(), u64(), {}, {}, {u64(), u64()}};
  for (auto& count : stats.times.step_us.counts) count = u64();
  stats.times.step_us.sum = u64();
  stats.input = {u64(), u64(), u64(), u64()};
  stats.output = {u64(), u64(), u64(), u64(), u64(), u64(), u64(), u64()};
  return stats;
}

StageAssign RandomMessages::stage_assign() {
  StageAssign assign;
  assign.epoch = {u64()};
  assign.stage = u32();
  assign.num_stages = u32();
  assign.model_path = text();
  assign.first_layer = u32();
  assign.num_layers = u32();
  assign.dtype = dtype();
  assign.compute = dtype();
  assign.kernel_path = text();
  assign.deterministic = below(2) == 0;
  assign.threads = u32();
  assign.block_tokens = u32();
  assign.num_blocks = u32();
  assign.max_batch_tokens = u32();
  assign.weights = static_cast<WeightsKind>(below(3));
  assign.mock = {u32(), u32()};
  assign.input_address = text();
  assign.links = {{u32(), u64()}, u32(), u32()};
  assign.report_interval_ms = u32();
  assign.pipeline_stage = u32();
  assign.rank = u32();
  assign.num_ranks = u32();
  assign.experts = static_cast<ExpertSplit>(below(2));
  assign.exchange_address = text();
  assign.model_fingerprint = u64();
  return assign;
}

HeadMessage RandomMessages::head_message(std::size_t kind) {
  switch (kind) {
    case 0: return WorkerWelcome{};
    case 1: return WorkerRefused{error()};
    case 2: return stage_assign();
    case 3: return StageConnect{{u64()}, u32(), texts(), texts()};
    case 4: return StageRelease{u32()};
    default: {
      PeerKeys keys;
      for (std::size_t count = below(4); count > 0; --count) {
        PeerKey peer{text(), {}};
        for (std::uint8_t& byte : peer.public_key) byte = static_cast<std::uint8_t>(below(256));
        keys.peers.push_back(std::move(peer));
      }
      return keys;
    }
  }
}

bool equal(const HiddenStates& a, const HiddenStates& b) {
  return a.rows == b.rows && a.columns == b.columns && std::ranges::equal(a.values, b.values);
}

bool equal(const PartialResult& a, const PartialResult& b) {
  return a.epoch == b.epoch && a.exchange == b.exchange && equal(a.values, b.values);
}

bool equal(const StageBatch& a, const StageBatch& b) {
  return a.epoch == b.epoch && a.step == b.step && a.token_ids == b.token_ids && a.entries == b.entries &&
         a.opened == b.opened && a.idle_us == b.idle_us && a.closed == b.closed && equal(a.hidden, b.hidden) &&
         a.is_traced == b.is_traced && a.stage_times == b.stage_times;
}

bool equal(const LinkMessage& a, const LinkMessage& b) {
  if (a.index() != b.index()) return false;
  return std::visit(
      [&b]<class T>(const T& one) {
        if constexpr (std::is_same_v<T, StageBatch> || std::is_same_v<T, PartialResult>) {
          return equal(one, std::get<T>(b));
        } else {
          return one == std::get<T>(b);
        }
      },
      a);
}

}  // namespace sluice::test
