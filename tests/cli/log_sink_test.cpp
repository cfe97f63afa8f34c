#include "cli/log_sink.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <spdlog/async.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include <nlohmann/json.hpp>

#include "actors/log.h"
#include "base/check.h"
#include "cli/log_setup.h"

namespace sluice::cli {
namespace {

// A pipe that the sink writes to.
struct Pipe {
  Pipe() { REQUIRE(pipe2(ends, O_CLOEXEC) == 0); }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    close(ends[0]);
    close_writing();
  }

  void close_writing() {
    if (ends[1] >= 0) close(ends[1]);
    ends[1] = -1;
  }
  std::string read_some() {
    std::string bytes(65'536, '\0');
    const ssize_t count = read(ends[0], bytes.data(), bytes.size());
    REQUIRE((count >= 0 || errno == EAGAIN));
    bytes.resize(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    return bytes;
  }
  // Until nothing more fits.
  void fill() {
    const int flags = fcntl(ends[1], F_GETFL);
    fcntl(ends[1], F_SETFL, flags | O_NONBLOCK);
    const std::string block(4096, 'x');
    while (write(ends[1], block.data(), block.size()) > 0) {
    }
    fcntl(ends[1], F_SETFL, flags);
  }

  int ends[2] = {-1, -1};
};

void post(LogSink& sink, const LogEvent& event) {
  sink.log({"sluice", spdlog::level::warn, spdlog::string_view_t(event.payload())});
}

LogEvent event() {
  return LogEvent(LogLevel::kWarn, "test", "said").with("text", "a\nb");
}

TEST_SUITE("cli/log_sink") {
  TEST_CASE("a line is written at once, and whole") {
    Pipe pipe;
    LogSink sink({.fd = pipe.ends[1], .process = "sluice"});

    post(sink, event());

    const std::string line = pipe.read_some();
    CHECK(line.ends_with(" sluice warn test: said text=\"a\\nb\"\n"));
  }

  TEST_CASE("a terminal: what stands in the line is erased, warnings are coloured, the value still has no escape") {
    Pipe pipe;
    LogSink sink({.fd = pipe.ends[1], .process = "sluice", .is_terminal = true});

    post(sink, LogEvent(LogLevel::kWarn, "test", "said").with("text", "\x1b[2J"));

    const std::string line = pipe.read_some();
    CHECK(line.starts_with("\r\x1b[K\x1b[33m"));
    CHECK(line.ends_with("text=\"\\u001b[2J\"\x1b[0m\n"));
  }

  TEST_CASE("json: one object per line") {
    Pipe pipe;
    LogSink sink({.fd = pipe.ends[1], .process = "sluice", .format = LogFormat::kJson});

    post(sink, event());

    const std::string line = pipe.read_some();
    CHECK(line.find('\n') == line.size() - 1);
    CHECK(nlohmann::json::parse(line).at("text") == "a\nb");
  }

  TEST_CASE("a reader that takes nothing is given up once there is a hurry") {
    Pipe pipe;
    pipe.fill();
    LogSink sink({.fd = pipe.ends[1], .process = "sluice"});
    sink.hurry(Duration::zero());

    post(sink, event());
    sink.flush();

    CHECK(sink.wait_for_flush(0));
    CHECK_FALSE(sink.wait_for_flush(0));
  }

  TEST_CASE("a reader that is gone does not matter") {
    Pipe pipe;
    LogSink sink({.fd = pipe.ends[1], .process = "sluice"});
    pipe.close_writing();

    post(sink, event());
    sink.flush();

    CHECK(sink.wait_for_flush(0));
  }

  TEST_CASE("behind a full queue the oldest lines are dropped, and a line says how many: written + dropped = logged") {
    constexpr std::size_t kLogged = 1000;
    Pipe pipe;
    pipe.fill();
    auto pool = std::make_shared<spdlog::details::thread_pool>(16, 1);
    const auto sink = std::make_shared<LogSink>(LogSinkOptions{
        .fd = pipe.ends[1], .process = "sluice", .dropped_total = [&] { return pool->overrun_counter(); }});
    const auto logger =
        std::make_shared<spdlog::async_logger>("test", sink, pool, spdlog::async_overflow_policy::overrun_oldest);
    for (std::size_t i = 0; i < kLogged; ++i) {
      const LogEvent numbered = LogEvent(LogLevel::kInfo, "test", "said").with("number", i);
      logger->log(spdlog::level::info, spdlog::string_view_t(numbered.payload()));
    }

    // The thread waits for us until here; the flush stands behind the last line.
    std::string text;
    logger->flush();
    REQUIRE(fcntl(pipe.ends[0], F_SETFL, O_NONBLOCK) == 0);
    while (!sink->wait_for_flush(1)) text += pipe.read_some();
    text += pipe.read_some();

    std::size_t written = 0;
    std::size_t dropped = 0;
    for (std::size_t at = text.find("said number="); at != std::string::npos; at = text.find("said number=", at + 1)) {
      ++written;
    }
    for (std::size_t at = text.find("lines dropped count="); at != std::string::npos;
         at = text.find("lines dropped count=", at + 1)) {
      dropped += std::stoul(text.substr(at + std::string("lines dropped count=").size()));
    }
    CHECK(text.find("number=999\n") != std::string::npos);
    CHECK(written <= 18);
    CHECK(written + dropped == kLogged);
  }
}

TEST_SUITE("cli/log_setup") {
  TEST_CASE("a failed check: all that was logged before is written before the process ends") {
    Pipe pipe;
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      dup2(pipe.ends[1], STDERR_FILENO);
      const Log log("sluice", {});
      for (int i = 0; i < 1000; ++i) actors::write_log(LogEvent(LogLevel::kInfo, "test", "said").with("number", i));
      SLUICE_CHECK_EQ(1, 2);
    }
    pipe.close_writing();
    std::string text;
    for (std::string more = pipe.read_some(); !more.empty(); more = pipe.read_some()) text += more;
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);

    CHECK(WTERMSIG(status) == SIGABRT);
    CHECK(text.find("check failed: 1 == 2") != std::string::npos);
    for (int i = 0; i < 1000; ++i) {
      if (text.find("said number=" + std::to_string(i) + "\n") == std::string::npos) FAIL("line " << i << " is lost");
    }
  }
}

}  // namespace
}  // namespace sluice::cli
