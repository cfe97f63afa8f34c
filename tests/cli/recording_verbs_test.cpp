// The verbs `inspect` and `replay` without an engine: what they tell of a file, and their exit codes. With an engine
// they are run in tests/e2e.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tests/cli/program.h"
#include "tests/support/temp_directory.h"
#include "transport/codec/client_codec.h"
#include "transport/recording/encoder.h"

namespace sluice {
namespace {

using transport::RecordedLink;

// One client, whose id would clear a terminal; a request that ends, and one that does not.
std::string small_recording(bool has_responses = true) {
  const std::string id = "\x1b[2Jx";
  Generate generate;
  generate.request_id = id;
  generate.prompt.emplace<std::string>("Once");
  Finished finished;
  finished.request_id = id;
  transport::RecordingEncoder encoder({7, 1'770'000'000'000'000, 1, true, has_responses, "storyteller", "0-5 on head"});
  encoder.begin();
  const auto client = [&](std::uint64_t time_us, const ClientMessage& message) {
    encoder.message(time_us, RecordedLink::kIngress, 1, transport::encode(message)[0].bytes());
  };
  const auto engine = [&](std::uint64_t time_us, const ServerMessage& message) {
    encoder.message(time_us, RecordedLink::kResponses, 1, transport::encode(message)[0].bytes());
  };
  client(1'000'000, Hello{.client_name = "test"});
  client(1'500'000, generate);
  engine(1'500'001, Accepted{id, 5});
  engine(2'000'000, finished);
  engine(2'000'001, Accepted{"b", 6});
  engine(2'000'002, Failed{"c", {ErrorCode::kOverloaded, "full", 5}});
  encoder.gap(2'100'000, 3);
  encoder.lost(2'250'000, 1);
  encoder.end(2'250'000);
  return {reinterpret_cast<const char*>(encoder.bytes().data()), encoder.bytes().size()};
}

test::Outcome run(std::vector<std::string> arguments) {
  return test::run_program(std::move(arguments));
}

TEST_SUITE("cli/recording_verbs") {
  TEST_CASE("inspect: sums as text and as JSON, and a line for each message, with ids escaped") {
    const test::TempDirectory folder;
    const std::string path = folder.write("a.rec", small_recording());
    const test::Outcome text = run({"inspect", path});
    CHECK(text.exit_code == 0);
    CHECK(text.out.find("duration      2.250000 s\nmodel         \"storyteller\"\n") != std::string::npos);
    CHECK(text.out.find("ingress       2 (generate 1, hello 1)\n") != std::string::npos);
    CHECK(text.out.find("responses     4 (accepted 2, failed 1, finished 1)\n") != std::string::npos);
    CHECK(text.out.find("outcomes      1 (stop 1)\nrefusals      1 (overloaded 1)\nwithout end   1\n") !=
          std::string::npos);
    CHECK(text.out.find("gaps          1, 3 messages missing\nend           closed\n") != std::string::npos);
    const auto json = nlohmann::json::parse(run({"inspect", path, "--json"}).out, nullptr, false);
    REQUIRE(json.is_object());
    CHECK(json["ingress"]["generate"] == 1);
    CHECK(json["outcomes"]["stop"] == 1);
    CHECK(json["gaps"]["messages"] == 3);
    CHECK(json["closed"] == true);
    const test::Outcome list = run({"inspect", path, "--list", "--from", "1.5"});
    CHECK(list.out ==
          "1.500000  #1  ->  generate id=\"\\u001b[2Jx\" prompt_bytes=4 max_tokens=256\n"
          "1.500001  #1  <-  accepted id=\"\\u001b[2Jx\" seed=5\n"
          "2.000000  #1  <-  finished id=\"\\u001b[2Jx\" reason=stop output_tokens=0\n"
          "2.000001  #1  <-  accepted id=\"b\" seed=6\n"
          "2.000002  #1  <-  failed id=\"c\" code=overloaded message=\"full\"\n"
          "2.100000  3 messages are missing here\n"
          "2.250000  #1  connection lost\n");
  }

  TEST_CASE("inspect: a torn tail and damage are told, and are no failure") {
    const test::TempDirectory folder;
    std::string bytes = small_recording();
    bytes.resize(bytes.size() - 30);
    bytes[200] ^= 1;
    const test::Outcome text = run({"inspect", folder.write("a.rec", bytes)});
    CHECK(text.exit_code == 0);
    CHECK(text.out.find("damage        1 places, ") != std::string::npos);
    CHECK(text.out.find("torn tail     ") != std::string::npos);
    CHECK(text.out.find("end           not closed: the engine crashed, or is still recording\n") != std::string::npos);
  }

  TEST_CASE("inspect and replay: what is no recording, and one of another version, get a sentence") {
    const test::TempDirectory folder;
    std::string bytes = small_recording();
    bytes[8] = 2;
    const std::string newer = folder.write("newer.rec", bytes);
    const std::string other = folder.write("other.rec", "{}");
    for (const std::string verb : {"inspect", "replay"}) {
      const test::Outcome version = run({verb, newer});
      CHECK(version.exit_code == 1);
      CHECK(version.err ==
            "sluice: unsupported_version: '" + newer + "': the recording has format version 2, this program reads 1\n");
      CHECK(run({verb, other}).err == "sluice: invalid_request: '" + other + "': the file is no recording\n");
      CHECK(run({verb, folder.path() / "none.rec"}).exit_code == 1);
    }
  }

  TEST_CASE("replay: flags, a recording without answers, and no engine") {
    const test::TempDirectory folder;
    const std::string path = folder.write("a.rec", small_recording());
    CHECK(run({"replay", path, "--speed", "fast"}).exit_code == 2);
    CHECK(run({"replay", path, "--speed", "0"}).exit_code == 2);
    CHECK(run({"replay", path, "--logprob-tolerance", "0.1"}).exit_code == 2);
    const test::Outcome lacking = run({"replay", folder.write("b.rec", small_recording(false)), "--verify"});
    CHECK(lacking.exit_code == 1);
    CHECK(lacking.err.find("lacks what clients got") != std::string::npos);
    const test::Outcome nobody =
        run({"replay", path, "--to", "ipc://" + (folder.path() / "none").string(), "--timeout", "0.05"});
    CHECK(nobody.exit_code == 69);
  }
}

}  // namespace
}  // namespace sluice
