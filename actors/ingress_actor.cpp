#include "actors/ingress_actor.h"

#include <sys/random.h>

#include <algorithm>

#include "actors/log.h"
#include "actors/snapshot_messages.h"
#include "base/check.h"
#include "transport/codec/client_codec.h"

namespace sluice::actors {

namespace {

constexpr int kClientStretch = 256;

// Only what the message can need: most are credits.
Entropy draw_entropy(const ClientMessage& message) {
  Entropy entropy;
  if (!std::holds_alternative<Hello>(message) && !std::holds_alternative<Generate>(message)) return entropy;
  SLUICE_CHECK_EQ(getrandom(&entropy.seed, sizeof entropy.seed, 0), static_cast<ssize_t>(sizeof entropy.seed));
  SLUICE_CHECK_EQ(getrandom(entropy.token.bytes.data(), entropy.token.bytes.size(), 0),
                  static_cast<ssize_t>(entropy.token.bytes.size()));
  return entropy;
}

}  // namespace

IngressActor::IngressActor(caf::actor_config& config, std::unique_ptr<IngressPorts> ports, LedgerConfig ledger_config,
                           std::optional<Error> unavailable, std::unique_ptr<RecordingTap> tap, caf::actor engine)
    : PollingActor(config),
      ports_(std::move(ports)),
      message_bytes_max_(ledger_config.message_bytes_max),
      ledger_(std::move(ledger_config)),
      journal_(is_logged(LogLevel::kDebug)),
      tap_(std::move(tap)),
      engine_(std::move(engine)) {
  ledger_.set_unavailable(std::move(unavailable));
}

caf::message_handler IngressActor::make_behavior() {
  return {[this](const Availability& availability) { set_availability(availability); },
          [this](const Drain& drain) {
            drain_ = drain;
            ledger_.set_unavailable(Error{ErrorCode::kUnavailable, "the engine is shutting down", 1000});
          }};
}

void IngressActor::close() {
  write_log(journal_.finish());
  ports_.reset();
  tap_.reset();
  engine_ = nullptr;
  drain_.reset();
}

void IngressActor::set_availability(const Availability& availability) {
  if (drain_) return;
  EngineReport report;
  if (availability.error) {
    report.kind = EngineReport::Kind::kDown;
    report.error = availability.loss.value_or(*availability.error);
    ended_epoch_ = std::max(ended_epoch_, Epoch{availability.epoch.value - 1});
  } else if (availability.epoch > ended_epoch_) {
    report.kind = EngineReport::Kind::kUp;
  } else {
    return;
  }
  ledger_.set_unavailable(availability.error);
  const bool is_available = !availability.error.has_value();
  if (is_available_ != is_available) caf::anon_send(engine_, report);
  is_available_ = is_available;
}

TimePoint IngressActor::next_timer() const {
  TimePoint next = std::min(journal_.next_timer(), failed_handshakes_.next_timer());
  if (has_room()) next = std::min(next, ledger_.next_timer());
  if (tap_) next = std::min(next, tap_->next_timer());
  return next;
}

void IngressActor::watch(transport::Poller& poller) const {
  // A socket that we would not read must not wake us.
  if (has_room()) poller.add(ports_->clients);
  poller.add(ports_->from_responder);
  poller.add(ports_->to_tokenizer);
  poller.add(ports_->to_responder);
}

void IngressActor::advance(TimePoint now) {
  ports_->from_responder.advance(now);
  ports_->to_tokenizer.advance(now);
  ports_->to_responder.advance(now);
  // Clients' messages a stretch at a time, so that no flood of them keeps us from timers and mail: their socket
  // announces again what is left in it.
  int num_taken = 0;
  do {
    while (take_answer(now)) {
    }
  } while (num_taken++ < kClientStretch && take_client_message(now));
  if (has_room()) {
    for (const transport::Route& route : ports_->clients.take_disconnected()) lose(ClientRoute{route.id}, now);
  }
  if (ledger_.next_timer() <= now && has_room()) send(ledger_.on_timer(now), now);
  write_log(journal_.on_timer(now));
  if (tap_) tap_->on_timer(now);
  failed_handshakes_.note(ports_->clients.failed_handshakes(), now);
  finish_drain();
}

bool IngressActor::take_client_message(TimePoint now) {
  if (!has_room()) return false;
  auto incoming = ports_->clients.receive();
  if (!incoming) return false;
  const ClientRoute route{std::move(incoming->route.id)};
  if (incoming->follows_loss) lose(route, now);
  if (ledger_.drops(route)) return true;
  if (const std::size_t bytes = size_bytes(incoming->message); bytes > message_bytes_max_) {
    const Error error{ErrorCode::kInvalidRequest, "message has " + std::to_string(bytes) + " bytes, the limit is " +
                                                      std::to_string(message_bytes_max_)};
    send(ledger_.on_undecodable(route, error, now), now);
    return true;
  }
  Result<ClientMessage> message = transport::decode_client_message(incoming->message);
  if (message.ok()) {
    ledger_.set_held_up(!ports_->to_tokenizer.has_room());
    const Entropy entropy = draw_entropy(*message);
    if (tap_) tap_->on_client(route, incoming->message, now);
    send(ledger_.on_client(route, std::move(*message), now, entropy), now);
  } else {
    send(ledger_.on_undecodable(route, message.error(), now), now);
  }
  return true;
}

void IngressActor::lose(const ClientRoute& route, TimePoint now) {
  if (tap_) tap_->on_lost(route, now);
  send(ledger_.on_disconnected(route, now), now);
}

bool IngressActor::take_answer(TimePoint now) {
  auto input = ports_->from_responder.receive<IngressInput>(now);
  if (!input) return false;
  if (!input->ok()) {
    log_dropped_message("ingress", "responder", input->error());
  } else if (auto* answers = std::get_if<ClientAnswers>(&**input)) {
    for (ClientAnswer& answer : answers->answers) forward(answer, now);
  } else {
    send(ledger_.on_released(std::get<StreamReleased>(**input), now), now);
  }
  ports_->from_responder.consumed();
  return true;
}

void IngressActor::forward(ClientAnswer& answer, TimePoint now) {
  const std::optional<ClientRoute> route = ledger_.on_answer(answer, now);
  if (!route) return;
  const auto bytes = std::make_shared<const std::vector<std::byte>>(std::move(answer.frame));
  send_to_client(*route, {transport::Frame(bytes, *bytes)}, now);
}

void IngressActor::send(IngressActions actions, TimePoint now) {
  write_log(journal_.note(actions, now));
  for (const ResponderInput& message : actions.to_responder) ports_->to_responder.send_any(message, now);
  for (const TokenizerInput& message : actions.to_tokenizer) ports_->to_tokenizer.send_any(message, now);
  for (const auto& [route, message] : actions.to_clients) send_to_client(route, transport::encode(message), now);
}

void IngressActor::send_to_client(const ClientRoute& route, const transport::Message& message, TimePoint now) {
  const Result<bool> sent = ports_->clients.send(transport::Route{route.bytes}, message);
  if (sent.ok() && *sent) {
    if (tap_) tap_->on_sent(route, message, now);
    return;
  }
  // Its queue is full although its credit bounds what we send: it has stopped reading altogether. Or it is gone.
  if (!sent.ok()) return lose(route, now);
  if (tap_) tap_->on_lost(route, now);
  send(ledger_.on_stalled(route, now), now);
}

void IngressActor::report(TimePoint now) {
  metrics::IngressSnapshot snapshot;
  snapshot.snapshots_total = ++snapshots_total_;
  snapshot.is_up = is_available_ && !drain_;
  snapshot.ledger = ledger_.stats();
  snapshot.dropped_total = ports_->clients.refused();
  if (tap_) snapshot.recording = tap_->counts();
  snapshot.failed_handshakes_total = ports_->clients.failed_handshakes();
  snapshot.links.out = {{"tokenizer", ports_->to_tokenizer.stats(now)}, {"responder", ports_->to_responder.stats(now)}};
  snapshot.links.in = {{"responder", ports_->from_responder.stats()}};
  caf::anon_send(report_to(), std::move(snapshot));
}

void IngressActor::finish_drain() {
  if (!drain_ || !drain_->reply_to || ledger_.stats().requests_running > 0) return;
  caf::anon_send(drain_->reply_to, Drained{});
  drain_->reply_to = nullptr;
}

}  // namespace sluice::actors
