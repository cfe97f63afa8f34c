#include "tests/pipeline/request/simulation.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <utility>

namespace sluice::test {
namespace {

using std::chrono::milliseconds;

constexpr std::uint32_t kSteps = 3'000;
constexpr std::uint32_t kSignalDelaySteps = 20;
constexpr std::size_t kLinkMessages = 8;  // The engine's credit on its link to the responder.
constexpr std::uint64_t kTokensAtOnce = 3;
constexpr std::size_t kTokenizerQueue = 2;      // Full beyond.
constexpr std::uint64_t kPromptTokensMax = 10;  // A prompt counts for no more.

const std::string kStory =
    "Once upon a time there was a small fox \xF0\x9F\xA6\x8A who lived in a caf\xC3\xA9 by the river and the hill, and "
    "every day the na\xC3\xAFve fox said: \"I never saw the sea.\" One day a bird came and the fox went with her.";

std::uint64_t hash_of(const std::string& text) {
  std::uint64_t hash = 1469598103934665603u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return hash;
}

}  // namespace

Script script_of(const std::string& prompt) {
  static const std::vector<TokenId> story = ids_of(kStory);
  SplitMix64 random(hash_of(prompt));
  Script script;
  script.is_too_long = random.below(10) == 0;
  script.reason = random.below(2) == 0 ? FinishReason::kStop : FinishReason::kLength;
  const std::uint64_t begin = random.below(story.size());
  const std::uint64_t count = random.below(50);
  for (std::uint64_t i = 0; i < count; ++i) script.tokens.push_back(story[(begin + i) % story.size()]);
  return script;
}

void SimulatedEngine::take(const TokenizerInput& input) {
  if (const auto* submission = std::get_if<Submission>(&input)) {
    sequences_[submission->sequence] = {script_of(std::get<std::string>(submission->prompt)), 0, false, {}};
    return;
  }
  const auto at = sequences_.find(std::get<SequenceCancel>(input).sequence);
  if (at != sequences_.end() && !at->second.early_end) at->second.early_end = FinishReason::kCancelled;
}

void SimulatedEngine::take(const ResponderSignal& signal) {
  if (const auto* stop = std::get_if<StreamStop>(&signal)) {
    const auto at = sequences_.find(stop->sequence);
    if (at != sequences_.end()) at->second.early_end = FinishReason::kStop;
    return;
  }
  const auto& pause = std::get<StreamPause>(signal);
  const auto at = sequences_.find(pause.sequence);
  if (at != sequences_.end()) at->second.is_paused = pause.paused;
}

std::optional<ResponderInput> SimulatedEngine::step(SplitMix64& random) {
  if (sequences_.empty()) return std::nullopt;
  const auto at = std::next(sequences_.begin(), static_cast<std::ptrdiff_t>(random.below(sequences_.size())));
  Sequence& sequence = at->second;
  StreamEnd end;
  end.sequence = at->first;
  end.usage = {7, static_cast<std::uint32_t>(sequence.produced), 0};
  if (sequence.script.is_too_long) {
    end.outcome = Error{ErrorCode::kPromptTooLong, "prompt is too long", 0};
  } else if (sequence.early_end) {
    end.outcome = *sequence.early_end;
  } else if (sequence.produced == sequence.script.tokens.size()) {
    end.outcome = sequence.script.reason;
  } else {
    if (sequence.is_paused) return std::nullopt;
    const std::uint64_t left = sequence.script.tokens.size() - sequence.produced;
    const std::uint64_t count = std::min(left, 1 + random.below(kTokensAtOnce));
    const auto first = sequence.script.tokens.begin() + static_cast<std::ptrdiff_t>(sequence.produced);
    StreamTokens tokens{at->first, sequence.produced, {first, first + static_cast<std::ptrdiff_t>(count)}, {}};
    sequence.produced += count;
    return StepTokens{{std::move(tokens)}};
  }
  sequences_.erase(at);
  return end;
}

std::vector<ResponderInput> SimulatedEngine::lose_stage() {
  std::vector<ResponderInput> ends;
  for (const auto& [id, sequence] : sequences_) {
    StreamEnd end;
    end.sequence = id;
    end.outcome = Error{ErrorCode::kStageLost, "stage 1 died", 100};
    ends.emplace_back(std::move(end));
  }
  sequences_.clear();
  return ends;
}

SimulatedWorld::SimulatedWorld(std::uint64_t seed) : random_(seed) {
  facts_.window_tokens = static_cast<std::uint32_t>(1 + random_.below(8));
  facts_.may_dismiss = random_.below(2) == 0;
  ledger_config_.max_requests = static_cast<std::uint32_t>(1 + random_.below(6));
  ledger_config_.max_queued_prompt_tokens = random_.below(2) == 0 ? 0 : 1 + random_.below(40);
  ledger_config_.context_tokens = kPromptTokensMax;
  ledger_config_.client_window_tokens = facts_.window_tokens;
  ledger_config_.max_attachments = 2;
  ledger_config_.sessions = {.max_sessions = 8, .max_connections = 8, .session_idle_ms = 300};
  table_config_.client_window_tokens = facts_.window_tokens;
  table_config_.message_tokens_max = static_cast<std::uint32_t>(1 + random_.below(8));
  const bool keeps_nothing = facts_.may_dismiss && random_.below(4) == 0;
  table_config_.drain_ms = facts_.may_dismiss ? 40 : 1'000'000;
  table_config_.retention.max_streams = facts_.may_dismiss ? (keeps_nothing ? 0 : 3) : 100'000;
  table_config_.retention.keep_ms = facts_.may_dismiss ? 80 : 1'000'000;
  ledger_.emplace(ledger_config_);
  table_.emplace(table_config_, storyteller_tokenizer(), book_.encoder());
  for (std::uint32_t i = 0; i < 3; ++i) clients_.emplace_back(i, facts_);
}

std::string SimulatedWorld::run() {
  for (steps_ = 0; steps_ < kSteps && facts_.failure.empty(); ++steps_) step();
  if (facts_.failure.empty()) finish();
  return facts_.failure;
}

void SimulatedWorld::step() {
  now_ = now_ + std::chrono::microseconds(random_.below(1'000));
  run_timers();
  const std::uint64_t choice = random_.below(100);
  if (choice < 10) {
    let_client_act();
  } else if (choice < 45) {
    if (engine_to_responder_.size() < kLinkMessages) {
      if (auto message = engine_.step(random_)) engine_to_responder_.push_back(std::move(*message));
    }
  } else {
    deliver_something();
  }
  while (!signals_.empty() && signals_.front().second + kSignalDelaySteps < steps_) deliver_signal();
  if (random_.below(400) == 0) {
    for (ResponderInput& end : engine_.lose_stage()) engine_to_responder_.push_back(std::move(end));
    ledger_->set_unavailable(Error{ErrorCode::kUnavailable, "stage 1 is missing", 100});
  } else if (random_.below(20) == 0) {
    ledger_->set_unavailable({});
  }
  if (steps_ % 8 == 0) check();
}

void SimulatedWorld::let_client_act() {
  SimulatedClient& client = clients_[random_.below(clients_.size())];
  const std::uint64_t fate = random_.below(60);
  if (fate < 2 && client.has_said_hello()) {
    const ClientRoute lost = client.route();
    client.lose_connection();
    if (fate == 0) {  // Comes back under its own name, before anybody noticed.
      return;
    }
    client.take_new_route();
    unreported_losses_.insert(lost);
    return;
  }
  std::vector<SimulatedClient*> others;
  for (SimulatedClient& other : clients_) others.push_back(&other);
  auto message = client.act(random_, others);
  if (message) send(client, std::move(*message));
}

void SimulatedWorld::deliver_something() {
  switch (random_.below(7)) {
    case 0: deliver_to_engine(); break;
    case 1: deliver_signal(); break;
    case 2: deliver_to_responder(true); break;
    case 3: deliver_to_responder(false); break;
    case 4: deliver_to_ingress(); break;
    case 5: deliver_to_client(); break;
    default:
      if (unreported_losses_.empty()) break;
      const ClientRoute lost = *unreported_losses_.begin();
      unreported_losses_.erase(unreported_losses_.begin());
      spread(ledger_->on_disconnected(lost, now_));
  }
}

void SimulatedWorld::send(SimulatedClient& client, ClientMessage message) {
  ++draws_;
  Entropy entropy{draws_, {}};
  for (std::size_t i = 0; i < 8; ++i) entropy.token.bytes[i] = static_cast<std::uint8_t>(draws_ >> (8 * i));
  if (const auto* generate = std::get_if<Generate>(&message)) client.note_generate(*generate, entropy.seed);
  ledger_->set_held_up(to_engine_.size() >= kTokenizerQueue);
  spread(ledger_->on_client(client.route(), std::move(message), now_, entropy));
}

void SimulatedWorld::spread(IngressActions actions) {
  for (ResponderInput& message : actions.to_responder) ingress_to_responder_.push_back(std::move(message));
  for (TokenizerInput& message : actions.to_tokenizer) to_engine_.push_back(std::move(message));
  for (auto& [route, message] : actions.to_clients) {
    for (SimulatedClient& client : clients_) {
      if (client.route() == route) client.receive(message);
    }
  }
}

void SimulatedWorld::spread(ResponderActions actions) {
  for (StreamOutput& message : actions.to_ingress) to_ingress_.push_back(std::move(message));
  for (ResponderSignal& signal : actions.to_batcher) signals_.emplace_back(signal, steps_);
}

void SimulatedWorld::run_timers() {
  if (ledger_->next_timer() <= now_) spread(ledger_->on_timer(now_));
  if (table_->next_timer() <= now_) spread(table_->on_timer(now_));
  facts_.expect(ledger_->next_timer() > now_ && table_->next_timer() > now_, "a timer that is over stayed");
}

bool SimulatedWorld::deliver_to_engine() {
  if (to_engine_.empty()) return false;
  engine_.take(to_engine_.front());
  to_engine_.pop_front();
  return true;
}

bool SimulatedWorld::deliver_signal() {
  if (signals_.empty()) return false;
  engine_.take(signals_.front().first);
  signals_.pop_front();
  return true;
}

bool SimulatedWorld::deliver_to_responder(bool from_ingress) {
  auto& link = from_ingress ? ingress_to_responder_ : engine_to_responder_;
  if (link.empty()) return false;
  ResponderInput message = std::move(link.front());
  link.pop_front();
  spread(table_->on_message(std::move(message), now_));
  return true;
}

bool SimulatedWorld::deliver_to_ingress() {
  if (to_ingress_.empty()) return false;
  const StreamOutput message = std::move(to_ingress_.front());
  to_ingress_.pop_front();
  if (const auto* answer = std::get_if<ClientAnswer>(&message)) {
    const std::optional<ClientRoute> route = ledger_->on_answer(*answer, now_);
    for (SimulatedClient& client : clients_) {
      if (route && client.route() == *route) client.receive(book_.decode(answer->frame));
    }
  } else {
    spread(ledger_->on_released(std::get<StreamReleased>(message), now_));
  }
  return true;
}

bool SimulatedWorld::deliver_to_client() {
  return clients_[random_.below(clients_.size())].take_next();
}

void SimulatedWorld::check() {
  ledger_->check_invariants();
  table_->check_invariants();
  const StreamTableStats stats = table_->stats();
  const std::uint32_t running = ledger_->stats().requests_running;
  const std::uint64_t queued = ledger_->stats().queued_prompt_tokens;
  if (stats.streams_early > 0) ++facts_.coverage.early;
  if (stats.streams_paused > 0) ++facts_.coverage.paused;
  facts_.expect(running <= ledger_config_.max_requests, "more requests than credits");
  const std::uint64_t tokens_max = ledger_config_.max_queued_prompt_tokens;
  facts_.expect(tokens_max == 0 || queued <= std::max(tokens_max, kPromptTokensMax),
                "more prompt tokens than may queue");
  facts_.expect(running > 0 || queued == 0, "prompt tokens of nobody are queued");
  facts_.expect(stats.streams_running + stats.streams_draining <= running, "a stream without an admission credit");
  facts_.expect(stats.streams_early <= running, "an early stream without an admission credit");
  // A window ahead, what a pause on its way could not prevent, and what waits for a stop string to become none.
  const std::uint64_t overrun = (kSignalDelaySteps + kLinkMessages) * kTokensAtOnce + 16;
  facts_.expect(stats.backlog_tokens <= running * (facts_.window_tokens + overrun), "a backlog beyond its bound");
}

void SimulatedWorld::drain() {
  for (int idle = 0; idle < 50 && facts_.failure.empty();) {
    bool is_busy = deliver_to_engine();
    is_busy = deliver_signal() || is_busy;
    is_busy = deliver_to_responder(true) || is_busy;
    is_busy = deliver_to_responder(false) || is_busy;
    is_busy = deliver_to_ingress() || is_busy;
    is_busy = deliver_to_client() || is_busy;
    if (auto message = engine_.step(random_)) {
      engine_to_responder_.push_back(std::move(*message));
      is_busy = true;
    }
    idle = is_busy ? 0 : idle + 1;
  }
}

// Everybody becomes reasonable: takes token by token until all has ended, then leaves. Nothing may be left over.
void SimulatedWorld::finish() {
  drain();
  facts_.expect(table_->stats().attachments == ledger_->stats().attachments, "an attachment was never detached");
  const std::size_t rounds = 2 * ids_of(kStory).size();
  for (std::size_t round = 0; round < rounds; ++round) {
    for (SimulatedClient& client : clients_) {
      if (!client.is_connected()) continue;
      for (ClientMessage& credit : client.grant_one_each()) send(client, std::move(credit));
    }
    drain();
    if (std::all_of(clients_.begin(), clients_.end(), [](const auto& client) { return client.is_content(); })) break;
  }
  check();
  for (const SimulatedClient& client : clients_) {
    facts_.expect(client.is_content(), client.route().bytes + ": something was never answered");
  }
  for (const ClientRoute& lost : unreported_losses_) spread(ledger_->on_disconnected(lost, now_));
  for (const SimulatedClient& client : clients_) spread(ledger_->on_disconnected(client.route(), now_));
  for (int round = 0; round < 4; ++round) {
    drain();
    now_ = now_ + milliseconds(2'000'000);
    run_timers();
  }
  check();
  const LedgerStats ledger = ledger_->stats();
  facts_.coverage.retried = ledger.retried_total;
  facts_.coverage.strays = ledger.stray_total;
  facts_.coverage.overloaded_tokens = ledger.overloaded_tokens_total;
  facts_.coverage.overloaded_wait = ledger.overloaded_wait_total;
  facts_.coverage.overloaded_held_up = ledger.overloaded_held_up_total;
  facts_.expect(ledger.queued_prompt_tokens == 0, "prompt tokens were never taken off the queue");
  facts_.expect(ledger.requests_running == 0, "an admission credit was lost");
  facts_.expect(ledger.requests_kept == 0 && ledger.attachments == 0, "a request was never forgotten");
  facts_.expect(ledger.connections == 0 && ledger.sessions == 0, "a session was never forgotten");
  const StreamTableStats table = table_->stats();
  facts_.coverage.overrun_tokens = table.overrun_tokens_total;
  facts_.expect(table.streams_running + table.streams_draining + table.streams_kept + table.streams_early == 0,
                "a stream was never forgotten");
  facts_.expect(table_->next_timer() == TimePoint::never(), "a timer is left");
  facts_.expect(ledger_->next_timer() == TimePoint::never(), "a timer is left in the ledger");
  facts_.expect(engine_.num_sequences() == 0, "the engine was never told of an end");
}

}  // namespace sluice::test
