#include "top/live_screen.h"

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

// Everything happens in callbacks of io_, one after the other.
class LiveScreen {
 public:
  LiveScreen(const HttpSource& source, Duration interval, Look look, Terminal& terminal, LivePicture& picture)
      : source_(source), interval_(interval), look_(look), terminal_(terminal), picture_(picture) {}

  Result<LiveEnd> run();

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
  void on_answer(const Result<std::string>& answer);
  void draw();
  void end(Result<LiveEnd> result);

  const HttpSource& source_;
  const Duration interval_;
  const Look look_;
  Terminal& terminal_;
  LivePicture& picture_;
  asio::io_context io_;
  asio::signal_set signals_{io_};
  asio::steady_timer tick_{io_};
  asio::posix::stream_descriptor keys_{io_};
  std::array<char, 16> pressed_{};
  bool is_asking_ = false;
  std::time_t answered_ = std::time(nullptr);
  std::optional<Silence> silence_;
  std::optional<Result<LiveEnd>> end_;
};

Result<LiveEnd> LiveScreen::run() {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP}) signals_.add(signal);
  if (auto entered = terminal_.enter(); !entered) return entered.error();
  if (terminal_.keys_fd() >= 0) {
    if (const int keys = ::dup(terminal_.keys_fd()); keys >= 0) keys_.assign(keys);
  }
  await_signal();
  await_key();
  tick_.expires_after(interval_);
  await_tick();
  draw();
  io_.run();
  SLUICE_CHECK(end_.has_value());
  return *std::move(end_);
}

void LiveScreen::end(Result<LiveEnd> result) {
  if (!end_) end_ = std::move(result);
  io_.stop();
}

void LiveScreen::await_signal() {
  signals_.async_wait([this](const error_code& error, int signal) {
    if (error) return end(Error{ErrorCode::kInternal, "no signals: " + error.message()});
    on_signal(signal);
    await_signal();
  });
}

void LiveScreen::on_signal(int signal) {
  if (signal == SIGTSTP) {
    // The shell gets its screen, and we are here again when it lets us go on.
    terminal_.leave();
    ::raise(SIGSTOP);
    if (auto entered = terminal_.enter(); !entered) return end(entered.error());
  } else if (signal != SIGWINCH) {
    return end(LiveEnd::kInterrupted);
  }
  draw();
}

void LiveScreen::await_key() {
  if (!keys_.is_open()) return;
  keys_.async_read_some(asio::buffer(pressed_), [this](const error_code& error, std::size_t size) {
    if (error) return;  // No more keys; there are still signals.
    if (std::find(pressed_.begin(), pressed_.begin() + static_cast<std::ptrdiff_t>(size), 'q') !=
        pressed_.begin() + static_cast<std::ptrdiff_t>(size)) {
      return end(LiveEnd::kQuit);
    }
    await_key();
  });
}

void LiveScreen::await_tick() {
  tick_.async_wait([this](const error_code& error) {
    if (error) return;
    on_tick();
    // After a stop ticks are not made up for.
    tick_.expires_at(std::max(tick_.expiry() + interval_, std::chrono::steady_clock::now()));
    await_tick();
  });
}

void LiveScreen::on_tick() {
  if (is_asking_) return draw();
  is_asking_ = true;
  source_.start_get(io_, [this](const Result<std::string>& answer) { on_answer(answer); });
}

void LiveScreen::on_answer(const Result<std::string>& answer) {
  is_asking_ = false;
  const Result<void> taken = answer ? picture_.take(*answer, silence_.has_value()) : Result<void>(answer.error());
  if (taken) {
    silence_.reset();
    answered_ = std::time(nullptr);
  } else {
    silence_ = Silence{answered_, taken.error().message};
  }
  draw();
}

void LiveScreen::draw() {
  std::string trouble;
  if (silence_) {
    const auto seconds = static_cast<long long>(std::time(nullptr) - silence_->since);
    trouble =
        "no answer since " + time_of_day(silence_->since) + " (" + std::to_string(seconds) + " s): " + silence_->reason;
  }
  const TerminalSize size = terminal_.size();
  const auto lines = picture_.draw(trouble, size);
  if (auto written = terminal_.write(paint_screen(lines, size.columns, size.rows, look_)); !written) {
    end(written.error());
  }
}

}  // namespace

Result<LiveEnd> run_live(const HttpSource& source, Duration interval, Look look, Terminal& terminal,
                         LivePicture& picture) {
  Result<LiveEnd> result = [&]() -> Result<LiveEnd> {
    try {
      return LiveScreen(source, interval, look, terminal, picture).run();
    } catch (const boost::system::system_error& error) {
      return Error{ErrorCode::kInternal, std::string("no events: ") + error.what()};
    }
  }();
  terminal.leave();
  return result;
}

}  // namespace sluice::top
