#include "top/watch.h"

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <ctime>
#include <optional>
#include <string>
#include <utility>

#include <unistd.h>

#include "top/frame.h"
#include "top/view.h"

namespace sluice::top {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

std::string time_of_day(std::time_t time) {
  std::tm local{};
  ::localtime_r(&time, &local);
  std::array<char, 16> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%H:%M:%S", &local)};
}

Result<Scrape> parse_scrape(Result<std::string> body, const Clock& clock) {
  if (!body) return body.error();
  auto families = parse_exposition(*body);
  if (!families) return families.error();
  const auto first_of_ours = families->lower_bound("sluice_");
  if (first_of_ours == families->end() || !first_of_ours->first.starts_with("sluice_")) {
    return Error{ErrorCode::kProtocolViolation, "metrics of something else"};
  }
  return Scrape{*std::move(families), clock.now()};
}

// Everything happens in callbacks of io_, one after the other.
class Watch {
 public:
  Watch(const HttpSource& source, const WatchOptions& options, Terminal& terminal, Scrape first)
      : source_(source), options_(options), terminal_(terminal), history_(options.window) {
    history_.add(std::move(first));
  }

  Result<WatchEnd> run();

 private:
  struct Silence {
    std::time_t since = 0;
    std::string reason;
  };

  void await_signal();
  void on_signal(int signal);
  void await_key();
  void await_tick();
  void on_tick();
  void on_scrape(Result<Scrape> scrape);
  void draw();
  void end(Result<WatchEnd> result);

  const HttpSource& source_;
  const WatchOptions& options_;
  Terminal& terminal_;
  const SteadyClock clock_;
  asio::io_context io_;
  asio::signal_set signals_{io_};
  asio::steady_timer tick_{io_};
  asio::posix::stream_descriptor keys_{io_};
  std::array<char, 16> pressed_{};
  History history_;
  bool is_asking_ = false;
  std::time_t answered_ = std::time(nullptr);
  std::optional<Silence> silence_;
  std::optional<Result<WatchEnd>> end_;
};

Result<WatchEnd> Watch::run() {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP}) signals_.add(signal);
  if (auto entered = terminal_.enter(); !entered) return entered.error();
  if (terminal_.keys_fd() >= 0) {
    if (const int keys = ::dup(terminal_.keys_fd()); keys >= 0) keys_.assign(keys);
  }
  await_signal();
  await_key();
  tick_.expires_after(options_.interval);
  await_tick();
  draw();
  io_.run();
  SLUICE_CHECK(end_.has_value());
  return *std::move(end_);
}

void Watch::end(Result<WatchEnd> result) {
  if (!end_) end_ = std::move(result);
  io_.stop();
}

void Watch::await_signal() {
  signals_.async_wait([this](const error_code& error, int signal) {
    if (error) return end(Error{ErrorCode::kInternal, "no signals: " + error.message()});
    on_signal(signal);
    await_signal();
  });
}

void Watch::on_signal(int signal) {
  if (signal == SIGTSTP) {
    // The shell gets its screen, and we are here again when it lets us go on.
    terminal_.leave();
    ::raise(SIGSTOP);
    if (auto entered = terminal_.enter(); !entered) return end(entered.error());
  } else if (signal != SIGWINCH) {
    return end(WatchEnd::kInterrupted);
  }
  draw();
}

void Watch::await_key() {
  if (!keys_.is_open()) return;
  keys_.async_read_some(asio::buffer(pressed_), [this](const error_code& error, std::size_t size) {
    if (error) return;  // No more keys; there are still signals.
    if (std::find(pressed_.begin(), pressed_.begin() + static_cast<std::ptrdiff_t>(size), 'q') !=
        pressed_.begin() + static_cast<std::ptrdiff_t>(size)) {
      return end(WatchEnd::kQuit);
    }
    await_key();
  });
}

void Watch::await_tick() {
  tick_.async_wait([this](const error_code& error) {
    if (error) return;
    on_tick();
    // After a stop ticks are not made up for.
    tick_.expires_at(std::max(tick_.expiry() + options_.interval, std::chrono::steady_clock::now()));
    await_tick();
  });
}

void Watch::on_tick() {
  if (is_asking_) return draw();
  is_asking_ = true;
  source_.start_get(io_, [this](Result<std::string> body) { on_scrape(parse_scrape(std::move(body), clock_)); });
}

void Watch::on_scrape(Result<Scrape> scrape) {
  is_asking_ = false;
  if (scrape) {
    // It may be another engine, and nothing is known of the time between.
    if (silence_) history_.clear();
    silence_.reset();
    answered_ = std::time(nullptr);
    history_.add(*std::move(scrape));
  } else {
    silence_ = Silence{answered_, scrape.error().message};
  }
  draw();
}

void Watch::draw() {
  std::string trouble;
  if (silence_) {
    const auto seconds = static_cast<long long>(std::time(nullptr) - silence_->since);
    trouble =
        "no answer since " + time_of_day(silence_->since) + " (" + std::to_string(seconds) + " s): " + silence_->reason;
  }
  const TerminalSize size = terminal_.size();
  const auto lines = make_frame(make_view(history_.window()), source_.address().to_string(), trouble,
                                {.columns = size.columns, .rows = size.rows});
  if (auto written = terminal_.write(paint_screen(lines, size.columns, size.rows, options_.look)); !written) {
    end(written.error());
  }
}

}  // namespace

Result<Scrape> scrape(const HttpSource& source, const Clock& clock) {
  auto scrape = parse_scrape(source.get(), clock);
  if (scrape) return scrape;
  const bool is_silent = scrape.error().code == ErrorCode::kTransportLost;
  return Error{scrape.error().code, std::string(is_silent ? "no answer from " : "no engine's metrics at ") +
                                        source.address().to_string() + ": " + scrape.error().message};
}

Result<WatchEnd> watch(const HttpSource& source, const WatchOptions& options, Terminal& terminal, Scrape first) {
  Result<WatchEnd> result = [&]() -> Result<WatchEnd> {
    try {
      return Watch(source, options, terminal, std::move(first)).run();
    } catch (const boost::system::system_error& error) {
      return Error{ErrorCode::kInternal, std::string("no events: ") + error.what()};
    }
  }();
  terminal.leave();
  return result;
}

}  // namespace sluice::top
