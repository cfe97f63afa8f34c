// The verb `top` against a server with an engine's metrics: its plain picture and its exit codes; and on a terminal of
// its own, what it draws there and in which state it leaves it. With the real engine it is run in tests/e2e.

#include <doctest/doctest.h>

#include <csignal>
#include <string>
#include <vector>

#include "tests/cli/on_terminal.h"
#include "tests/cli/program.h"
#include "tests/top/metrics_server.h"
#include "tests/top/samples.h"

namespace sluice {
namespace {

using test::http_ok;
using test::kEnter;
using test::kLeave;
using test::MetricsServer;
using test::OnTerminal;
using test::run_program;

std::string growing_metrics(int number, const std::string&) {
  return http_ok(top::engine_metrics(number + 1));
}

std::vector<std::string> top_of(const MetricsServer& server) {
  return {"top", "--connect", server.address(), "--interval", "0.1"};
}

TEST_SUITE("cli/top_verb") {
  TEST_CASE("top: --once prints one picture of one window, as plain text") {
    const MetricsServer server(growing_metrics);
    const test::Outcome outcome =
        run_program({"top", "--once", "--window", "0.1", "--connect", "http://" + server.address() + "/metrics"});
    CHECK(outcome.exit_code == 0);
    CHECK(outcome.err == "");
    CHECK(outcome.out.starts_with("sluice top   storyteller-llama   up   last "));
    CHECK(outcome.out.find("\nrequests   [||||||                  ]   running 16 of 64   connections 3   "
                           "queued tokens 512\n") != std::string::npos);
    CHECK(outcome.out.find("steps      ") != std::string::npos);
    CHECK(outcome.out.find("of 5.00 sequences, 10.0 tokens") != std::string::npos);
    CHECK(outcome.out.find("\nqueue wait ") != std::string::npos);
    CHECK(outcome.out.find("\n9   0-2    head/cpu:0 ") != std::string::npos);
    CHECK(outcome.out.find("\ningress > tokenizer ") != std::string::npos);
    CHECK(outcome.out.find('\033') == std::string::npos);
  }

  TEST_CASE("top: without a terminal it is as with --once, --columns cuts") {
    const MetricsServer server(growing_metrics);
    const test::Outcome outcome =
        run_program({"top", "--window", "0.1", "--columns", "30", "--connect", server.address()});
    CHECK(outcome.exit_code == 0);
    CHECK(outcome.out.starts_with("sluice top   storyteller-llam>\n"));
  }

  TEST_CASE("top: exit codes and sentences for what does not answer, or not with an engine's metrics") {
    const test::SilentPort closed(false);
    const test::Outcome nobody = run_program({"top", "--connect", closed.address()});
    CHECK(nobody.exit_code == 69);
    CHECK(nobody.out == "");
    CHECK(nobody.err ==
          "sluice: transport_lost: no answer from http://" + closed.address() + "/metrics: Connection refused\n");

    const MetricsServer html([](int, const std::string&) { return http_ok("<html>\n"); });
    const test::Outcome no_metrics = run_program({"top", "--once", "--connect", html.address()});
    CHECK(no_metrics.exit_code == 1);
    CHECK(no_metrics.err.find(html.address() + "/metrics: line 1: ") != std::string::npos);

    const MetricsServer other(
        [](int, const std::string&) { return http_ok("# TYPE go_threads gauge\ngo_threads 8\n"); });
    const test::Outcome no_engine = run_program({"top", "--once", "--connect", other.address()});
    CHECK(no_engine.exit_code == 1);
    CHECK(no_engine.err.ends_with("/metrics: metrics of something else\n"));

    for (const std::string address : {"tcp://127.0.0.1:5555", "127.0.0.1", "https://127.0.0.1:1"}) {
      CHECK(run_program({"top", "--connect", address}).exit_code == 2);
    }
    CHECK(run_program({"top", "--interval", "0"}).exit_code == 2);
  }

  TEST_CASE("top: an engine that goes away in between is an error of --once") {
    const MetricsServer server(
        [](int number, const std::string&) { return number == 0 ? http_ok(top::engine_metrics(1)) : std::string(); });
    CHECK(run_program({"top", "--once", "--window", "0.1", "--connect", server.address()}).exit_code == 69);
  }

  TEST_CASE("top: on a terminal it draws in place, and q leaves everything as it was") {
    const MetricsServer server(growing_metrics);
    OnTerminal top(top_of(server));
    top.read_until(kEnter);
    top.read_until("first look, no rates yet");
    CHECK(top.read_until("last ").find("\033[H") != std::string::npos);  // A second picture, over the first.
    CHECK(!top.has_settings_as_before());
    top.press('x');
    top.press('q');
    const std::string rest = top.read_until(kLeave);
    CHECK(rest.find("\033[3") == std::string::npos);  // NO_COLOR.
    CHECK(top.wait() == 0);
    CHECK(top.has_settings_as_before());
  }

  TEST_CASE("top: it fits the window when that changes") {
    const MetricsServer server(growing_metrics);
    OnTerminal top(top_of(server));
    top.read_until("connections ");
    top.resize(20, 10);
    top.read_until("[|||    >");
    top.resize(100, 40);
    top.read_until("connections ");
    top.press('q');
    CHECK(top.wait() == 0);
  }

  TEST_CASE("top: Ctrl-C, SIGTERM and a hang-up leave the terminal as it was, and exit with 130") {
    const MetricsServer server(growing_metrics);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
      OnTerminal top(top_of(server));
      top.read_until(kEnter);
      top.read_until("first look");
      if (signal == SIGINT) {
        top.press('\x03');
      } else {
        top.send(signal);
      }
      top.read_until(kLeave);
      CHECK(top.wait() == 130);
      CHECK(top.has_settings_as_before());
    }
  }

  TEST_CASE("top: the shell has its screen while top is stopped, and top its own again afterwards") {
    const MetricsServer server(growing_metrics);
    OnTerminal top(top_of(server));
    top.read_until(kEnter);
    top.read_until("first look");
    top.send(SIGTSTP);
    top.read_until(kLeave);
    top.wait_until_stopped();
    CHECK(top.has_settings_as_before());
    top.send(SIGCONT);
    top.read_until(kEnter);
    top.press('q');
    CHECK(top.wait() == 0);
  }

  TEST_CASE("top: an engine that does not answer is asked until it does, and the picture says so") {
    const MetricsServer server([](int number, const std::string&) {
      return number == 1 || number == 2 ? std::string() : http_ok(top::engine_metrics(number + 1));
    });
    OnTerminal top(top_of(server));
    top.read_until("no answer since ");
    top.read_until(" s): end of stream");
    top.read_until("first look, no rates yet");  // Nothing is known of the time between.
    top.read_until("last ");
    top.press('q');
    CHECK(top.wait() == 0);
  }
}

}  // namespace
}  // namespace sluice
