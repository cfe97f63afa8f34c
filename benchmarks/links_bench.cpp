// Speed of a link from actor to actor: two detached actors, each with a poll loop over its mailbox and its own sockets,
// typed messages encoded and decoded on the way, as in the engine.
//
//   tools/benchmark links_bench
//
// hop: one message in flight; a round trip there and back over two links, halved. The counters p50_us and p99_us are
//   what to read; the time column is the mean of a whole round trip.
// stream: as many messages as credit allows; messages/s is what arrives.
// ipc and tcp: both actors in this process, each with a ZeroMQ context of its own, so that bytes cross the kernel.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <atomic>
#include <caf/all.hpp>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "actors/control_messages.h"
#include "actors/polling_actor.h"
#include "actors/ports.h"
#include "base/clock.h"

namespace sluice::actors {
namespace {

constexpr std::int64_t kInproc = 0, kIpc = 1, kTcp = 2;

// The two ends' contexts, and addresses that nobody else has.
class Network {
 public:
  explicit Network(std::int64_t transport)
      : transport_(transport),
        near_(transport::Context::create().value()),
        far_(transport == kInproc ? near_ : transport::Context::create().value()) {}

  const transport::Context& near() const { return near_; }
  const transport::Context& far() const { return far_; }

  std::string bind_address() const {
    static std::atomic<int> counter{0};
    const std::string name = "sluice-bench-" + std::to_string(getpid()) + "-" + std::to_string(++counter);
    if (transport_ == kInproc) return "inproc://" + name;
    if (transport_ == kIpc) return "ipc://" + (std::filesystem::temp_directory_path() / name).string();
    return "tcp://127.0.0.1:*";
  }

 private:
  std::int64_t transport_;
  transport::Context near_;
  transport::Context far_;
};

struct LinkEnds {
  InPort in;
  OutPort out;
};

LinkEnds make_link(const transport::Context& from, const transport::Context& to, const std::string& address) {
  const transport::LinkLimits limits = link_limits(LinkSettings{});
  auto in = transport::LinkIn::bind(to, address, {"bench-in", 0, Epoch{1}}, limits).value();
  auto out =
      transport::LinkOut::connect(from, in.address(), {"bench-out", 0, Epoch{1}}, limits, SteadyClock().now()).value();
  return {InPort(std::move(in)), OutPort(std::move(out))};
}

ClientAnswers message_of(std::size_t bytes) {
  return {{ClientAnswer{{1}, {"12345678"}, false, std::vector<std::byte>(bytes)}}};
}

// One end of each of two links, and what to do with what comes in.
class EndsActor : public PollingActor {
 public:
  EndsActor(caf::actor_config& config, std::shared_ptr<LinkEnds> ends) : PollingActor(config), ends_(std::move(ends)) {}

 protected:
  virtual void take_messages(TimePoint now) = 0;

  LinkEnds& ends() { return *ends_; }
  caf::message_handler make_behavior() override { return {}; }
  void watch(transport::Poller& poller) const override {
    poller.add(ends_->in);
    poller.add(ends_->out);
  }
  TimePoint next_timer() const override { return TimePoint::never(); }
  void advance(TimePoint now) override {
    ends_->in.advance(now);
    ends_->out.advance(now);
    take_messages(now);
  }
  void close() override { ends_.reset(); }

 private:
  std::shared_ptr<LinkEnds> ends_;
};

// Sends each message back.
class EchoActor final : public EndsActor {
 public:
  using EndsActor::EndsActor;

 protected:
  void take_messages(TimePoint now) override {
    while (ends().out.has_room()) {
      auto message = ends().in.receive<ClientAnswers>(now);
      if (!message) break;
      ends().out.send(**message, now);
      ends().in.consumed();
    }
  }
};

// Sends `count` messages, one after the answer to another; fulfils `done` with the time of each round trip.
class AskActor final : public EndsActor {
 public:
  AskActor(caf::actor_config& config, std::shared_ptr<LinkEnds> ends, std::size_t bytes, std::size_t count,
           std::shared_ptr<std::promise<std::vector<Duration>>> done)
      : EndsActor(config, std::move(ends)), message_(message_of(bytes)), count_(count), done_(std::move(done)) {
    trips_.reserve(count);
  }

 protected:
  void begin() override { ask(now()); }
  void take_messages(TimePoint now) override {
    while (auto message = ends().in.receive<ClientAnswers>(now)) {
      benchmark::DoNotOptimize(message);
      ends().in.consumed();
      const TimePoint answered = this->now();
      if (is_warm_) trips_.push_back(answered - asked_);
      is_warm_ = true;  // The first trip opens the sessions.
      if (trips_.size() == count_) {
        done_->set_value(std::move(trips_));
        stop();
        return;
      }
      ask(answered);
    }
  }

 private:
  void ask(TimePoint now) {
    asked_ = now;
    ends().out.send(message_, now);
  }

  ClientAnswers message_;
  std::size_t count_;
  std::shared_ptr<std::promise<std::vector<Duration>>> done_;
  std::vector<Duration> trips_;
  TimePoint asked_{};
  bool is_warm_ = false;
};

// Sends as long as there is room.
class SourceActor final : public PollingActor {
 public:
  SourceActor(caf::actor_config& config, std::shared_ptr<OutPort> out, std::size_t bytes, std::size_t count)
      : PollingActor(config), out_(std::move(out)), message_(message_of(bytes)), left_(count) {}

