#include "actors/responder_actor.h"

#include <algorithm>

#include "actors/log.h"
#include "actors/snapshot_messages.h"
#include "pipeline/request/request_journal.h"
#include "transport/codec/client_codec.h"

namespace sluice::actors {

namespace {

constexpr std::size_t kAnswersBytes = std::size_t{64} << 10;  // More go in a further message.

std::vector<std::byte> encode_answer(const ServerMessage& message) {
  const transport::Message frames = transport::encode(message);
  const auto bytes = frames.front().bytes();
  return {bytes.begin(), bytes.end()};
}

}  // namespace

ResponderActor::ResponderActor(caf::actor_config& config, std::unique_ptr<ResponderPorts> ports,
                               StreamTableConfig table_config, std::shared_ptr<const Tokenizer> tokenizer,
                               std::vector<std::string> batcher_names)
    : PollingActor(config),
      ports_(std::move(ports)),
      tokenizer_(std::move(tokenizer)),
      batcher_names_(std::move(batcher_names)),
      table_(table_config, *tokenizer_, encode_answer) {}

void ResponderActor::watch(transport::Poller& poller) const {
  poller.add(ports_->from_ingress);
  poller.add(ports_->from_tokenizer);
  for (const InPort& port : ports_->from_batchers) poller.add(port);
  poller.add(ports_->to_ingress);
  for (const OutPort& port : ports_->to_batchers) poller.add(port);
}

void ResponderActor::advance(TimePoint now) {
  ports_->from_ingress.advance(now);
  ports_->from_tokenizer.advance(now);
  for (InPort& port : ports_->from_batchers) port.advance(now);
  ports_->to_ingress.advance(now);
  for (OutPort& port : ports_->to_batchers) port.advance(now);
  if (table_.next_timer() <= now && has_room()) send(table_.on_timer(now), now);

  // The ingress first: it opens streams that the others feed.
  bool is_busy = true;
  while (is_busy) {
    is_busy = take_one(ports_->from_ingress, now);
    is_busy = take_one(ports_->from_tokenizer, now) || is_busy;
    for (std::uint32_t replica = 0; replica < ports_->from_batchers.size(); ++replica) {
      is_busy = take_one(ports_->from_batchers[replica], now, replica) || is_busy;
    }
    now = this->now();  // Latencies are taken from it.
    report_if_due(now);
  }
}

bool ResponderActor::has_room() const {
  return ports_->to_ingress.has_room() && std::all_of(ports_->to_batchers.begin(), ports_->to_batchers.end(),
                                                      [](const OutPort& port) { return port.has_room(); });
}

bool ResponderActor::take_one(InPort& port, TimePoint now, std::optional<std::uint32_t> replica) {
  if (!has_room()) return false;
  auto input = port.receive<ResponderInput>(now);
  if (!input) return false;
  if (input->ok()) {
    if (auto* open = std::get_if<StreamOpen>(&**input)) open->time_left.spend(to_us(port.waited(now)));
    if (replica) note_home(**input, *replica);
    std::optional<SequenceId> ended;
    if (const auto* end = std::get_if<StreamEnd>(&**input)) ended = end->sequence;
    send(table_.on_message(std::move(**input), now), now);
    if (ended) homes_.erase(*ended);
  } else {
    write_log(LogEvent(LogLevel::kError, "responder", "message dropped").with("error", to_string(input->error())));
  }
  port.consumed();
  return true;
}

void ResponderActor::note_home(const ResponderInput& input, std::uint32_t replica) {
  const auto* tokens = std::get_if<StepTokens>(&input);
  if (tokens == nullptr || ports_->to_batchers.size() == 1) return;
  for (const StreamTokens& stream : tokens->streams) homes_.insert_or_assign(stream.sequence, replica);
}

void ResponderActor::signal(const ResponderSignal& signal, TimePoint now) {
  const SequenceId sequence = std::visit([](const auto& typed) { return typed.sequence; }, signal);
  if (const auto home = homes_.find(sequence); home != homes_.end()) {
    return ports_->to_batchers[home->second].send_any(signal, now);
  }
  for (OutPort& port : ports_->to_batchers) port.send_any(signal, now);
}

void ResponderActor::send(ResponderActions actions, TimePoint now) {
  for (const ResponderSignal& signal : actions.to_batcher) this->signal(signal, now);
  for (const RequestEnded& ended : actions.ended) write_log(event_of(ended));
  ClientAnswers answers;
  std::size_t answers_bytes = 0;
  const auto send_answers = [&] {
    if (!answers.answers.empty()) ports_->to_ingress.send(answers, now);
    answers.answers.clear();
    answers_bytes = 0;
  };
  for (StreamOutput& output : actions.to_ingress) {
    if (auto* answer = std::get_if<ClientAnswer>(&output)) {
      answers_bytes += answer->frame.size();
      answers.answers.push_back(std::move(*answer));
      if (answers_bytes >= kAnswersBytes) send_answers();
    } else {
      send_answers();  // They go before the release of their sequence.
      ports_->to_ingress.send(std::get<StreamReleased>(output), now);
    }
  }
  send_answers();
}

void ResponderActor::report(TimePoint now) {
  metrics::ResponderSnapshot snapshot;
  snapshot.snapshots_total = ++snapshots_total_;
  snapshot.table = table_.stats();
  snapshot.counts = table_.counts();
  snapshot.links.out = {{"ingress", ports_->to_ingress.stats(now)}};
  snapshot.links.in = {{"ingress", ports_->from_ingress.stats()}, {"tokenizer", ports_->from_tokenizer.stats()}};
  for (std::size_t i = 0; i < batcher_names_.size(); ++i) {
    snapshot.links.out.push_back({batcher_names_[i], ports_->to_batchers[i].stats(now)});
    snapshot.links.in.push_back({batcher_names_[i], ports_->from_batchers[i].stats()});
  }
  caf::anon_send(report_to(), std::move(snapshot));
}

}  // namespace sluice::actors
