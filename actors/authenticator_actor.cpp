#include "actors/authenticator_actor.h"

#include "actors/log.h"
#include "actors/snapshot_messages.h"

namespace sluice::actors {

namespace {

constexpr std::size_t kQuestionsPerTurn = 64;

}  // namespace

Result<std::unique_ptr<transport::ZapSocket>> bind_zap(const transport::Context& context) {
  if (context.keys() == nullptr) return std::unique_ptr<transport::ZapSocket>();
  auto socket = transport::ZapSocket::bind(context);
  if (!socket.ok()) return std::move(socket).error();
  return std::make_unique<transport::ZapSocket>(std::move(*socket));
}

AuthenticatorActor::AuthenticatorActor(caf::actor_config& config, std::unique_ptr<transport::ZapSocket> socket,
                                       transport::Authenticator authenticator)
    : PollingActor(config), socket_(std::move(socket)), authenticator_(std::move(authenticator)) {}

caf::message_handler AuthenticatorActor::make_behavior() {
  return {[this](const TrustedPeers& trusted) { authenticator_.set_peers(trusted.peers); }};
}

void AuthenticatorActor::advance(TimePoint now) {
  for (const auto& incoming : undecided_) decide(incoming, now);
  undecided_.clear();
  while (undecided_.size() < kQuestionsPerTurn) {
    auto incoming = socket_->receive();
    if (!incoming) break;
    undecided_.push_back(std::move(*incoming));
  }
  if (const std::uint64_t count = lines_.take_counted(now)) {
    write_log(LogEvent(LogLevel::kWarn, "authenticator", "key refused").with("count", count));
  }
}

void AuthenticatorActor::decide(const transport::ZapSocket::Incoming& incoming, TimePoint now) {
  const transport::ZapRequest& request = incoming.request;
  const transport::Verdict verdict = authenticator_.decide(request.domain, request.key);
  socket_->answer(incoming, verdict);
  if (verdict.admittance == transport::Admittance::kYes || !lines_.take(now)) return;
  LogEvent event(LogLevel::kWarn, "authenticator", "key refused");
  event.with("count", 1)
      .with("link", to_string(request.domain))
      .with("address", request.address)
      .with("key", transport::to_z85(request.key));
  if (verdict.error) event.with("error", to_string(*verdict.error));
  write_log(event);
}

void AuthenticatorActor::report(TimePoint) {
  metrics::AuthenticatorSnapshot snapshot;
  for (const auto domain :
       {transport::CurveDomain::kIngress, transport::CurveDomain::kControl, transport::CurveDomain::kStages}) {
    const auto& counts = authenticator_.counts(domain);
    snapshot.links.push_back({std::string(to_string(domain)), counts.admitted_total, counts.refused_total});
  }
  caf::anon_send(report_to(), std::move(snapshot));
}

}  // namespace sluice::actors
