#include "cli/log_setup.h"

#include <spdlog/async.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <csignal>

#include <CLI/CLI.hpp>

#include "base/check.h"
#include "cli/log_sink.h"

namespace sluice::cli {
namespace {

constexpr std::size_t kQueueLines = 8192;
constexpr auto kPatience = std::chrono::seconds(2);

// It stands in lines as it is.
std::string plain_name(std::string name) {
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) == 0 && c != '-'; }, '?');
  return name;
}

}  // namespace

struct Log::Parts {
  // Writes what is in the queue. Takes no lock but the queue's.
  void drain() {
    constexpr int kTries = 25;  // A flush may be dropped from a full queue like any line.
    constexpr int kTryMs = 100;
    sink->hurry(kPatience);
    for (int i = 0; i < kTries; ++i) {
      logger->flush();
      if (sink->wait_for_flush(kTryMs)) return;
    }
  }

  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<LogSink> sink;
  std::shared_ptr<spdlog::async_logger> logger;
};

std::atomic<Log::Parts*> Log::current_{nullptr};

// abort() raises the signal in its own thread, which holds none of our locks there. One from elsewhere may have
// interrupted anything: then the queue is lost.
void Log::drain_on_abort() {
  struct sigaction action {};
  action.sa_flags = SA_SIGINFO;
  action.sa_sigaction = [](int, siginfo_t* info, void*) {
    const bool is_our_own = info->si_code == SI_TKILL && info->si_pid == getpid();
    Parts* const parts = current_.exchange(nullptr);
    if (is_our_own && parts != nullptr) parts->drain();
    // Where the handler returns to, abort() ends the process. One from elsewhere has to be raised again.
    signal(SIGABRT, SIG_DFL);
    if (!is_our_own) raise(SIGABRT);
  };
  SLUICE_CHECK_EQ(sigaction(SIGABRT, &action, nullptr), 0);
}

Log::Log(const std::string& who, const LogOptions& options) : parts_(std::make_unique<Parts>()) {
  parts_->pool = std::make_shared<spdlog::details::thread_pool>(kQueueLines, 1);
  LogSinkOptions sink;
  sink.fd = STDERR_FILENO;
  sink.process = plain_name(who);
  sink.format = options.format == "json" ? LogFormat::kJson : LogFormat::kText;
  sink.is_terminal = sink.format == LogFormat::kText && isatty(STDERR_FILENO) == 1;
  sink.dropped_total = [pool = std::weak_ptr(parts_->pool)] {
    const auto living = pool.lock();
    return living ? living->overrun_counter() : 0;
  };
  parts_->sink = std::make_shared<LogSink>(std::move(sink));
  parts_->logger = std::make_shared<spdlog::async_logger>(who, parts_->sink, parts_->pool,
                                                          spdlog::async_overflow_policy::overrun_oldest);
  parts_->logger->set_level(spdlog::level::from_str(options.level));
  spdlog::set_default_logger(parts_->logger);
  SLUICE_CHECK(current_.exchange(parts_.get()) == nullptr);
  drain_on_abort();
}

Log::~Log() {
  current_ = nullptr;
  parts_->drain();
  // Who logs later still does, from its own thread.
  const auto late = std::make_shared<spdlog::logger>(parts_->logger->name(), parts_->sink);
  late->set_level(parts_->logger->level());
  spdlog::set_default_logger(late);
  parts_->pool.reset();  // Waits for its thread, which waits for no reader any more.
}

void add_log_options(CLI::App& verb, LogOptions& options) {
  verb.add_option("--log-level", options.level, "debug, info, warn, error or off")
      ->check(CLI::IsMember({"debug", "info", "warn", "error", "off"}))
      ->capture_default_str();
  verb.add_option("--log-format", options.format, "text (for people) or json (one object per line)")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
}

}  // namespace sluice::cli
