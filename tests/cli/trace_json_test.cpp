#include "cli/trace_json.h"

#include <doctest/doctest.h>

#include <map>

#include <nlohmann/json.hpp>

namespace sluice::cli {
namespace {

using Json = nlohmann::json;

Finished finished_with(std::vector<TraceSpan> spans) {
  Finished finished;
  finished.request_id = "a";
  finished.trace.spans = std::move(spans);
  finished.trace.num_dropped = 3;
  return finished;
}

// The names of the tracks by thread.
std::map<int, std::string> track_names(const Json& json) {
  std::map<int, std::string> names;
  for (const Json& event : json.at("traceEvents")) {
    if (event.at("name") == "thread_name") names[event.at("tid")] = event.at("args").at("name");
  }
  return names;
}

TEST_SUITE("cli/trace_json") {
  TEST_CASE("spans are complete events on named tracks, in microseconds") {
    const Json json = Json::parse(trace_json(finished_with({{TraceKind::kQueue, 0, 0, 0, 0, 5, 7},
                                                            {TraceKind::kDecodeStep, 0, 1, 9, 4, 12, 8},
                                                            {TraceKind::kCompute, 2, 1, 9, 4, 13, 6},
                                                            {TraceKind::kSend, 0, 1, 0, 0, 21, 0}})));

    CHECK(json.at("displayTimeUnit") == "ms");
    CHECK(json.at("otherData") == Json{{"request_id", "a"}, {"reason", "stop"}, {"dropped_spans", 3}});
    CHECK(track_names(json) ==
          std::map<int, std::string>{{1, "request"}, {2, "batcher"}, {3, "stage 2"}, {4, "responder"}});
    Json spans = Json::array();
    for (const Json& event : json.at("traceEvents")) {
      if (event.at("ph") == "X") spans.push_back(event);
    }
    REQUIRE(spans.size() == 4);
    CHECK(
        spans[0] ==
        Json{{"name", "queue"}, {"ph", "X"}, {"ts", 5}, {"dur", 7}, {"pid", 1}, {"tid", 1}, {"args", Json::object()}});
    CHECK(spans[2] == Json{{"name", "compute"},
                           {"ph", "X"},
                           {"ts", 13},
                           {"dur", 6},
                           {"pid", 1},
                           {"tid", 3},
                           {"args", {{"step", 4}, {"tokens", 1}, {"batch_tokens", 9}}}});
  }

  TEST_CASE("spans of a track that overlap lie on lanes, and each lane is in order and overlaps nowhere") {
    std::vector<TraceSpan> spans;
    for (std::uint64_t step = 1; step <= 30; ++step) {
      spans.push_back({TraceKind::kPrefillStep, 0, 1, 1, step, 10 * step, 25});
    }
    const Json json = Json::parse(trace_json(finished_with(spans)));

    CHECK(track_names(json) == std::map<int, std::string>{{1, "batcher"}, {2, "batcher (2)"}, {3, "batcher (3)"}});
    std::map<int, std::uint64_t> ends;
    std::size_t shown = 0;
    for (const Json& event : json.at("traceEvents")) {
      if (event.at("ph") != "X") continue;
      const auto start = event.at("ts").get<std::uint64_t>();
      std::uint64_t& end = ends[event.at("tid")];
      CHECK(start >= end);
      end = start + event.at("dur").get<std::uint64_t>();
      ++shown;
    }
    CHECK(shown == spans.size());
  }

  TEST_CASE("hostile ids and numbers leave it valid") {
    constexpr std::uint64_t kFar = ~std::uint64_t{0};
    Finished finished =
        finished_with({{TraceKind::kOther, 0, 0, 0, 0, kFar, kFar}, {TraceKind::kOther, 0, 0, 0, 0, 0, kFar}});
    finished.request_id = "\"\n\xff";

    CHECK(Json::parse(trace_json(finished)).at("traceEvents").size() >= 3);
    CHECK(Json::parse(trace_json(Finished{})).at("traceEvents").size() == 1);
  }
}

}  // namespace
}  // namespace sluice::cli