 protected:
  caf::message_handler make_behavior() override { return {}; }
  void watch(transport::Poller& poller) const override { poller.add(*out_); }
  TimePoint next_timer() const override { return TimePoint::never(); }
  void advance(TimePoint now) override {
    out_->advance(now);
    for (; left_ > 0 && out_->has_room(); --left_) out_->send(message_, now);
  }
  void close() override { out_.reset(); }

 private:
  std::shared_ptr<OutPort> out_;
  ClientAnswers message_;
  std::size_t left_;
};

// Takes `count` messages; fulfils `done` with the time from the first to the last.
class SinkActor final : public PollingActor {
 public:
  SinkActor(caf::actor_config& config, std::shared_ptr<InPort> in, std::size_t count,
            std::shared_ptr<std::promise<Duration>> done)
      : PollingActor(config), in_(std::move(in)), count_(count), done_(std::move(done)) {}

 protected:
  caf::message_handler make_behavior() override { return {}; }
  void watch(transport::Poller& poller) const override { poller.add(*in_); }
  TimePoint next_timer() const override { return TimePoint::never(); }
  void advance(TimePoint now) override {
    in_->advance(now);
    while (auto message = in_->receive<ClientAnswers>(now)) {
      benchmark::DoNotOptimize(message);
      in_->consumed();
      if (taken_++ == 0) first_ = now;
    }
    if (taken_ == count_) {
      done_->set_value(this->now() - first_);
      taken_ = 0;
    }
  }
  void close() override { in_.reset(); }

 private:
  std::shared_ptr<InPort> in_;
  std::size_t count_;
  std::shared_ptr<std::promise<Duration>> done_;
  std::size_t taken_ = 0;
  TimePoint first_{};
};

double to_us(Duration duration) {
  return std::chrono::duration<double, std::micro>(duration).count();
}

// Arguments: transport, bytes.
void hop(benchmark::State& state) {
  constexpr std::size_t kTrips = 20'000;
  for (auto _ : state) {
    const Network network(state.range(0));
    LinkEnds there = make_link(network.near(), network.far(), network.bind_address());
    LinkEnds back = make_link(network.far(), network.near(), network.bind_address());
    auto near = std::make_shared<LinkEnds>(LinkEnds{std::move(back.in), std::move(there.out)});
    auto far = std::make_shared<LinkEnds>(LinkEnds{std::move(there.in), std::move(back.out)});
    const auto done = std::make_shared<std::promise<std::vector<Duration>>>();

    caf::actor_system_config config;
    caf::actor_system system(config);
    const caf::actor echo = system.spawn<EchoActor, caf::detached>(std::move(far));
    system.spawn<AskActor, caf::detached>(std::move(near), static_cast<std::size_t>(state.range(1)), kTrips, done);
    std::vector<Duration> trips = done->get_future().get();
    caf::anon_send(echo, Stop{});

    Duration sum{};
    for (const Duration trip : trips) sum += trip;
    state.SetIterationTime(std::chrono::duration<double>(sum).count() / static_cast<double>(trips.size()));
    std::sort(trips.begin(), trips.end());
    state.counters["p50_us"] = to_us(trips[trips.size() / 2]) / 2;
    state.counters["p99_us"] = to_us(trips[trips.size() * 99 / 100]) / 2;
  }
}
BENCHMARK(hop)
    ->ArgsProduct({{kInproc, kIpc, kTcp}, {1024}})
    ->ArgNames({"transport", "bytes"})
    ->UseManualTime()
    ->Iterations(1)
    ->Repetitions(5)
    ->ReportAggregatesOnly()
    ->Unit(benchmark::kMicrosecond);

// Arguments: transport, bytes.
void stream(benchmark::State& state) {
  constexpr std::size_t kMessages = 400'000;
  for (auto _ : state) {
    const Network network(state.range(0));
    LinkEnds link = make_link(network.near(), network.far(), network.bind_address());
    const auto done = std::make_shared<std::promise<Duration>>();

    caf::actor_system_config config;
    caf::actor_system system(config);
    const caf::actor sink =
        system.spawn<SinkActor, caf::detached>(std::make_shared<InPort>(std::move(link.in)), kMessages, done);
    const caf::actor source = system.spawn<SourceActor, caf::detached>(
        std::make_shared<OutPort>(std::move(link.out)), static_cast<std::size_t>(state.range(1)), kMessages);
    const double seconds = std::chrono::duration<double>(done->get_future().get()).count();
    caf::anon_send(source, Stop{});
    caf::anon_send(sink, Stop{});
    state.SetIterationTime(seconds);
    state.counters["messages/s"] = static_cast<double>(kMessages) / seconds;
  }
}
BENCHMARK(stream)
    ->ArgsProduct({{kInproc, kIpc, kTcp}, {64, 1024}})
    ->ArgNames({"transport", "bytes"})
    ->UseManualTime()
    ->Iterations(1)
    ->Repetitions(5)
    ->ReportAggregatesOnly()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace sluice::actors

BENCHMARK_MAIN();
