#include "pipeline/request/stream_table.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/check.h"

namespace sluice {

StreamTable::StreamTable(StreamTableConfig config, const Tokenizer& tokenizer, EncodeMessage encode)
    : config_(config),
      tokenizer_(tokenizer),
      encode_(std::move(encode)),
      retention_(config.retention),
      early_(config.early) {
  SLUICE_CHECK_GT(config.client_window_tokens, 0u);
  SLUICE_CHECK_GT(config.message_tokens_max, 0u);
}

ResponderActions StreamTable::on_message(ResponderInput message, TimePoint now) {
  ResponderActions out;
  std::visit([&](auto& typed) { on(std::move(typed), now, out); }, message);
  drop_ended_routes(out);
  return out;
}

ResponderActions StreamTable::on_timer(TimePoint now) {
  ResponderActions out;
  while (!drain_ends_.empty() && drain_ends_.begin()->first <= now) {
    const SequenceId sequence = drain_ends_.begin()->second;
    AnswerSink answers = sink(out);
    streams_.at(sequence).stream.dismiss_all(answers);
    settle(sequence, now, out);
  }
  while (const auto expired = retention_.pop_expired(now)) forget(*expired, out);
  drop_ended_routes(out);
  return out;
}

TimePoint StreamTable::next_timer() const {
  const TimePoint next_drain = drain_ends_.empty() ? TimePoint::never() : drain_ends_.begin()->first;
  return std::min(next_drain, retention_.next_expiry());
}

void StreamTable::on(StreamOpen open, TimePoint now, ResponderActions& out) {
  if (open.sequence <= last_opened_) {
    ++totals_.stray_total;
    return;
  }
  last_opened_ = open.sequence;
  const SequenceId sequence = open.sequence;
  const TimePoint deadline = open.time_left.deadline(now);
  auto log = OutputLog::create(tokenizer_, std::move(open.stop));
  std::optional<Error> defect;
  if (!log) {
    defect = log.error();
    log = OutputLog::create(tokenizer_, {});
  }
  EarlyStream early = early_.take(sequence);
  if (early.is_overrun && !defect) {
    defect = Error{ErrorCode::kInternal, "too many tokens arrived ahead of the opening of their stream", 0};
  }
  Entry fresh{Stream(open, std::move(log).value()), Phase::kRunning, false, {}, deadline, {}, {now, {}, false}};
  Entry& entry = streams_.emplace(sequence, std::move(fresh)).first->second;
  if (open.trace) entry.tracer = std::make_unique<StreamTracer>(now);
  entry.is_paused = early.num_tokens >= config_.client_window_tokens;
  entry.timing.was_paused = entry.is_paused;
  streams_of_route_[open.route.bytes].insert(sequence);
  if (defect) out.to_batcher.emplace_back(entry.stream.fail(std::move(*defect)));
  for (auto& message : early.messages) {
    std::visit([&](auto& typed) { on(std::move(typed), now, out); }, message);
  }
  settle(sequence, now, out);
}

void StreamTable::on(StreamAttach attach, TimePoint now, ResponderActions& out) {
  const auto at = streams_.find(attach.sequence);
  if (at == streams_.end()) {  // Released meanwhile: the ledger answers when it hears of that.
    ++totals_.stray_total;
    return;
  }
  streams_of_route_[attach.route.bytes].insert(attach.sequence);
  AnswerSink answers = sink(out);
  at->second.stream.attach(attach, answers);
  settle(attach.sequence, now, out);
}

void StreamTable::on(StreamCredit credit, TimePoint now, ResponderActions& out) {
  const auto at = streams_.find(credit.sequence);
  if (at == streams_.end()) return;
  AnswerSink answers = sink(out);
  at->second.stream.credit(credit.route, credit.up_to_index, answers);
  settle(credit.sequence, now, out);
}

void StreamTable::on(StreamDetach detach, TimePoint now, ResponderActions& out) {
  const auto at = streams_of_route_.find(detach.route.bytes);
  if (at == streams_of_route_.end()) return;
  const std::set<SequenceId> sequences = std::move(at->second);
  streams_of_route_.erase(at);
  for (const SequenceId sequence : sequences) {
    const auto stream = streams_.find(sequence);
    if (stream == streams_.end()) continue;  // Settling one of the others has evicted it.
    stream->second.stream.detach(detach.route);
    settle(sequence, now, out);
  }
}

void StreamTable::on(StepTokens tokens, TimePoint now, ResponderActions& out) {
  for (StreamTokens& stream : tokens.streams) on(std::move(stream), now, out);
}

void StreamTable::on(StreamTokens tokens, TimePoint now, ResponderActions& out) {
  const SequenceId sequence = tokens.sequence;
  const std::uint64_t count = tokens.token_ids.size();
  const auto at = streams_.find(sequence);
  if (at == streams_.end() && sequence > last_opened_) {
    const EarlyStream* early = early_.add(std::move(tokens));
    if (early == nullptr) {
      ++totals_.stray_total;
    } else if (early->num_tokens >= config_.client_window_tokens &&
               early->num_tokens - std::min(early->num_tokens, count) < config_.client_window_tokens) {
      out.to_batcher.emplace_back(StreamPause{sequence, true});
    }
    return;
  }
  if (at == streams_.end() || at->second.phase != Phase::kRunning) {
    ++totals_.stray_total;
    return;
  }
  AnswerSink answers = sink(out);
  const Stream::Appended appended = at->second.stream.append(std::move(tokens), answers);
  if (appended.stop) out.to_batcher.emplace_back(*appended.stop);
  if (appended.is_match) ++totals_.stop_matches_total;
  totals_.overrun_tokens_total += appended.overrun_tokens;
  counts_.add_tokens(at->second.timing, count - std::min(count, appended.overrun_tokens), now);
  settle(sequence, now, out);
}

void StreamTable::on(StreamEnd end, TimePoint now, ResponderActions& out) {
  const SequenceId sequence = end.sequence;
  const auto at = streams_.find(sequence);
  if (at == streams_.end() && sequence > last_opened_) {
    if (early_.add(std::move(end)) == nullptr) ++totals_.stray_total;
    return;
  }
  if (at == streams_.end() || at->second.phase != Phase::kRunning) {
    ++totals_.stray_total;
    return;
  }
  if (const auto tracer = std::exchange(at->second.tracer, nullptr)) {
    tracer->complete(end, now);
  } else {
    end.trace = {};
  }
  AnswerSink answers = sink(out);
  RequestEnded ended = at->second.stream.end(std::move(end), answers);
  counts_.add_end(at->second.timing, ended.outcome, now);
  out.ended.push_back(std::move(ended));
  settle(sequence, now, out);
}

AnswerSink StreamTable::sink(ResponderActions& out) {
  return {encode_, config_.message_tokens_max, out.to_ingress, totals_.tokens_total};
}

void StreamTable::settle(SequenceId sequence, TimePoint now, ResponderActions& out) {
  const auto at = streams_.find(sequence);
  if (at == streams_.end()) return;
  Entry& entry = at->second;
  if (entry.phase == Phase::kKept) return;
  if (entry.tracer) entry.tracer->note(entry.stream.num_tokens(), entry.stream.backlog_tokens(), now);
  if (!entry.stream.is_ended()) return update_pause(sequence, entry, out);
  if (entry.phase == Phase::kRunning) {
    entry.phase = Phase::kDraining;
    // What is past its deadline waits for nobody: its timer is due at once.
    entry.drain_end = std::min(now + std::chrono::milliseconds(config_.drain_ms), std::max(now, entry.deadline));
    drain_ends_.emplace(entry.drain_end, sequence);
  }
  if (entry.stream.num_attachments() == 0) release(sequence, entry, now, out);
}

void StreamTable::update_pause(SequenceId sequence, Entry& entry, ResponderActions& out) {
  if (!entry.stream.is_open()) return;  // The batcher has been told to stop.
  const bool is_starved = entry.stream.is_starved(config_.client_window_tokens);
  if (is_starved == entry.is_paused) return;
  entry.is_paused = is_starved;
  entry.timing.was_paused = true;
  out.to_batcher.emplace_back(StreamPause{sequence, is_starved});
}

void StreamTable::release(SequenceId sequence, Entry& entry, TimePoint now, ResponderActions& out) {
  drain_ends_.erase({entry.drain_end, sequence});
  const std::uint64_t result_bytes = entry.stream.size_bytes();
  const bool is_kept = entry.stream.is_worth_keeping() && retention_.admits(result_bytes);
  out.to_ingress.emplace_back(StreamReleased{sequence, is_kept, entry.stream.prompt_tokens()});
  if (!is_kept) {
    streams_.erase(sequence);
    return;
  }
  entry.phase = Phase::kKept;
  retention_.add(sequence, result_bytes, now);
  while (const auto excess = retention_.pop_excess()) forget(*excess, out);
}

void StreamTable::forget(SequenceId sequence, ResponderActions& out) {
  const auto at = streams_.find(sequence);
  AnswerSink answers = sink(out);
  at->second.stream.dismiss_all(answers);
  out.to_ingress.emplace_back(StreamReleased{sequence, false, at->second.stream.prompt_tokens()});
  streams_.erase(at);
}

void StreamTable::drop_ended_routes(const ResponderActions& out) {
  for (const StreamOutput& message : out.to_ingress) {
    const auto* answer = std::get_if<ClientAnswer>(&message);
    if (answer == nullptr || !answer->is_terminal) continue;
    const auto at = streams_of_route_.find(answer->route.bytes);
    if (at == streams_of_route_.end()) continue;
    at->second.erase(answer->sequence);
    if (at->second.empty()) streams_of_route_.erase(at);
  }
}

StreamTableStats StreamTable::stats() const {
  StreamTableStats stats = totals_;
  for (const auto& [sequence, entry] : streams_) {
    if (entry.phase == Phase::kRunning) ++stats.streams_running;
    if (entry.phase == Phase::kDraining) ++stats.streams_draining;
    if (entry.phase == Phase::kRunning && entry.is_paused) ++stats.streams_paused;
    stats.attachments += static_cast<std::uint32_t>(entry.stream.num_attachments());
    if (entry.phase != Phase::kKept) stats.backlog_tokens += entry.stream.backlog_tokens();
  }
  stats.streams_kept = static_cast<std::uint32_t>(retention_.size());
  stats.kept_bytes = retention_.bytes();
  stats.streams_early = static_cast<std::uint32_t>(early_.size());
  return stats;
}

void StreamTable::check_invariants() const {
  early_.check_invariants();
  SLUICE_CHECK_LE(retention_.size(), config_.retention.max_streams);
  SLUICE_CHECK_LE(retention_.bytes(), config_.retention.max_bytes);
  std::size_t num_draining = 0;
  std::size_t num_kept = 0;
  std::size_t num_attachments = 0;
  for (const auto& [sequence, entry] : streams_) {
    SLUICE_CHECK_LE(sequence, last_opened_);
    SLUICE_CHECK_EQ(entry.stream.is_ended(), entry.phase != Phase::kRunning);
    num_attachments += entry.stream.num_attachments();
    if (entry.phase == Phase::kKept) ++num_kept;
    if (entry.phase != Phase::kDraining) continue;
    ++num_draining;
    SLUICE_CHECK_GT(entry.stream.num_attachments(), 0u);
    SLUICE_CHECK(drain_ends_.contains({entry.drain_end, sequence}));
  }
  SLUICE_CHECK_EQ(num_draining, drain_ends_.size());
  SLUICE_CHECK_EQ(num_kept, retention_.size());
  std::size_t num_routed = 0;
  for (const auto& [route, sequences] : streams_of_route_) {
    num_routed += sequences.size();
    for (const SequenceId sequence : sequences) SLUICE_CHECK(streams_.contains(sequence));
  }
  SLUICE_CHECK_EQ(num_routed, num_attachments);
}

}  // namespace sluice
