#include "pipeline/log/log_line.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

namespace sluice {
namespace {

using Json = nlohmann::json;

// 2026-02-03T04:05:06.789Z
LogRecord record_of(std::string_view payload) {
  const std::chrono::milliseconds since_epoch(1'770'091'506'789);
  return {std::chrono::system_clock::time_point(since_epoch), "sluice", LogLevel::kWarn, payload};
}

TEST_SUITE("pipeline/log/log_line") {
  TEST_CASE("text: time, process, level, actor, sentence, fields") {
    const LogEvent event = LogEvent(LogLevel::kWarn, "ingress", "request refused").with("id", "a").with("count", 3);

    CHECK(line_of(record_of(event.payload()), LogFormat::kText) ==
          "2026-02-03T04:05:06.789Z sluice warn ingress: request refused id=\"a\" count=3\n");
  }

  TEST_CASE("json: the same as one object") {
    const LogEvent event = LogEvent(LogLevel::kWarn, "ingress", "request refused").with("id", "a").with("count", 3);

    const std::string line = line_of(record_of(event.payload()), LogFormat::kJson);

    CHECK(line.find('\n') == line.size() - 1);
    CHECK(Json::parse(line) == Json{{"time", "2026-02-03T04:05:06.789Z"},
                                    {"process", "sluice"},
                                    {"level", "warn"},
                                    {"actor", "ingress"},
                                    {"event", "request refused"},
                                    {"id", "a"},
                                    {"count", 3}});
  }

  TEST_CASE("an event without fields is a line as well") {
    const LogEvent event(LogLevel::kWarn, "batcher", "step overdue");

    CHECK(line_of(record_of(event.payload()), LogFormat::kText) ==
          "2026-02-03T04:05:06.789Z sluice warn batcher: step overdue\n");
    CHECK(Json::parse(line_of(record_of(event.payload()), LogFormat::kJson)).at("event") == "step overdue");
  }

  TEST_CASE("json: a value that looks like fields, quotes or objects comes back as it went in") {
    for (const std::string hostile :
         {"\" level=\"error\" x=\"", "\\", "\\\"", "{\"a\":1}", "a=b c=d", "\x1f\x1f", "\n"}) {
      CAPTURE(hostile);
      const LogEvent event = LogEvent(LogLevel::kWarn, "ingress", "said").with("id", hostile).with("after", 1);

      const std::string line = line_of(record_of(event.payload()), LogFormat::kJson);

      CHECK(line.find('\n') == line.size() - 1);
      const Json json = Json::parse(line);
      CHECK(json.size() == 7);
      CHECK(json.at("id") == hostile);
      CHECK(json.at("after") == 1);
    }
  }

  TEST_CASE("text: no value adds a line") {
    const LogEvent event = LogEvent(LogLevel::kWarn, "ingress", "said").with("id", "a\n2026-01-01 sluice error forged");

    const std::string line = line_of(record_of(event.payload()), LogFormat::kText);

    CHECK(line.find('\n') == line.size() - 1);
    CHECK(line.ends_with("said id=\"a\\n2026-01-01 sluice error forged\"\n"));
  }

  TEST_CASE("what is no event is quoted as a whole") {
    CHECK(line_of(record_of("a\nb"), LogFormat::kText).ends_with("library: says message=\"a\\nb\"\n"));
    CHECK(Json::parse(line_of(record_of("x\x1fy\x1fz\x1b"), LogFormat::kJson)).at("message") == "x\x1fy\x1fz\x1b");
  }
}

}  // namespace
}  // namespace sluice
