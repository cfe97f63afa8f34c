#include "pipeline/status/status_json.h"

#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/pipeline/status/status_samples.h"
#include "tests/support/paths.h"

namespace sluice {
namespace {

using nlohmann::json;
using test::kStatusTime;
using test::sample_status;

json sample_json() {
  return json::parse(render_status_json(sample_status(), kStatusTime));
}

// What the reader says of the sample with one value replaced, or taken out.
std::string complaint(const char* pointer, const std::optional<json>& value) {
  json document = sample_json();
  const json::json_pointer at(pointer);
  if (value) {
    document.at(at) = *value;
  } else {
    document.at(at.parent_pointer()).erase(at.back());
  }
  const auto parsed = parse_status_json(document.dump(), kStatusTime);
  if (parsed.ok()) return "";
  CHECK(parsed.error().code == ErrorCode::kProtocolViolation);
  return parsed.error().message;
}

TEST_SUITE("pipeline/status/status_json") {
  TEST_CASE("what is written reads as the same, whatever the reader's clock shows") {
    const std::string text = render_status_json(sample_status(), kStatusTime);
    CHECK(text.ends_with("}\n"));
    CHECK(parse_status_json(text, kStatusTime).value() == sample_status());
    const TimePoint elsewhere = kStatusTime + std::chrono::hours(5);
    const auto parsed = parse_status_json(text, elsewhere);
    REQUIRE(parsed.ok());
    CHECK(elsewhere - parsed->replicas[1].since == std::chrono::seconds(185));
    CHECK(render_status_json(*parsed, elsewhere) == text);
  }

  TEST_CASE("names, units and states are as documented") {
    const json document = sample_json();
    CHECK(document["age_ms"] == 1250);
    CHECK(document["is_up"] == false);
    CHECK(document["requests"] == 3);
    CHECK(document["replicas"][1]["lacks"] == "stage 3 (layers 3-5) waits for any worker");
    const json& loading = document["replicas"][1]["stages"][0]["ranks"][0];
    CHECK(loading["state"] == "loading");
    CHECK(loading["for_ms"] == 7900);
    CHECK(loading["loaded_bytes"] == 1 << 20);
    CHECK(document["standbys"][0] == json{{"name", "gpu-box"}, {"devices", {"cuda:0", "cpu:0"}}});
  }

  TEST_CASE("docs/STATUS.md has every key and every state") {
    std::ifstream file(test::source_path("docs/STATUS.md"));
    const std::string text(std::istreambuf_iterator<char>(file), {});
    std::set<std::string> names(kRankStateNames.begin(), kRankStateNames.end());
    names.insert(kWorkerKindNames.begin(), kWorkerKindNames.end());
    const json document = sample_json();
    for (const char* pointer :
         {"", "/replicas/0", "/replicas/0/stages/0", "/replicas/0/stages/0/ranks/0", "/standbys/0"}) {
      for (const auto& entry : document.at(json::json_pointer(pointer)).items()) names.insert(entry.key());
    }
    for (const std::string& name : names) {
      CAPTURE(name);
      CHECK(text.find("`" + name + "`") != std::string::npos);
    }
  }

  TEST_CASE("an engine without replicas is not up, one is up when all of its replicas are") {
    EngineStatus status;
    CHECK_FALSE(status.is_up());
    CHECK(parse_status_json(render_status_json(status, {}), {}).value() == status);
    status = sample_status();
    status.replicas.pop_back();
    CHECK(status.is_up());
    CHECK(json::parse(render_status_json(status, kStatusTime))["is_up"] == true);
  }

  TEST_CASE("workers' words cannot break the text: controls are escaped, what is no UTF-8 is replaced") {
    EngineStatus status = sample_status();
    status.replicas[1].stages[1].ranks[0].error = "\033[2J\"\n\xff" + std::string(kStatusTextBytesMax - 6, '\xfe');
    const std::string text = render_status_json(status, kStatusTime);
    CHECK(std::all_of(text.begin(), text.end() - 1, [](char c) { return c >= ' ' && c <= '~'; }));
    CHECK(parse_status_json(text, kStatusTime)->replicas[1].stages[1].ranks[0].error.starts_with("\033[2J\"\n\ufffd"));
  }

  TEST_CASE("a value of another type, out of bounds, or missing is an error that names its place") {
    CHECK(complaint("/model", 7) == "model is no text of at most 6144 bytes");
    CHECK(complaint("/model", std::string(6145, 'x')) == "model is no text of at most 6144 bytes");
    CHECK(complaint("/takes_requests", "yes") == "takes_requests is neither true nor false");
    CHECK(complaint("/requests", -1) == "requests is no whole number from 0 to 18446744073709551615");
    CHECK(complaint("/requests", 1.5).starts_with("requests is no whole number"));
    CHECK(complaint("/age_ms", UINT64_MAX).starts_with("age_ms is no whole number from 0 to 3"));
    CHECK(complaint("/replicas", json::object()) == "replicas is no list of at most 64");
    CHECK(complaint("/replicas", json(std::vector<int>(65))) == "replicas is no list of at most 64");
    CHECK(complaint("/replicas/1", nullptr) == "replicas.1.epoch is missing");
    CHECK(complaint("/replicas/0/stages/1/ranks/1/state", "asleep") ==
          "replicas.0.stages.1.ranks.1.state is none that is known");
    CHECK(complaint("/replicas/0/stages/1/ranks/1/state", std::nullopt)
              .starts_with("replicas.0.stages.1.ranks.1.state is missing"));
    CHECK(complaint("/replicas/0/stages/0/num_layers", 0) == "replicas.0.stages.0.num_layers is 0");
    CHECK(complaint("/replicas/0/stages/0/stage", 1 << 21) ==
          "replicas.0.stages.0.stage is no whole number from 0 to 1048576");
    CHECK(complaint("/standbys/0/devices", json(std::vector<std::string>(17, "cpu:0"))) ==
          "standbys.0.devices is no list of at most 16");
    CHECK(complaint("/standbys/0/devices/1", 1) == "standbys.0.devices.1 is no text of at most 6144 bytes");
  }

  TEST_CASE("a key that is not known is skipped, every key that is has to be there") {
    json document = sample_json();
    document["weather"] = {{"is", "fine"}};
    CHECK(parse_status_json(document.dump(), kStatusTime).value() == sample_status());
    const json::json_pointer rank("/replicas/0/stages/0/ranks/0");
    const json keys = sample_json().at(rank);
    CHECK(keys.size() == 13);
    for (const auto& entry : keys.items()) {
      CAPTURE(entry.key());
      CHECK(complaint((rank / entry.key()).to_string().c_str(), std::nullopt) ==
            "replicas.0.stages.0.ranks.0." + entry.key() + " is missing");
    }
  }

  TEST_CASE("text that is no status at all, and text of brackets") {
    for (const std::string text : {"", "up", "{", "[]", "null", "{\"model\":\"\xff\"}"}) {
      CAPTURE(text);
      CHECK(parse_status_json(text, {}).error().code == ErrorCode::kProtocolViolation);
    }
    CHECK(parse_status_json(std::string(1 << 20, '['), {}).error().message == "nested too deeply");
    const std::string whole = render_status_json(sample_status(), kStatusTime);
    for (std::size_t size = 0; size + 2 < whole.size(); ++size) {
      CHECK_FALSE(parse_status_json(std::string_view(whole).substr(0, size), kStatusTime).ok());
    }
  }
}

}  // namespace
}  // namespace sluice
