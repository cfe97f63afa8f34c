#include "actors/worker_actor.h"

#include "actors/authenticator_actor.h"
#include "actors/log.h"
#include "actors/stage_actor.h"
#include "pipeline/model/shard.h"
#include "transport/codec/control_codec.h"

namespace sluice::actors {

namespace {

LogEvent event(LogLevel level, std::string_view sentence) {
  return LogEvent(level, "worker", sentence);
}

// "tcp://127.0.0.1:*" on the host that this worker is reached at.
std::string on_host(const std::string& address, const std::string& host) {
  const std::string loopback = "tcp://127.0.0.1:";
  if (host.empty() || !address.starts_with(loopback)) return address;
  return "tcp://" + host + ":" + address.substr(loopback.size());
}

}  // namespace

WorkerActor::WorkerActor(caf::actor_config& config, std::unique_ptr<transport::DealerSocket> head,
                         WorkerSettings settings, transport::Context context, caf::actor main)
    : PollingActor(config),
      head_(std::move(head)),
      settings_(std::move(settings)),
      context_(std::move(context)),
      main_(std::move(main)) {}

caf::message_handler WorkerActor::make_behavior() {
  return {[this](const StageReady& message) { tell_head(message); },
          [this](const StageFailed& message) { tell_head(message); },
          [this](const LoadProgress& message) { tell_head(message); },
          [this](const StageStats& stats) {
            // Nobody waits for them: the next ones follow.
            if (is_registered()) head_->send(transport::encode(WorkerMessage{stats}));
          }};
}

void WorkerActor::watch(transport::Poller& poller) const {
  poller.add(*head_);
}

void WorkerActor::advance(TimePoint now) {
  const bool was_registered = is_registered();
  while (!is_ended_) {
    const auto message = head_->receive();
    if (!message) break;
    const Result<HeadMessage> decoded = transport::decode_head_message(*message);
    if (decoded.ok()) {
      take_head_message(*decoded, now);
    } else {
      write_log(event(LogLevel::kWarn, "message ignored").with("error", to_string(decoded.error())));
    }
  }
  // A connection that is established while we are registered follows one whose loss was too short to be seen.
  const auto change = head_->take_change();
  const bool is_lost = change == transport::DealerSocket::Change::kLost ||
                       (was_registered && change == transport::DealerSocket::Change::kEstablished);
  if (is_lost && is_registered()) {
    start_over({ErrorCode::kTransportLost, "the head was lost"}, now);
  }
  if (is_shut_out()) return;
  if (!is_ended_ && hello_at_ <= now) say_hello(now);
}

// The head does not take our key: no try will help. Or handshakes break off, which may pass.
bool WorkerActor::is_shut_out() {
  if (!head_->refusal().empty()) {
    end({ErrorCode::kInvalidConfig, "the head at " + head_->address() + " refuses us: " + head_->refusal()});
    return true;
  }
  if (head_->broken_handshakes() > 0 && !has_told_of_handshakes_) {
    has_told_of_handshakes_ = true;
    write_log(event(LogLevel::kWarn, "handshake broke off")
                  .with("head", head_->address())
                  .with("hint", "the head goes away, or --head-key is not its key"));
  }
  return false;
}

// Not the head's any more: a named worker registers again.
void WorkerActor::start_over(const Error& reason, TimePoint hello_at) {
  write_log(event(LogLevel::kWarn, "starts over").with("reason", to_string(reason)));
  release_stages();
  if (settings_.is_spawned) return end(reason);
  hello_at_ = hello_at;
}

void WorkerActor::say_hello(TimePoint now) {
  // Fails until the connection is there: then the next try.
  head_->send(transport::encode(WorkerMessage{settings_.hello}));
  hello_at_ = now + settings_.hello_interval;
}

void WorkerActor::take_head_message(const HeadMessage& message, TimePoint now) {
  if (std::holds_alternative<WorkerWelcome>(message)) {
    if (!is_registered()) write_log(event(LogLevel::kInfo, "registered").with("worker", settings_.hello.name));
    hello_at_ = TimePoint::never();
    refused_since_.reset();
  } else if (const auto* refused = std::get_if<WorkerRefused>(&message)) {
    take_refusal(refused->error, now);
  } else if (const auto* assign = std::get_if<StageAssign>(&message)) {
    take_assignment(*assign);
  } else if (const auto* connect = std::get_if<StageConnect>(&message)) {
    if (const auto stage = stages_.find(connect->stage); stage != stages_.end())
      caf::anon_send(stage->second, *connect);
  } else if (const auto* keys = std::get_if<PeerKeys>(&message)) {
    take_peer_keys(*keys);
  } else {
    const auto& release = std::get<StageRelease>(message);
    if (const auto stage = stages_.find(release.stage); stage != stages_.end()) caf::anon_send(stage->second, release);
  }
}

void WorkerActor::take_assignment(StageAssign assign) {
  const bool is_within = assign.stage < assign.num_stages && assign.num_stages <= kPlanRanksMax &&
                         assign.pipeline_stage < assign.num_stages && assign.rank < assign.num_ranks &&
                         assign.num_ranks <= kRanksMax;
  if (!is_within) {
    return tell_head(
        StageFailed{assign.epoch,
                    assign.stage,
                    {ErrorCode::kProtocolViolation,
                     "stage " + std::to_string(assign.stage) + " of " + std::to_string(assign.num_stages) + ", rank " +
                         std::to_string(assign.rank) + " of " + std::to_string(assign.num_ranks) + "; the limits are " +
                         std::to_string(kPlanRanksMax) + " and " + std::to_string(kRanksMax)}});
  }
  if (!settings_.model_path.empty()) assign.model_path = settings_.model_path;
  assign.input_address = on_host(assign.input_address, settings_.stage_host);
  assign.exchange_address = on_host(assign.exchange_address, settings_.stage_host);
  const caf::actor& stage = stage_actor(assign.stage);
  if (const auto group = groups_.of(assign)) caf::anon_send(stage, JoinGroup{group});
  caf::anon_send(stage, assign);
  if (assign.report_interval_ms == 0) return;
  caf::anon_send(stage,
                 ReportTo{caf::actor_cast<caf::actor>(this), std::chrono::milliseconds(assign.report_interval_ms)});
}

void WorkerActor::take_refusal(const Error& error, TimePoint now) {
  if (is_registered() && is_retryable(error.code)) return start_over(error, now + settings_.hello_interval);
  if (!refused_since_) refused_since_ = now;
  const bool may_retry = is_retryable(error.code) && now - *refused_since_ < settings_.refused_patience;
  if (!may_retry) end(error);
}

void WorkerActor::take_peer_keys(const PeerKeys& keys) {
  if (!settings_.authenticator) return;
  TrustedPeers trusted;
  for (const PeerKey& peer : keys.peers) {
    trusted.peers.emplace(transport::PublicKey{peer.public_key},
                          transport::KeyOwner{transport::KeyRole::kWorker, peer.name});
  }
  caf::anon_send(settings_.authenticator, std::move(trusted));
}

caf::actor& WorkerActor::stage_actor(std::uint32_t stage) {
  const auto found = stages_.find(stage);
  if (found != stages_.end()) return found->second;
  const auto self = caf::actor_cast<caf::actor>(this);
  return stages_.emplace(stage, home_system().spawn<StageActor, caf::detached>(context_, self)).first->second;
}

void WorkerActor::release_stages() {
  for (const auto& [index, stage] : stages_) caf::anon_send(stage, StageRelease{index});
}

void WorkerActor::tell_head(const WorkerMessage& message) {
  // Lost with the connection: then the head assigns anew.
  if (!head_->send(transport::encode(message))) write_log(event(LogLevel::kWarn, "head cannot be reached"));
}

void WorkerActor::end(Error error) {
  if (is_ended_) return;
  is_ended_ = true;
  caf::anon_send(main_, WorkerEnded{std::move(error)});
  stop();
}

void WorkerActor::close() {
  if (is_registered()) tell_head(WorkerLeave{});
  for (const auto& [index, stage] : stages_) caf::anon_send(stage, Stop{});
  stages_.clear();
  head_.reset();
  settings_.authenticator = nullptr;
  main_ = nullptr;
}

}  // namespace sluice::actors
