#include "transport/codec/stats_messages.h"

namespace sluice::transport::codec {

namespace {

void write(const LinkSenderStats& stats, wire::LinkSenderStats::Builder builder) {
  builder.setMessagesTotal(stats.messages_total);
  builder.setBytesTotal(stats.bytes_total);
  builder.setResentTotal(stats.resent_total);
  builder.setStalledUsTotal(stats.stalled_us_total);
  builder.setQueuedMessages(stats.queued_messages);
  builder.setUnsentMessages(stats.unsent_messages);
  builder.setCreditMessages(stats.credit_messages);
  builder.setCreditBytes(stats.credit_bytes);
}

LinkSenderStats read_sender(const wire::LinkSenderStats::Reader& reader) {
  return {.messages_total = reader.getMessagesTotal(),
          .bytes_total = reader.getBytesTotal(),
          .resent_total = reader.getResentTotal(),
          .stalled_us_total = reader.getStalledUsTotal(),
          .queued_messages = reader.getQueuedMessages(),
          .unsent_messages = reader.getUnsentMessages(),
          .credit_messages = reader.getCreditMessages(),
          .credit_bytes = reader.getCreditBytes()};
}

void write(const LinkReceiverStats& stats, wire::LinkReceiverStats::Builder builder) {
  builder.setMessagesTotal(stats.messages_total);
  builder.setBytesTotal(stats.bytes_total);
  builder.setHeldMessages(stats.held_messages);
  builder.setHeldBytes(stats.held_bytes);
}

LinkReceiverStats read_receiver(const wire::LinkReceiverStats::Reader& reader) {
  return {.messages_total = reader.getMessagesTotal(),
          .bytes_total = reader.getBytesTotal(),
          .held_messages = reader.getHeldMessages(),
          .held_bytes = reader.getHeldBytes()};
}

TimeHistogram read_histogram(const capnp::List<std::uint64_t>::Reader& counts, std::uint64_t sum, Reading& reading) {
  TimeHistogram histogram;
  if (counts.size() != histogram.counts.size()) {
    reading.fail(ErrorCode::kProtocolViolation, "histogram has " + std::to_string(counts.size()) + " buckets, not " +
                                                    std::to_string(histogram.counts.size()));
    return histogram;
  }
  for (capnp::uint i = 0; i < counts.size(); ++i) histogram.counts[i] = counts[i];
  histogram.sum = sum;
  return histogram;
}

}  // namespace

void write_stats(const StageStats& stats, wire::StageStats::Builder builder) {
  builder.setStage(stats.stage);
  builder.setSnapshotsTotal(stats.snapshots_total);
  builder.setStepsTotal(stats.times.steps_total);
  builder.setTokensTotal(stats.times.tokens_total);
  builder.setBusyUsTotal(stats.times.busy_us_total);
  builder.setBubbleUsTotal(stats.times.bubble_us_total);
  auto counts = builder.initStepUsCounts(static_cast<capnp::uint>(stats.times.step_us.counts.size()));
  for (capnp::uint i = 0; i < counts.size(); ++i) counts.set(i, stats.times.step_us.counts[i]);
  builder.setStepUsSum(stats.times.step_us.sum);
  builder.setWeightsBytes(stats.weights_bytes);
  builder.setKvCacheBytes(stats.kv_cache_bytes);
  write(stats.input, builder.initInput());
  write(stats.output, builder.initOutput());
  builder.setResidentBytes(stats.process.resident_bytes);
  builder.setOpenDescriptors(stats.process.open_descriptors);
}

StageStats read_stats(const wire::StageStats::Reader& reader, Reading& reading) {
  StageStats stats;
  stats.stage = reader.getStage();
  stats.snapshots_total = reader.getSnapshotsTotal();
  stats.times.steps_total = reader.getStepsTotal();
  stats.times.tokens_total = reader.getTokensTotal();
  stats.times.busy_us_total = reader.getBusyUsTotal();
  stats.times.bubble_us_total = reader.getBubbleUsTotal();
  stats.times.step_us = read_histogram(reader.getStepUsCounts(), reader.getStepUsSum(), reading);
  stats.weights_bytes = reader.getWeightsBytes();
  stats.kv_cache_bytes = reader.getKvCacheBytes();
  stats.input = read_receiver(reader.getInput());
  stats.output = read_sender(reader.getOutput());
  stats.process = {reader.getResidentBytes(), reader.getOpenDescriptors()};
  return stats;
}

}  // namespace sluice::transport::codec
