#include "load/driver.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "base/check.h"
#include "load/stalled_clients.h"
#include "load/wake_timer.h"
#include "transport/client/client.h"
#include "transport/zmq/poller.h"

namespace sluice::load {

namespace {

// At a time, so that neither sending nor receiving keeps the other waiting.
constexpr int kTurn = 256;
constexpr Duration kProgressInterval = std::chrono::seconds(1);

// Waits to be sent: request `number`, or a credit for it.
struct Outbound {
  std::uint64_t number = 0;
  std::optional<Credit> credit;
};

struct Connection {
  transport::Client client;
  std::deque<Outbound> outbound;
  bool is_lost = false;
};

class Driver {
 public:
  Driver(std::vector<Connection> connections, WakeTimer timer, const RequestSource& source, LoadRun run)
      : connections_(std::move(connections)), timer_(std::move(timer)), source_(source), run_(std::move(run)) {}

  void drive(const std::atomic<bool>& interrupted, const OnProgress& on_progress);

  LoadRun& run() { return run_; }
  const std::optional<Error>& loss() const { return loss_; }

 private:
  void queue_due();
  void flush(Connection& connection);
  Result<void> send(Connection& connection, const Outbound& outbound);
  void receive(Connection& connection);
  void lose(Connection& connection, const Error& error);
  void wait(TimePoint until);

  const SteadyClock clock_;
  std::vector<Connection> connections_;
  WakeTimer timer_;
  const RequestSource& source_;
  LoadRun run_;
  transport::Poller poller_;
  std::optional<Error> loss_;  // The first.
};

void Driver::drive(const std::atomic<bool>& interrupted, const OnProgress& on_progress) {
  const TimePoint start = clock_.now();
  TimePoint next_progress = start + kProgressInterval;
  while (!interrupted && !run_.is_over(clock_.now())) {
    queue_due();
    for (Connection& connection : connections_) {
      if (!connection.is_lost) flush(connection);
      if (!connection.is_lost) receive(connection);
    }
    if (const TimePoint now = clock_.now(); now >= next_progress) {
      on_progress(run_.outcomes(), run_.in_flight(), now - start);
      next_progress = std::max(next_progress, now - kProgressInterval) + kProgressInterval;
    }
    if (!run_.is_over(clock_.now())) wait(std::min(next_progress, run_.next_timer()));
  }
  run_.finish(clock_.now());
}

void Driver::queue_due() {
  for (int i = 0; i < kTurn; ++i) {
    const auto number = run_.take_due(clock_.now());
    if (!number) return;
    connections_[*number % connections_.size()].outbound.push_back({*number, {}});
  }
}

void Driver::flush(Connection& connection) {
  auto& outbound = connection.outbound;
  for (int i = 0; i < kTurn && !outbound.empty(); ++i) {
    const std::uint64_t number = outbound.front().number;
    const bool is_request = !outbound.front().credit;
    const Result<void> sent = send(connection, outbound.front());
    if (!sent && sent.error().code == ErrorCode::kOverloaded) return;  // The socket's queue is full: later.
    if (!sent && sent.error().code == ErrorCode::kTransportLost) return lose(connection, sent.error());
    outbound.pop_front();
    if (!is_request) continue;
    if (sent) {
      run_.on_sent(number, clock_.now());
    } else {
      run_.on_failed(number, sent.error(), clock_.now());
    }
  }
}

Result<void> Driver::send(Connection& connection, const Outbound& outbound) {
  if (outbound.credit) return connection.client.send(*outbound.credit);
  return connection.client.send(source_.request(outbound.number));
}

void Driver::receive(Connection& connection) {
  for (int i = 0; i < kTurn; ++i) {
    const auto received = connection.client.receive(Duration::zero());
    if (!received) return lose(connection, received.error());
    if (!received->has_value()) return;
    auto credit = run_.on_message(**received, clock_.now());
    if (!credit) continue;
    connection.outbound.push_back({0, std::move(credit)});
    flush(connection);
    if (connection.is_lost) return;
  }
}

// All connections lead to the same engine: where one is lost, a run has nothing more to measure.
void Driver::lose(Connection& connection, const Error& error) {
  connection.is_lost = true;
  connection.outbound.clear();
  if (!loss_) loss_ = error;
  const TimePoint now = clock_.now();
  run_.stop_sending(now);
  const std::size_t index = static_cast<std::size_t>(&connection - connections_.data());
  const auto is_its = [&](std::uint64_t number) { return number % connections_.size() == index; };
  for (const std::uint64_t number : run_.in_flight_where(is_its)) run_.on_failed(number, error, now);
}

void Driver::wait(TimePoint until) {
  timer_.set(until);
  poller_.clear();
  poller_.add_fd(timer_.fd());
  for (const Connection& connection : connections_) {
    if (!connection.is_lost) connection.client.watch(poller_, !connection.outbound.empty());
  }
  poller_.wait(clock_, TimePoint::never());
}

std::string address_of(const LoadTarget& target) {
  return target.server_key ? transport::address_of_server(target.address, *target.server_key) : target.address;
}

Result<std::vector<Connection>> connect_all(const LoadTarget& target, const transport::Context& context) {
  transport::ClientOptions options;
  options.client_name = "sluice-load";
  options.connect_timeout = target.connect_timeout;
  options.context = context;
  std::vector<Connection> connections;
  for (std::uint32_t i = 0; i < target.connections; ++i) {
    auto client = transport::Client::connect(address_of(target), options);
    if (!client) return std::move(client).error();
    connections.push_back({*std::move(client), {}, false});
  }
  return connections;
}

}  // namespace

Result<LoadReport> run_load(const LoadTarget& target, const RunLimits& limits, Pace pace, const RequestSource& source,
                            const std::atomic<bool>& interrupted, const OnProgress& on_progress) {
  SLUICE_CHECK_GT(target.connections, 0u);
  const auto context = transport::Context::create({.keys = target.keys});
  if (!context) return context.error();
  auto connections = connect_all(target, *context);
  if (!connections) return std::move(connections).error();
  const auto stalled = StalledClients::open(*context, address_of(target), target.stalled, target.connect_timeout);
  if (!stalled) return stalled.error();
  auto timer = WakeTimer::create();
  if (!timer) return timer.error();
  LoadReport report;
  report.address = target.address;
  report.connections = target.connections;
  const Welcome& welcome = connections->front().client.welcome();
  report.model = welcome.model;

  const SteadyClock clock;
  const std::uint64_t window = welcome.client_window_tokens;
  LoadRun run = pace.arrivals ? LoadRun::open_loop(limits, *std::move(pace.arrivals), window, clock.now())
                              : LoadRun::closed_loop(limits, pace.callers, window, clock.now());
  if (target.is_mock) {
    if (welcome.vocabulary_tokens == 0) {
      return Error{ErrorCode::kUnsupportedVersion, "the engine does not say how large its vocabulary is"};
    }
    run.expect_mock(welcome.vocabulary_tokens);
  }
  Driver driver(*std::move(connections), *std::move(timer), source, std::move(run));
  driver.drive(interrupted, on_progress);
  report.elapsed = driver.run().elapsed(clock.now());
  report.outcomes = driver.run().outcomes();
  report.is_interrupted = interrupted;
  report.loss = driver.loss();
  return report;
}

}  // namespace sluice::load
