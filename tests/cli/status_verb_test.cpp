// The verb `status` against a server with an engine's status: what it prints, its exit codes, and its picture on a
// terminal. With the real engine it is run in tests/e2e.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "pipeline/status/status_json.h"
#include "tests/cli/on_terminal.h"
#include "tests/cli/program.h"
#include "tests/pipeline/status/status_samples.h"
#include "tests/top/metrics_server.h"

namespace sluice {
namespace {

using test::http_ok;
using test::MetricsServer;
using test::Outcome;
using test::run_program;
using test::sample_status;

std::string json_of(const EngineStatus& status) {
  return render_status_json(status, test::kStatusTime);
}

EngineStatus all_up() {
  EngineStatus status = sample_status();
  status.replicas.pop_back();
  return status;
}

Outcome status_at(const std::string& address, std::vector<std::string> further = {}) {
  further.insert(further.begin(), {"status", "--connect", address});
  return run_program(further);
}

// What is printed for this answer.
Outcome status_of(const std::string& answer, std::vector<std::string> further = {}) {
  const MetricsServer server([&](int, const std::string&) { return http_ok(answer); });
  return status_at(server.address(), std::move(further));
}

TEST_SUITE("cli/status_verb") {
  TEST_CASE("status: the tables, and 3 while a replica is not up, 0 when all are") {
    const Outcome down = status_of(json_of(sample_status()));
    CHECK(down.exit_code == 3);
    CHECK(down.err == "");
    CHECK(down.out.starts_with("model     storyteller-llama\nrequests  3 of 64\nup        1 of 2 replicas\n"));
    CHECK(down.out.find("stage 3 (layers 3-5) waits for any worker\n") != std::string::npos);
    CHECK(down.out.find("\n3      3-5     any/cpu:0       nobody     waiting ") != std::string::npos);
    CHECK(down.out.ends_with("standby  devices\ngpu-box  cuda:0, cpu:0\n"));
    CHECK(status_of(json_of(all_up())).exit_code == 0);
    const Outcome not_begun = status_of(json_of({.model = "m"}));
    CHECK(not_begun.exit_code == 3);
    CHECK(not_begun.out.find("up        0 of 0 replicas\n") != std::string::npos);
  }

  TEST_CASE("status: --json prints the object, with the times of now") {
    const Outcome outcome = status_of(json_of(sample_status()), {"--json"});
    CHECK(outcome.exit_code == 3);
    const auto parsed = parse_status_json(outcome.out, test::kStatusTime);
    REQUIRE(parsed.ok());
    CHECK(parsed->replicas[1].stages[1].ranks[0].error == "another model (on wrong)");
    CHECK(parsed->standbys == sample_status().standbys);
  }

  TEST_CASE("status: asks for /status beside the metrics that it is told of") {
    for (const std::string path : {"", "/", "/metrics", "/status"}) {
      std::string request;
      const MetricsServer server([&](int, const std::string& text) {
        request = text;
        return http_ok(json_of(all_up()));
      });
      CHECK(run_program({"status", "--metrics", "http://" + server.address() + path}).exit_code == 0);
      CHECK(request.starts_with("GET /status HTTP/1.1\r\n"));
    }
  }

  TEST_CASE("status: sentences and exit codes for what does not answer, or not with a status") {
    const test::SilentPort closed(false);
    const Outcome nobody = status_at(closed.address());
    CHECK(nobody.exit_code == 69);
    CHECK(nobody.out == "");
    CHECK(nobody.err == "sluice: transport_lost: no answer from http://" + closed.address() +
                            "/status: Connection refused (no engine runs there, or its metrics are off)\n");
    for (const std::string answer : {"# TYPE go_threads gauge\n", "{\"model\":\"m\"}", "[[[[[[[[[[[[[[[["}) {
      const Outcome other = status_of(answer);
      CHECK(other.exit_code == 1);
      CHECK(other.out == "");
      CHECK(other.err.starts_with("sluice: protocol_violation: no engine's status at http://"));
    }
    const MetricsServer missing([](int, const std::string&) { return std::string("HTTP/1.1 404 Not Found\r\n\r\n"); });
    CHECK(status_at(missing.address()).err.ends_with("/status: HTTP status 404\n"));
  }

  TEST_CASE("status: no word of a worker steers the terminal") {
    EngineStatus status = sample_status();
    status.standbys[0].name = "\033[2Jevil\n\xc2\x9b";
    const Outcome outcome = status_of(json_of(status));
    CHECK(outcome.out.find("\n?[2Jevil???  cuda:0, cpu:0\n") != std::string::npos);
  }

  TEST_CASE("status: flags that do not go together, and addresses that are none") {
    CHECK(run_program({"status", "--json", "--watch"}).exit_code == 2);
    CHECK(run_program({"status", "--interval", "1"}).exit_code == 2);
    CHECK(run_program({"status", "--watch", "--interval", "0"}).exit_code == 2);
    CHECK(run_program({"status", "--connect", "tcp://127.0.0.1:5555"}).exit_code == 2);
    // Without a terminal there is nothing to draw on.
    CHECK(status_of(json_of(all_up()), {"--watch"}).exit_code == 0);
  }

  TEST_CASE("status: --watch draws it anew, says when nobody answers, and Ctrl-C ends it") {
    const MetricsServer server([](int number, const std::string&) {
      if (number == 0) return http_ok(json_of(sample_status()));
      return number < 3 ? std::string() : http_ok(json_of(all_up()));
    });
    test::OnTerminal status({"status", "--watch", "--interval", "0.1", "--connect", server.address()});
    status.read_until(test::kEnter);
    status.read_until("waits for any worker");
    status.read_until("no answer since ");
    status.read_until("1 of 1 replica");
    status.press('\x03');
    status.read_until(test::kLeave);
    CHECK(status.wait() == 130);
    CHECK(status.has_settings_as_before());
  }
}

}  // namespace
}  // namespace sluice
