#include "actors/responder_actor.h"

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
                               StreamTableConfig table_config, std::shared_ptr<const Tokenizer> tokenizer)
    : PollingActor(config),
      ports_(std::move(ports)),
      tokenizer_(std::move(tokenizer)),
      table_(table_config, *tokenizer_, encode_answer) {}

void ResponderActor::watch(transport::Poller& poller) const {
  poller.add(ports_->from_ingress);
  poller.add(ports_->from_tokenizer);
  poller.add(ports_->from_batcher);
  poller.add(ports_->to_ingress);
  poller.add(ports_->to_batcher);
}

void ResponderActor::advance(TimePoint now) {
  ports_->from_ingress.advance(now);
  ports_->from_tokenizer.advance(now);
  ports_->from_batcher.advance(now);
  ports_->to_ingress.advance(now);
  ports_->to_batcher.advance(now);
  if (table_.next_timer() <= now && has_room()) send(table_.on_timer(now), now);

  // The ingress first: it opens streams that the others feed.
  bool is_busy = true;
  while (is_busy) {
    is_busy = take_one(ports_->from_ingress, now);
    is_busy = take_one(ports_->from_tokenizer, now) || is_busy;
    is_busy = take_one(ports_->from_batcher, now) || is_busy;
    now = this->now();  // Latencies are taken from it.
    report_if_due(now);
  }
}

bool ResponderActor::take_one(InPort& port, TimePoint now) {
  if (!has_room()) return false;
  auto input = port.receive<ResponderInput>(now);
  if (!input) return false;
  if (input->ok()) {
    if (auto* open = std::get_if<StreamOpen>(&**input)) open->time_left.spend(to_us(port.waited(now)));
    send(table_.on_message(std::move(**input), now), now);
  } else {
    write_log(LogEvent(LogLevel::kError, "responder", "message dropped").with("error", to_string(input->error())));
  }
  port.consumed();
  return true;
}

void ResponderActor::send(ResponderActions actions, TimePoint now) {
  for (const ResponderSignal& signal : actions.to_batcher) ports_->to_batcher.send_any(signal, now);
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
  snapshot.links.out = {{"ingress", ports_->to_ingress.stats(now)}, {"batcher", ports_->to_batcher.stats(now)}};
  snapshot.links.in = {{"ingress", ports_->from_ingress.stats()},
                       {"tokenizer", ports_->from_tokenizer.stats()},
                       {"batcher", ports_->from_batcher.stats()}};
  caf::anon_send(report_to(), std::move(snapshot));
}

}  // namespace sluice::actors
