#include "actors/router_actor.h"

#include "actors/log.h"
#include "actors/snapshot_messages.h"

namespace sluice::actors {

RouterActor::RouterActor(caf::actor_config& config, std::unique_ptr<RouterPorts> ports, RouterConfig router_config,
                         std::vector<std::string> batcher_names, caf::actor ingress)
    : PollingActor(config),
      ports_(std::move(ports)),
      router_(std::move(router_config)),
      engine_(static_cast<std::uint32_t>(ports_->to_batchers.size())),
      batcher_names_(std::move(batcher_names)),
      ingress_(std::move(ingress)) {}

caf::message_handler RouterActor::make_behavior() {
  return {[this](const Availability& news) { take_news(news); }};
}

void RouterActor::close() {
  ports_.reset();
  ingress_ = nullptr;
}

// Ours first: what the ingress admits from now on finds its way.
void RouterActor::take_news(const Availability& news) {
  const auto engine_news = engine_.on_news(news.replica, {news.epoch, news.error, news.loss});
  if (!engine_news) return;
  const bool is_up = engine_.up()[news.replica];
  if (router_.up()[news.replica] != is_up) router_.set_up(news.replica, is_up);
  caf::anon_send(ingress_, Availability{engine_news->epoch, engine_news->error, engine_news->loss});
}

void RouterActor::watch(transport::Poller& poller) const {
  poller.add(ports_->from_tokenizer);
  for (const InPort& port : ports_->from_batchers) poller.add(port);
  for (const OutPort& port : ports_->to_batchers) poller.add(port);
}

void RouterActor::advance(TimePoint now) {
  ports_->from_tokenizer.advance(now);
  for (InPort& port : ports_->from_batchers) port.advance(now);
  for (OutPort& port : ports_->to_batchers) port.advance(now);
  bool is_busy = true;
  while (is_busy && mailbox().empty()) {  // Mail first: it may say that a replica is lost.
    is_busy = false;
    for (std::uint32_t replica = 0; replica < ports_->from_batchers.size(); ++replica) {
      is_busy = take_ended(replica, now) || is_busy;
    }
    is_busy = take_sequence(now) || is_busy;
    now = this->now();
    report_if_due(now);
  }
}

bool RouterActor::take_ended(std::uint32_t replica, TimePoint now) {
  InPort& port = ports_->from_batchers[replica];
  auto input = port.receive<SequenceEnded>(now);
  if (!input) return false;
  if (input->ok()) {
    router_.on_ended(replica, **input, now);
  } else {
    log_dropped_message("router", batcher_names_[replica], input->error());
  }
  port.consumed();
  return true;
}

bool RouterActor::take_sequence(TimePoint now) {
  const ReplicaSet room = with_room();
  if (!router_.can_route(room)) return false;
  auto input = ports_->from_tokenizer.receive<BatcherInput>(now);
  if (!input) return false;
  if (!input->ok()) {
    log_dropped_message("router", "tokenizer", input->error());
  } else if (auto* start = std::get_if<SequenceStart>(&**input)) {
    start->time_left.spend(to_us(ports_->from_tokenizer.waited(now)));
    ports_->to_batchers[router_.route(*start, room, now)].send(*start, now);
  } else {
    const auto& cancel = std::get<SequenceCancel>(**input);
    if (const auto home = router_.home_of(cancel.sequence)) ports_->to_batchers[*home].send(cancel, now);
  }
  ports_->from_tokenizer.consumed();
  return true;
}

ReplicaSet RouterActor::with_room() const {
  ReplicaSet room;
  for (std::size_t i = 0; i < ports_->to_batchers.size(); ++i) room.set(i, ports_->to_batchers[i].has_room());
  return room;
}

void RouterActor::report(TimePoint now) {
  metrics::RouterSnapshot snapshot;
  snapshot.snapshots_total = ++snapshots_total_;
  snapshot.router = router_.stats();
  snapshot.links.in = {{"tokenizer", ports_->from_tokenizer.stats()}};
  for (std::size_t i = 0; i < batcher_names_.size(); ++i) {
    snapshot.links.out.push_back({batcher_names_[i], ports_->to_batchers[i].stats(now)});
    snapshot.links.in.push_back({batcher_names_[i], ports_->from_batchers[i].stats()});
  }
  caf::anon_send(report_to(), std::move(snapshot));
}

}  // namespace sluice::actors
