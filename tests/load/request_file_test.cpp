#include "load/request_file.h"

#include <doctest/doctest.h>

#include "tests/support/paths.h"
#include "tests/support/temp_directory.h"

namespace sluice::load {
namespace {

using std::chrono::milliseconds;

TEST_SUITE("load/request_file") {
  TEST_CASE("a line is a prompt or a length, other keys are passed over") {
    const auto prompt = parse_request_record(R"({"prompt": "Once", "output_length": 40, "id": [1]})");
    REQUIRE(prompt.ok());
    CHECK(*prompt == RequestRecord{.prompt = "Once", .output_tokens = 40, .time = {}, .blocks = {}});
    const auto lengths =
        parse_request_record(R"({"timestamp": 1500, "input_length": 812, "output_length": 1, "hash_ids": [0, 7]})");
    REQUIRE(lengths.ok());
    CHECK(*lengths ==
          RequestRecord{
              .prompt = {}, .input_tokens = 812, .output_tokens = 1, .time = milliseconds(1500), .blocks = {0, 7}});
    const auto least = parse_request_record(R"({"input_length": 1})");
    REQUIRE(least.ok());
    CHECK(*least == RequestRecord{.prompt = {}, .input_tokens = 1, .output_tokens = {}, .time = {}, .blocks = {}});
  }

  TEST_CASE("malformed lines are refused") {
    for (const char* bad : {"", "x", "[]", "{}", "{\"prompt\": 1}", "{\"prompt\": \"\"}", "{\"input_length\": 0}",
                            "{\"input_length\": -1}", "{\"input_length\": 1.5}", "{\"input_length\": 1048577}",
                            "{\"input_length\": \"1\"}", "{\"prompt\": \"a\", \"output_length\": 0}",
                            "{\"input_length\": 1, \"timestamp\": -1}", "{\"input_length\": 1, \"hash_ids\": 3}",
                            "{\"input_length\": 1, \"hash_ids\": [-1]}", "{\"input_length\": 1} {}"}) {
      CAPTURE(bad);
      const auto refused = parse_request_record(bad);
      REQUIRE_FALSE(refused.ok());
      CHECK(refused.error().code == ErrorCode::kInvalidConfig);
    }
    CHECK_FALSE(parse_request_record(std::string(100'000, '[')).ok());
  }

  TEST_CASE("a file: empty lines are passed over, a bad one is named by its number") {
    test::TempDirectory folder;
    const auto good = folder.write("good.jsonl", "{\"input_length\": 3}\n\n{\"prompt\": \"b\"}\r\n");
    const auto records = read_request_file(good.string());
    REQUIRE(records.ok());
    REQUIRE(records->size() == 2);
    CHECK((*records)[1].prompt == "b");

    const auto bad = folder.write("bad.jsonl", "{\"input_length\": 3}\n\n{\"input_length\": 0}\n");
    const auto refused = read_request_file(bad.string());
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().message == bad.string() + ":3: \"input_length\" is a whole number from 1 to 1048576");
    CHECK_FALSE(read_request_file(folder.write("empty.jsonl", "\n").string()).ok());
    const auto absent = read_request_file((folder.path() / "absent.jsonl").string());
    REQUIRE_FALSE(absent.ok());
    CHECK(absent.error().code == ErrorCode::kNotFound);
    const auto wide = folder.write("wide.jsonl", std::string((1 << 20) + 1, ' ') + "\n");
    CHECK_FALSE(read_request_file(wide.string()).ok());
  }

  TEST_CASE("recorded times: scaled by the speed, never going back") {
    std::vector<RequestRecord> records(3);
    CHECK_FALSE(recorded_times(records, 1).ok());
    records[0].time = milliseconds(0);
    records[1].time = milliseconds(500);
    records[2].time = milliseconds(3000);
    const auto times = recorded_times(records, 2);
    REQUIRE(times.ok());
    CHECK(*times == std::vector<Duration>{milliseconds(0), milliseconds(250), milliseconds(1500)});
    records[2].time = milliseconds(499);
    CHECK_FALSE(recorded_times(records, 2).ok());
  }

  TEST_CASE("a public trace is read as it is") {
    const auto trace = test::shared_path("traces/mooncake_conversation.jsonl");
    if (!trace) {
      MESSAGE("skipped: no shared traces");
      return;
    }
    const auto records = read_request_file(trace->string());
    REQUIRE(records.ok());
    CHECK(records->size() == 12031);
    CHECK(records->front().input_tokens == 6758);
    CHECK(records->front().output_tokens == 500);
    CHECK(records->front().blocks.size() == 14);
    const auto times = recorded_times(*records, 1);
    REQUIRE(times.ok());
    CHECK(times->back() == milliseconds(3536999));
  }
}

}  // namespace
}  // namespace sluice::load
