// The messages of link_messages.h on a request's way through tokenizer, batcher and stages.
#include "transport/codec/link_messages.h"

namespace sluice::transport::codec {

namespace {

void write(const GenerationSpec& spec, wire::GenerationSpec::Builder builder) {
  codec::write(spec.sampling, builder.initSampling());
  builder.setSeed(spec.seed);
  builder.setMaxTokens(spec.max_tokens);
  write_numbers(spec.stop_token_ids, [&](capnp::uint count) { return builder.initStopTokenIds(count); });
  builder.setIgnoreEos(spec.ignore_eos);
  codec::write(spec.logprobs, builder.initLogprobs());
  builder.setPriority(spec.priority);
  builder.setTenant(as_text(spec.tenant));
  builder.setTrace(spec.trace);
}

GenerationSpec read_spec(const wire::GenerationSpec::Reader& reader, Reading& reading) {
  return {.sampling = read(reader.getSampling(), reading),
          .seed = reader.getSeed(),
          .max_tokens = reader.getMaxTokens(),
          .stop_token_ids = read_numbers<TokenId>(reader.getStopTokenIds()),
          .ignore_eos = reader.getIgnoreEos(),
          .logprobs = read(reader.getLogprobs(), reading),
          .priority = reader.getPriority(),
          .tenant = read_text(reader.getTenant()),
          .trace = reader.getTrace()};
}

void write_entry(const BatchEntry& entry, wire::BatchEntry::Builder builder) {
  builder.setSequence(entry.sequence.value);
  builder.setFirstPosition(entry.first_position);
  builder.setNumTokens(entry.num_tokens);
  builder.setWantsSample(entry.wants_sample);
  builder.setWantsPromptLogprobs(entry.wants_prompt_logprobs);
  builder.setNextPromptToken(entry.next_prompt_token);
  write_numbers(entry.block_table, [&](capnp::uint count) { return builder.initBlockTable(count); });
}

BatchEntry read_entry(const wire::BatchEntry::Reader& reader, Reading&) {
  return {.sequence = {reader.getSequence()},
          .first_position = reader.getFirstPosition(),
          .num_tokens = reader.getNumTokens(),
          .wants_sample = reader.getWantsSample(),
          .wants_prompt_logprobs = reader.getWantsPromptLogprobs(),
          .next_prompt_token = reader.getNextPromptToken(),
          .block_table = read_numbers<BlockId>(reader.getBlockTable())};
}

void write_opening(const SequenceOpening& opening, wire::SequenceOpening::Builder builder) {
  builder.setSequence(opening.sequence.value);
  codec::write(opening.sampling, builder.initSampling());
  builder.setSeed(opening.seed);
  codec::write(opening.logprobs, builder.initLogprobs());
  builder.setPromptTokens(opening.prompt_tokens);
  write_numbers(opening.history, [&](capnp::uint count) { return builder.initHistory(count); });
}

SequenceOpening read_opening(const wire::SequenceOpening::Reader& reader, Reading& reading) {
  return {.sequence = {reader.getSequence()},
          .sampling = read(reader.getSampling(), reading),
          .seed = reader.getSeed(),
          .logprobs = read(reader.getLogprobs(), reading),
          .prompt_tokens = reader.getPromptTokens(),
          .history = read_numbers<TokenId>(reader.getHistory())};
}

void write_sample(const Sample& sample, wire::Sample::Builder builder) {
  builder.setSequence(sample.sequence.value);
  builder.setPosition(sample.position);
  builder.setToken(sample.token);
  if (sample.logprobs) write_logprobs(*sample.logprobs, builder.initLogprobs());
}

Sample read_sample(const wire::Sample::Reader& reader, Reading& reading) {
  Sample sample{{reader.getSequence()}, reader.getPosition(), reader.getToken(), {}};
  if (reader.hasLogprobs()) sample.logprobs = read_logprobs(reader.getLogprobs(), reading);
  return sample;
}

void write_prompt_logprobs(const PromptLogprobs& logprobs, wire::PromptLogprobs::Builder builder) {
  builder.setSequence(logprobs.sequence.value);
  builder.setFirstPosition(logprobs.first_position);
  write_numbers(logprobs.values, [&](capnp::uint count) { return builder.initValues(count); });
}

PromptLogprobs read_prompt_logprobs(const wire::PromptLogprobs::Reader& reader, Reading&) {
  return {{reader.getSequence()}, reader.getFirstPosition(), read_numbers<float>(reader.getValues())};
}

void write_stage_time(const StageTime& time, wire::StageTime::Builder builder) {
  builder.setStage(time.stage);
  builder.setReceiveUs(time.receive_us);
  builder.setComputeUs(time.compute_us);
}

StageTime read_stage_time(const wire::StageTime::Reader& reader, Reading&) {
  return {reader.getStage(), reader.getReceiveUs(), reader.getComputeUs()};
}

}  // namespace

void write(const TimeLeft& left, wire::TimeLeft::Builder builder) {
  if (left.us) {
    builder.setUs(*left.us);
  } else {
    builder.setUnlimited();
  }
}

TimeLeft read(const wire::TimeLeft::Reader& reader, Reading& reading) {
  switch (reader.which()) {
    case wire::TimeLeft::UNLIMITED: return {};
    case wire::TimeLeft::US: return {reader.getUs()};
  }
  reading.fail(ErrorCode::kUnsupportedVersion, "time left is of a kind that this version does not know");
  return {};
}

void write_message(const Submission& submission, wire::LinkMessage::Builder root) {
  auto builder = root.initSubmission();
  builder.setSequence(submission.sequence.value);
  codec::write(submission.prompt, builder.initPrompt());
  builder.setAddSpecialTokens(submission.add_special_tokens);
  builder.setParseSpecialTokens(submission.parse_special_tokens);
  write(submission.spec, builder.initSpec());
  write(submission.time_left, builder.initTimeLeft());
  builder.setAgeUs(submission.age_us);
}

Submission read(const wire::Submission::Reader& reader, Reading& reading) {
  return {.sequence = {reader.getSequence()},
          .prompt = read(reader.getPrompt(), reading),
          .add_special_tokens = reader.getAddSpecialTokens(),
          .parse_special_tokens = reader.getParseSpecialTokens(),
          .spec = read_spec(reader.getSpec(), reading),
          .time_left = read(reader.getTimeLeft(), reading),
          .age_us = reader.getAgeUs()};
}

void write_message(const SequenceStart& start, wire::LinkMessage::Builder root) {
  auto builder = root.initSequenceStart();
  builder.setSequence(start.sequence.value);
  write_numbers(start.prompt_ids, [&](capnp::uint count) { return builder.initPromptIds(count); });
  write(start.spec, builder.initSpec());
  write(start.time_left, builder.initTimeLeft());
  builder.setTokenizeUs(start.tokenize_us);
}

SequenceStart read(const wire::SequenceStart::Reader& reader, Reading& reading) {
  return {.sequence = {reader.getSequence()},
          .prompt_ids = read_numbers<TokenId>(reader.getPromptIds()),
          .spec = read_spec(reader.getSpec(), reading),
          .time_left = read(reader.getTimeLeft(), reading),
          .tokenize_us = reader.getTokenizeUs()};
}

void write_message(const SequenceCancel& cancel, wire::LinkMessage::Builder root) {
  root.initSequenceCancel().setSequence(cancel.sequence.value);
}

SequenceCancel read(const wire::SequenceCancel::Reader& reader, Reading&) {
  return {{reader.getSequence()}};
}

void write_message(const SequenceEnded& ended, wire::LinkMessage::Builder root) {
  auto builder = root.initSequenceEnded();
  builder.setSequence(ended.sequence.value);
  builder.setOutputTokens(ended.output_tokens);
}

SequenceEnded read(const wire::SequenceEnded::Reader& reader, Reading&) {
  return {{reader.getSequence()}, reader.getOutputTokens()};
}

void write_message(const StageBatch& batch, wire::LinkMessage::Builder root) {
  auto builder = root.initStageBatch();
  builder.setEpoch(batch.epoch.value);
  builder.setStep(batch.step.value);
  write_numbers(batch.token_ids, [&](capnp::uint count) { return builder.initTokenIds(count); });
  write_structs(
      batch.entries, [&](capnp::uint count) { return builder.initEntries(count); }, write_entry);
  write_structs(
      batch.opened, [&](capnp::uint count) { return builder.initOpened(count); }, write_opening);
  write_numbers(batch.closed, [&](capnp::uint count) { return builder.initClosed(count); });
  builder.setHiddenRows(batch.hidden.rows);
  builder.setHiddenColumns(batch.hidden.columns);
  builder.setIsTraced(batch.is_traced);
  write_structs(
      batch.stage_times, [&](capnp::uint count) { return builder.initStageTimes(count); }, write_stage_time);
  builder.setIdleUs(batch.idle_us);
}

StageBatch read(const wire::StageBatch::Reader& reader, Reading& reading) {
  return {.epoch = {reader.getEpoch()},
          .step = {reader.getStep()},
          .token_ids = read_numbers<TokenId>(reader.getTokenIds()),
          .entries = read_structs<BatchEntry>(reader.getEntries(), reading, read_entry),
          .opened = read_structs<SequenceOpening>(reader.getOpened(), reading, read_opening),
          .closed = read_numbers<SequenceId>(reader.getClosed()),
          .hidden = {.rows = reader.getHiddenRows(), .columns = reader.getHiddenColumns(), .owner = {}, .values = {}},
          .is_traced = reader.getIsTraced(),
          .stage_times = read_structs<StageTime>(reader.getStageTimes(), reading, read_stage_time),
          .idle_us = reader.getIdleUs()};
}

void write_message(const StepResult& result, wire::LinkMessage::Builder root) {
  auto builder = root.initStepResult();
  builder.setEpoch(result.epoch.value);
  builder.setStep(result.step.value);
  write_structs(
      result.samples, [&](capnp::uint count) { return builder.initSamples(count); }, write_sample);
  write_structs(
      result.prompt_logprobs, [&](capnp::uint count) { return builder.initPromptLogprobs(count); },
      write_prompt_logprobs);
  write_structs(
      result.stage_times, [&](capnp::uint count) { return builder.initStageTimes(count); }, write_stage_time);
}

StepResult read(const wire::StepResult::Reader& reader, Reading& reading) {
  return {.epoch = {reader.getEpoch()},
          .step = {reader.getStep()},
          .samples = read_structs<Sample>(reader.getSamples(), reading, read_sample),
          .prompt_logprobs = read_structs<PromptLogprobs>(reader.getPromptLogprobs(), reading, read_prompt_logprobs),
          .stage_times = read_structs<StageTime>(reader.getStageTimes(), reading, read_stage_time)};
}

void write_message(const PartialResult& result, wire::LinkMessage::Builder root) {
  auto builder = root.initPartialResult();
  builder.setEpoch(result.epoch.value);
  builder.setExchange(result.exchange);
  builder.setRows(result.values.rows);
  builder.setColumns(result.values.columns);
}

PartialResult read(const wire::PartialResult::Reader& reader, Reading&) {
  return {.epoch = {reader.getEpoch()},
          .exchange = reader.getExchange(),
          .values = {.rows = reader.getRows(), .columns = reader.getColumns(), .owner = {}, .values = {}}};
}

}  // namespace sluice::transport::codec
