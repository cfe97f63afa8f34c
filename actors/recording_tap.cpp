#include "actors/recording_tap.h"

#include <filesystem>
#include <utility>

#include "actors/log.h"

namespace sluice::actors {

namespace {

std::string stages_in_words(const topology::Plan& plan) {
  std::string words;
  for (const topology::ReplicaPlan& replica : plan.replicas) {
    for (const topology::StagePlan& stage : replica.stages) {
      if (!words.empty()) words += ", ";
      words += topology::layers_to_string(stage.first_layer, stage.num_layers);
      words += " on " + topology::to_string(stage.place);
    }
  }
  return words;
}

}  // namespace

Result<std::unique_ptr<RecordingTap>> RecordingTap::open(const topology::Plan& plan) {
  const topology::RecordTopology& record = plan.topology.record;
  if (!record.is_on()) return std::unique_ptr<RecordingTap>();
  transport::RecordingHeader header;
  header.protocol_version = kProtocolVersion;
  header.has_ingress = record.ingress;
  header.has_responses = record.responses;
  header.model = std::filesystem::path(plan.topology.model.path).filename().string();
  header.topology = stages_in_words(plan);
  transport::RecorderLimits limits;
  limits.file_bytes_max = record.file_bytes_max;
  auto recorder = transport::Recorder::start(record.path, std::move(header), limits, SteadyClock().now());
  if (!recorder.ok()) return std::move(recorder).error();
  write_log(LogEvent(LogLevel::kInfo, "ingress", "recording").with("path", (*recorder)->path()));
  return std::unique_ptr<RecordingTap>(new RecordingTap(record, *std::move(recorder)));
}

void RecordingTap::on_client(const ClientRoute& route, const transport::Message& message, TimePoint now) {
  const auto [at, is_new] = numbers_.try_emplace(route, 0);
  if (is_new) at->second = ++last_number_;
  if (has_ingress_) recorder_->message(transport::RecordedLink::kIngress, at->second, message.front(), now);
}

void RecordingTap::on_sent(const ClientRoute& route, const transport::Message& message, TimePoint now) {
  if (!has_responses_) return;
  const auto at = numbers_.find(route);
  if (at == numbers_.end()) return;
  recorder_->message(transport::RecordedLink::kResponses, at->second, message.front(), now);
}

void RecordingTap::on_lost(const ClientRoute& route, TimePoint now) {
  const auto at = numbers_.find(route);
  if (at == numbers_.end()) return;
  recorder_->lost(at->second, now);
  numbers_.erase(at);
}

void RecordingTap::on_timer(TimePoint now) {
  if (now < next_look_) return;
  next_look_ = now + std::chrono::seconds(1);
  const transport::RecorderStats stats = recorder_->stats();
  const std::uint64_t dropped_total = stats.dropped_queue_total + stats.dropped_write_total;
  const std::uint64_t dropped = dropped_total - std::exchange(dropped_total_, dropped_total);
  const bool had_failed = std::exchange(has_failed_, stats.error.has_value());
  if (dropped > 0 || (has_failed_ && !had_failed)) {
    LogEvent event(LogLevel::kWarn, "ingress", stats.error ? "recording fails" : "recording has a gap");
    event.with("messages", dropped);
    if (stats.error) event.with("error", stats.error->message);
    write_log(event);
  } else if (had_failed && !has_failed_) {
    write_log(LogEvent(LogLevel::kInfo, "ingress", "recording goes on"));
  }
}

metrics::RecordingCounts RecordingTap::counts() const {
  const transport::RecorderStats stats = recorder_->stats();
  return {!stats.error.has_value(), stats.ingress_total,       stats.responses_total,
          stats.bytes_total,        stats.dropped_queue_total, stats.dropped_write_total};
}

}  // namespace sluice::actors
