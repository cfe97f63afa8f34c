#include "load/replay/replay_driver.h"

#include <deque>
#include <map>
#include <memory>
#include <utility>

#include "load/replay/replay_connection.h"
#include "load/wake_timer.h"
#include "transport/client/client.h"
#include "transport/codec/client_codec.h"
#include "transport/curve/curve_address.h"

namespace sluice::load {

namespace {

constexpr int kTurn = 256;  // Of sending or receiving, so that neither keeps the other waiting.

class ReplayDriver {
 public:
  ReplayDriver(const ReplayScript& script, const transport::RecordingReader& reader, std::string address,
               transport::Context context, WakeTimer timer, const ReplaySettings& settings)
      : script_(script),
        reader_(reader),
        address_(std::move(address)),
        context_(std::move(context)),
        timer_(std::move(timer)),
        start_(clock_.now()),
        run_(script, settings, start_) {}

  Result<void> drive(const std::atomic<bool>& interrupted);
  ReplayOutcome outcome(bool is_interrupted) const;

 private:
  struct Connection {
    std::optional<ReplayConnection> socket;
    std::deque<std::uint32_t> outbound;  // Steps.
  };

  Result<void> queue_due();
  Result<void> flush(Connection& connection);
  Result<void> receive(std::uint32_t number, Connection& connection);
  void wait();

  const ReplayScript& script_;
  const transport::RecordingReader& reader_;
  const std::string address_;
  const transport::Context context_;
  const SteadyClock clock_;
  WakeTimer timer_;
  transport::Poller poller_;
  const TimePoint start_;
  ReplayRun run_;
  std::map<std::uint32_t, Connection> connections_;  // Those that are open.
  std::uint64_t sent_ = 0;
  std::optional<Error> loss_;
};

Result<void> ReplayDriver::drive(const std::atomic<bool>& interrupted) {
  while (!interrupted && !loss_) {
    if (auto queued = queue_due(); !queued.ok()) return queued;
    for (auto at = connections_.begin(); at != connections_.end();) {
      if (auto flushed = flush(at->second); !flushed.ok()) return flushed;
      // Closed by a step.
      if (!at->second.socket) {
        at = connections_.erase(at);
        continue;
      }
      if (auto received = receive(at->first, at->second); !received.ok()) {
        if (received.error().code != ErrorCode::kTransportLost) return received;
        loss_ = received.error();
      }
      ++at;
    }
    const TimePoint now = clock_.now();
    if (run_.is_over(now)) break;
    wait();
  }
  return {};
}

Result<void> ReplayDriver::queue_due() {
  for (int i = 0; i < kTurn; ++i) {
    const auto step = run_.take_due(clock_.now());
    if (!step) break;
    Connection& connection = connections_[script_.steps[*step].connection];
    if (!connection.socket) {
      auto socket = ReplayConnection::open(context_, address_);
      if (!socket.ok()) return std::move(socket).error();
      connection.socket.emplace(*std::move(socket));
    }
    connection.outbound.push_back(*step);
  }
  return {};
}

Result<void> ReplayDriver::flush(Connection& connection) {
  for (int i = 0; i < kTurn && !connection.outbound.empty(); ++i) {
    const std::uint32_t index = connection.outbound.front();
    const ReplayStep& step = script_.steps[index];
    if (step.is_close()) {
      connection.socket.reset();
      return {};
    }
    const auto message = reader_.read_message(step.offset);
    auto decoded = message ? transport::decode_client_frame(message->frame)
                           : Result<ClientMessage>(Error{ErrorCode::kInvalidRequest, "the recording has changed"});
    if (!decoded.ok()) return std::move(decoded).error();
    if (!connection.socket->send(run_.adapted(index, *std::move(decoded)))) return {};
    connection.outbound.pop_front();
    ++sent_;
  }
  return {};
}

Result<void> ReplayDriver::receive(std::uint32_t number, Connection& connection) {
  for (int i = 0; i < kTurn; ++i) {
    auto received = connection.socket->receive();
    if (!received.ok()) return std::move(received).error();
    if (!received->has_value()) return {};
    run_.on_message(number, **received, clock_.now());
  }
  return {};
}

void ReplayDriver::wait() {
  timer_.set(run_.next_timer());
  poller_.clear();
  poller_.add_fd(timer_.fd());
  for (const auto& [number, connection] : connections_) {
    connection.socket->watch(poller_, !connection.outbound.empty());
  }
  poller_.wait(clock_, TimePoint::never());
}

ReplayOutcome ReplayDriver::outcome(bool is_interrupted) const {
  ReplayOutcome outcome;
  outcome.answers = run_.answers();
  outcome.sent = sent_;
  outcome.unsent = run_.steps_left();
  outcome.resent = run_.resent();
  outcome.elapsed = clock_.now() - start_;
  outcome.is_interrupted = is_interrupted;
  outcome.loss = loss_;
  outcome.has_timed_out = !is_interrupted && !loss_ && !run_.is_done();
  return outcome;
}

// Whether an engine answers at all, and serves what was recorded.
Result<void> look_at(const std::string& address, const transport::Context& context, const std::string& model,
                     bool wants_same_model, Duration timeout) {
  transport::ClientOptions options;
  options.client_name = "sluice-replay";
  options.connect_timeout = timeout;
  options.context = context;
  const auto client = transport::Client::connect(address, options);
  if (!client.ok()) return client.error();
  const std::string& served = client->welcome().model;
  if (!wants_same_model || served == model) return {};
  return Error{ErrorCode::kUnsupportedVersion,
               "the recording is of the model '" + model + "', the engine serves '" + served + "'"};
}

}  // namespace

Result<ReplayOutcome> run_replay(const ReplayScript& script, const transport::RecordingReader& reader,
                                 const ReplayTarget& target, const ReplaySettings& settings, bool wants_same_model,
                                 const std::atomic<bool>& interrupted) {
  auto context = transport::Context::create({.keys = target.keys});
  if (!context.ok()) return std::move(context).error();
  const std::string address =
      target.server_key ? transport::address_of_server(target.address, *target.server_key) : target.address;
  const Duration connect_timeout = std::min<Duration>(settings.timeout, std::chrono::seconds(5));
  if (auto looked = look_at(address, *context, script.header.model, wants_same_model, connect_timeout); !looked.ok()) {
    return looked.error();
  }
  auto timer = WakeTimer::create();
  if (!timer.ok()) return std::move(timer).error();
  ReplayDriver driver(script, reader, address, *std::move(context), *std::move(timer), settings);
  if (auto driven = driver.drive(interrupted); !driven.ok()) return driven.error();
  return driver.outcome(interrupted);
}

}  // namespace sluice::load
