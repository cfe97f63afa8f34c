#include "pipeline/topology/topology_parser.h"

#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/random.h"
#include "pipeline/topology/config_document.h"
#include "tests/support/paths.h"

namespace sluice::topology {
namespace {

constexpr std::string_view kMinimal = "[model]\npath = 'm'\n[[stage]]\nlayers = '0-5'\n";

std::string error_of(const std::string& toml) {
  const Result<Topology> topology = parse_topology(toml, "t.toml");
  if (topology.ok()) return "parsed";
  return topology.error().code == ErrorCode::kInvalidConfig ? topology.error().message : to_string(topology.error());
}

// The minimal file with more lines behind it; the first of them is line 5.
std::string error_with(const std::string& lines) {
  return error_of(std::string(kMinimal) + lines);
}

// The minimal file with other stages; the first line of `stages` is line 3.
std::string error_of_stages(const std::string& stages) {
  return error_of("[model]\npath = 'm'\n" + stages);
}

struct Case {
  std::string toml;
  std::string error;
};

void check_all(const std::vector<Case>& cases, std::string (*error)(const std::string&)) {
  for (const Case& c : cases) {
    CAPTURE(c.toml);
    CHECK(error(c.toml) == c.error);
  }
}

TEST_SUITE("pipeline/topology/topology_parser") {
  TEST_CASE("parse_topology: what is left out has the documented defaults") {
    const Result<Topology> topology = parse_topology(kMinimal, "t.toml");

    REQUIRE(topology.ok());
    Topology expected;
    expected.model.path = "m";
    expected.stages = {{.first_layer = 0, .num_layers = 6, .ranks = {RankPlace{}}, .threads = 1}};
    CHECK(*topology == expected);
  }

  TEST_CASE("parse_topology: every key reaches its field") {
    const Result<Topology> parsed = parse_topology(R"(
[model]
path = "a/b"
dtype = "f32"
compute = "f32"
experts = "by_expert"
weights = "file"
[ingress]
bind = "ipc:///run/sluice"
max_requests = 7
max_queued_prompt_tokens = 70
client_window_tokens = 8
message_bytes_max = "2KiB"
garbage_messages_max = 71
finished_count_max = 9
finished_bytes_max = 4096
finished_keep_ms = 10
session_idle_ms = 20
[batcher]
max_batch_tokens = 11
max_sequences = 12
block_tokens = 32
kv_cache = "2GiB"
ageing_ms = 250
prefix_cache = false
[[stage]]
layers = "0-2"
ranks = ["spawn:a/cpu:0"]
threads = 13
[[stage]]
layers = "3"
ranks = ["worker-b/cpu:0"]
[kernels]
path = "avx2"
deterministic = true
[links]
transport = "tcp"
window_messages = 14
window_bytes = "1MiB"
heartbeat_ms = 15
timeout_ms = 31
directory = "/run/x"
[supervisor]
bind = "tcp://localhost:*"
stage_step_timeout_ms = 16
stage_load_timeout_ms = 170
[metrics]
bind = "http://localhost:*"
interval_ms = 180
[record]
path = "run.rec"
links = ["responses"]
file_bytes_max = "1GiB"
[tokenizer]
count = 1
host = "head"
[responder]
count = 1
)",
                                                   "t.toml");

    REQUIRE(parsed.ok());
    Topology expected;
    expected.model = {.path = "a/b", .dtype = DType::kF32, .compute = DType::kF32, .experts = ExpertSplit::kByExpert};
    expected.ingress = {.bind = "ipc:///run/sluice",
                        .max_requests = 7,
                        .max_queued_prompt_tokens = 70,
                        .client_window_tokens = 8,
                        .message_bytes_max = 2048,
                        .garbage_messages_max = 71,
                        .finished_count_max = 9,
                        .finished_bytes_max = 4096,
                        .finished_keep_ms = 10,
                        .session_idle_ms = 20};
    expected.batcher = {.max_batch_tokens = 11,
                        .max_sequences = 12,
                        .block_tokens = 32,
                        .kv_cache_bytes = std::uint64_t{2} << 30,
                        .ageing_ms = 250,
                        .prefix_cache = false};
    expected.stages = {{.first_layer = 0, .num_layers = 3, .ranks = {{{Host::Kind::kSpawn, "a"}, {}}}, .threads = 13},
                       {.first_layer = 3, .num_layers = 1, .ranks = {{{Host::Kind::kWorker, "worker-b"}, {}}}}};
    expected.kernels.path = "avx2";
    expected.links = {.transport = LinksTopology::Transport::kTcp,
                      .window_messages = 14,
                      .window_bytes = 1u << 20,
                      .heartbeat_ms = 15,
                      .timeout_ms = 31,
                      .directory = "/run/x"};
    expected.supervisor = {.bind = "tcp://localhost:*", .stage_step_timeout_ms = 16, .stage_load_timeout_ms = 170};
    expected.metrics = {.bind = "http://localhost:*", .interval_ms = 180};
    expected.record = {.path = "run.rec", .ingress = false, .responses = true, .file_bytes_max = 1u << 30};
    CHECK(*parsed == expected);
  }

  TEST_CASE("parse_topology: hosts are the head, spawned or named") {
    const Result<Topology> topology = parse_topology(R"(model = { path = "m" }
stage = [ { layers = "0", ranks = ["head/cpu:0"] }, { layers = "1", ranks = ["spawn/cpu:0"] },
          { layers = "2", ranks = ["spawn:x-1/cpu:0"] }, { layers = "3", ranks = ["gpu-box/cpu:0"] } ])",
                                                     "t.toml");

    REQUIRE(topology.ok());
    std::vector<std::string> places;
    for (const StageTopology& stage : topology->stages) places.push_back(to_string(stage.ranks.front()));
    CHECK(places == std::vector<std::string>{"head/cpu:0", "spawn/cpu:0", "spawn:x-1/cpu:0", "gpu-box/cpu:0"});
    CHECK(topology->stages[3].ranks.front().host.kind == Host::Kind::kWorker);
  }

  TEST_CASE("parse_topology: an unknown key is refused with the nearest known one") {
    check_all({{"[ingress]\nmax_request = 3\n",
                "t.toml:6:1: unknown key 'max_request' in [ingress]; the nearest known key is 'max_requests'"},
               {"[bacther]\n", "t.toml:5:2: unknown key 'bacther' in the file; the nearest known key is 'batcher'"},
               {"[batcher]\n  kv_cahce = '1GiB'\n",
                "t.toml:6:3: unknown key 'kv_cahce' in [batcher]; the nearest known key is 'kv_cache'"},
               {"[links]\n\"a\\nb\" = 1\n",
                "t.toml:6:1: unknown key 'a\\x0ab' in [links]; the nearest known key is 'transport'"},
               {"thread = 2\n", "t.toml:5:1: unknown key 'thread' in [[stage]]; the nearest known key is 'threads'"}},
              error_with);
  }

  TEST_CASE("parse_topology: a missing key is refused with the table that lacks it") {
    check_all({{"", "t.toml:1:1: the file lacks 'model'"},
               {"[model]\n[[stage]]\nlayers='0'", "t.toml:1:1: [model] lacks 'path'"},
               {"[model]\npath='m'\n", "t.toml:1:1: the file has no [[stage]]"},
               {"stage = []\nmodel = { path = 'm' }", "t.toml:1:1: the file has no [[stage]]"},
               {"[model]\npath='m'\n[[stage]]\nthreads = 1\n", "t.toml:3:1: [[stage]] lacks 'layers'"}},
              error_of);
  }

  TEST_CASE("parse_topology: a value of another type is refused") {
    check_all(
        {{"[ingress]\nmax_requests = '3'\n", "t.toml:6:16: [ingress] max_requests takes a whole number, not a string"},
         {"[ingress]\nmax_requests = 3.5\n",
          "t.toml:6:16: [ingress] max_requests takes a whole number, not a fraction"},
         {"[ingress]\nbind = 5555\n", "t.toml:6:8: [ingress] bind takes a string, not a whole number"},
         {"[batcher]\nkv_cache = true\n",
          "t.toml:6:12: [batcher] kv_cache takes a size such as \"512MiB\", not a truth value"},
         {"[kernels]\npath = []\n", "t.toml:6:8: [kernels] path takes a string, not a list"},
         {"[kernels]\ndeterministic = 1\n",
          "t.toml:6:17: [kernels] deterministic takes true or false, not a whole number"},
         {"ranks = 'head/cpu:0'\n", "t.toml:5:9: [[stage]] ranks takes a list such as [\"head/cpu:0\"], not a string"},
         {"ranks = [1]\n", "t.toml:5:10: [[stage]] ranks takes strings, not a whole number"},
         {"[batcher]\nkv_cache = 1979-05-27\n", "t.toml:6:12: dates and times have no meaning in a topology file"}},
        error_with);
    check_all(
        {{"links = 3\nmodel = { path = 'm' }\n", "t.toml:1:9: [links] takes a table, not a whole number"},
         {"[model]\npath='m'\n[stage]\nlayers='0'\n", "t.toml:3:1: 'stage' takes a list of tables: write [[stage]]"},
         {"[model]\npath='m'\n[[stage]]\nlayers=0\n",
          "t.toml:4:8: [[stage]] layers takes a string such as \"0-2\" or \"3\", not a whole number"}},
        error_of);
  }

  TEST_CASE("parse_topology: a number out of its range is refused with the range") {
    check_all(
        {{"[ingress]\nmax_requests = 0\n", "t.toml:6:16: [ingress] max_requests is 0, allowed are 1 to 65536"},
         {"[ingress]\nmax_requests = -1\n", "t.toml:6:16: [ingress] max_requests is -1, allowed are 1 to 65536"},
         {"[ingress]\nmax_requests = 4294967297\n",
          "t.toml:6:16: [ingress] max_requests is 4294967297, allowed are 1 to 65536"},
         {"[batcher]\nblock_tokens = 24\n", "t.toml:6:16: [batcher] block_tokens is 24, not a power of two"},
         {"[batcher]\nkv_cache = -4\n", "t.toml:6:12: [batcher] kv_cache is negative, allowed are 1KiB to 64TiB"},
         {"[batcher]\nkv_cache = '1023TiB'\n", "t.toml:6:12: [batcher] kv_cache is 1023TiB, allowed are 1KiB to 64TiB"},
         {"[batcher]\nkv_cache = '99999999999TiB'\n",
          "t.toml:6:12: [batcher] kv_cache is '99999999999TiB', not a size such as '512MiB' or '2GiB'"},
         {"[batcher]\nkv_cache = '2GB'\n",
          "t.toml:6:12: [batcher] kv_cache is '2GB', not a size such as '512MiB' or '2GiB'"},
         {"[batcher]\nkv_cache = '-2GiB'\n",
          "t.toml:6:12: [batcher] kv_cache is '-2GiB', not a size such as '512MiB' or '2GiB'"},
         {"threads = 0\n", "t.toml:5:11: [[stage]] threads is 0, allowed are 1 to 1024"},
         {"[links]\nheartbeat_ms = 500\ntimeout_ms = 1000\n",
          "t.toml:5:1: [links] timeout_ms is 1000, not more than two heartbeats of 500 ms"}},
        error_with);
  }

  TEST_CASE("parse_topology: an unknown value is refused with the nearest known one") {
    check_all({{"[kernels]\npath = 'avx521'\n",
                "t.toml:6:8: [kernels] path has the unknown value 'avx521'; the nearest known one is 'avx512'"},
               {"[links]\ntransport = 'tcpp'\n",
                "t.toml:6:13: [links] transport has the unknown value 'tcpp'; the nearest known one is 'tcp'"}},
              error_with);
    CHECK(error_of("[model]\npath='m'\ndtype='bf61'\n") ==
          "t.toml:3:7: [model] dtype has the unknown value 'bf61'; the nearest known one is 'bf16'");
    CHECK(error_of("[model]\npath='m'\nweights='moc'\n") ==
          "t.toml:3:9: [model] weights has the unknown value 'moc'; the nearest known one is 'mock'");
  }

  TEST_CASE("parse_topology: what the design knows and the engine does not do is refused plainly") {
    check_all({{"ranks = ['head/cuda:0']\n",
                "t.toml:5:10: [[stage]] ranks has 'head/cuda:0': CUDA devices are not supported yet"},
               {"[tokenizer]\ncount = 2\n", "t.toml:6:9: [tokenizer] count is 2: more than one is not supported yet"},
               {"[responder]\nhost = 'a'\n",
                "t.toml:6:8: [responder] host is 'a': any place but 'head' is not supported yet"}},
              error_with);
    CHECK(error_of("[model]\npath='m'\ndtype='int8'\n") == "t.toml:3:7: [model] dtype 'int8' is not supported yet");
  }

  TEST_CASE("parse_topology: [record] takes a path, and both links unless it names some") {
    const std::string rest = "[model]\npath='m'\n[[stage]]\nlayers='0'\n";
    const Result<Topology> both = parse_topology(rest + "[record]\npath='a'\n", "t.toml");
    REQUIRE(both.ok());
    CHECK(both->record == RecordTopology{.path = "a"});
    CHECK_FALSE(parse_topology(rest, "t.toml")->record.is_on());
    check_all({{"[record]\nlinks = ['ingress']\n", "t.toml:5:1: [record] lacks 'path'"},
               {"[record]\npath = ''\n", "t.toml:6:8: [record] path is empty"},
               {"[record]\npath = 'a'\nlinks = []\n",
                "t.toml:7:9: [record] links is empty: leave out [record] to record nothing"},
               {"[record]\npath = 'a'\nlinks = ['ingres']\n",
                "t.toml:7:10: [record] links has the unknown value 'ingres'; the nearest known one is 'ingress'"},
               {"[record]\npath = 'a'\nlinks = 'ingress'\n",
                "t.toml:7:9: [record] links takes a list such as [\"ingress\", \"responses\"], not a string"},
               {"[record]\npath = 'a'\nfile_bytes_max = 1\n",
                "t.toml:7:18: [record] file_bytes_max is 1 bytes, allowed are 64KiB to 1024TiB"}},
              error_with);
  }

  TEST_CASE("parse_topology: weights come from a file, from chance or from nowhere, and [mock] is for the last alone") {
    const std::string stage = "[[stage]]\nlayers = '0-5'\n";
    const Result<Topology> random = parse_topology("[model]\npath='m'\nweights='random'\n" + stage, "t.toml");
    REQUIRE(random.ok());
    CHECK(random->model.weights == WeightsKind::kRandom);
    for (const std::string& text :
         {"[mock]\nstep_us = 7\ntoken_us = 8\n[model]\npath='m'\nweights='mock'\n" + stage,
          "[model]\npath='m'\nweights='mock'\n" + stage + "[mock]\nstep_us=7\ntoken_us=8\n"}) {
      const Result<Topology> mock = parse_topology(text, "t.toml");
      REQUIRE(mock.ok());
      CHECK(mock->model.weights == WeightsKind::kMock);
      CHECK(mock->mock == MockCosts{7, 8});
    }
    CHECK(parse_topology("[model]\npath='m'\nweights='mock'\n" + stage, "t.toml")->mock == MockCosts{});
    check_all(
        {{"[mock]\n", "t.toml:5:1: [mock] says what steps of a mock cost, but [model] weights is 'file', not 'mock'"},
         {"[mock]\nstep_us = -1\n", "t.toml:6:11: [mock] step_us is -1, allowed are 0 to 60000000"},
         {"[mock]\nstep_ms = 1\n", "t.toml:6:1: unknown key 'step_ms' in [mock]; the nearest known key is 'step_us'"}},
        error_with);
  }

  TEST_CASE("parse_topology: addresses to bind are a host with a port, or a socket file") {
    check_all(
        {{"[ingress]\nbind = 'tcp://:1'\n", "t.toml:6:8: [ingress] bind is 'tcp://:1', without a host"},
         {"[supervisor]\nbind = 'tcp://0.0.0.0:1'\n",
          "t.toml:6:8: [supervisor] bind is 'tcp://0.0.0.0:1': name one address of this host, at which workers reach "
          "its links as well"},
         {"[supervisor]\nbind = 'tcp://[::]:1'\n",
          "t.toml:6:8: [supervisor] bind is 'tcp://[::]:1': name one address of this host, at which workers reach its "
          "links as well"},
         {"[ingress]\nbind = 'tcp://127.0.0.1:65536'\n",
          "t.toml:6:8: [ingress] bind is 'tcp://127.0.0.1:65536': the port is 0 to 65535, or '*' for any free one"},
         {"[ingress]\nbind = 'tcp://127.0.0.1'\n",
          "t.toml:6:8: [ingress] bind is 'tcp://127.0.0.1', not 'tcp://HOST:PORT' or 'ipc://PATH'"},
         {"[ingress]\nbind = 'inproc://x'\n",
          "t.toml:6:8: [ingress] bind is 'inproc://x', not 'tcp://HOST:PORT' or 'ipc://PATH'"},
         {"[supervisor]\nbind = 'ipc://'\n",
          "t.toml:6:8: [supervisor] bind is 'ipc://', an ipc:// address without a path"},
         {"[supervisor]\nbind = 'ipc://" + std::string(101, 'x') + "'\n",
          "t.toml:6:8: [supervisor] bind is 'ipc://" + std::string(58, 'x') +
              "...': the socket's path has 101 bytes, limit 100"},
         {"[metrics]\nbind = 'tcp://127.0.0.1:1'\n",
          "t.toml:6:8: [metrics] bind is 'tcp://127.0.0.1:1', not 'http://127.0.0.1:PORT' or 'off'"},
         {"[metrics]\nbind = 'http://127.0.0.1'\n",
          "t.toml:6:8: [metrics] bind is 'http://127.0.0.1', not 'http://127.0.0.1:PORT' or 'off'"},
         {"[metrics]\nbind = 'http://127.0.0.1:1/metrics'\n",
          "t.toml:6:8: [metrics] bind is 'http://127.0.0.1:1/metrics': the port is 0 to 65535, or '*' for any free "
          "one"},
         {"[metrics]\nbind = 'http://0.0.0.0:1'\n",
          "t.toml:6:8: [metrics] bind is 'http://0.0.0.0:1': metrics listen on loopback only"},
         {"[metrics]\nbind = 'http://[::1]:1'\n",
          "t.toml:6:8: [metrics] bind is 'http://[::1]:1': metrics listen on IPv4 only"}},
        error_with);
  }

  TEST_CASE("parse_topology: layers are covered once and in order") {
    check_all(
        {{"[[stage]]\nlayers='1-2'\n", "t.toml:4:8: stage 0 has layers 1-2, but no stage before it has layers 0"},
         {"[[stage]]\nlayers='0-2'\n[[stage]]\nlayers='5'\n",
          "t.toml:6:8: stage 1 has layers 5, but no stage before it has layers 3-4"},
         {"[[stage]]\nlayers='0-2'\n[[stage]]\nlayers='2-5'\n",
          "t.toml:6:8: stage 1 has layers 2-5, but layer 2 is in an earlier stage: the next layer is 3"},
         {"[[stage]]\nlayers='2-1'\n", "t.toml:4:8: [[stage]] layers is '2-1': the first layer comes after the last"},
         {"[[stage]]\nlayers='0-4096'\n", "t.toml:4:8: [[stage]] layers is '0-4096': the last layer is beyond 4095"},
         {"[[stage]]\nlayers='0-'\n", "t.toml:4:8: [[stage]] layers is '0-', not layers such as '0-2' or '3'"},
         {"[[stage]]\nlayers='0 - 2'\n", "t.toml:4:8: [[stage]] layers is '0 - 2', not layers such as '0-2' or '3'"},
         {"[[stage]]\nlayers='-1'\n", "t.toml:4:8: [[stage]] layers is '-1', not layers such as '0-2' or '3'"}},
        error_of_stages);
  }

  TEST_CASE("parse_topology: a rank is HOST/DEVICE and a name means one process") {
    check_all(
        {{"[[stage]]\nlayers='0'\nranks=[]\n", "t.toml:5:7: [[stage]] ranks is empty: a stage has one rank or more"},
         {"[[stage]]\nlayers='0'\nranks=['head']\n",
          "t.toml:5:8: [[stage]] ranks has 'head', not HOST/DEVICE such as 'head/cpu:0'"},
         {"[[stage]]\nlayers='0'\nranks=['head/tpu:0']\n",
          "t.toml:5:8: [[stage]] ranks has the device 'tpu:0'; a device is 'cpu:0' or 'cuda:N'"},
         {"[[stage]]\nlayers='0'\nranks=['head/cpu:1']\n",
          "t.toml:5:8: [[stage]] ranks has 'head/cpu:1': the only CPU device is 'cpu:0'"},
         {"[[stage]]\nlayers='0'\nranks=['Bad_Name/cpu:0']\n",
          "t.toml:5:8: [[stage]] ranks has the host 'Bad_Name'; a host is 'head', 'spawn', 'spawn:NAME', 'any' or a "
          "worker's name of [a-z0-9-]"},
         {"[[stage]]\nlayers='0'\nranks=['a/cpu:0']\n[[stage]]\nlayers='1'\nranks=['spawn:a/cpu:0']\n",
          "t.toml:8:7: the worker 'a' is spawned for one stage and waited for by another"}},
        error_of_stages);
  }

  TEST_CASE("parse_topology: text that is no TOML is refused with its place") {
    for (const std::string& toml :
         {std::string("[model\n"), std::string("[model]\npath = \n"), std::string("[model]\npath='m'\npath='n'\n"),
          std::string("a = \"\xff\"\n"), std::string("\0", 1)}) {
      CAPTURE(toml);
      const std::string error = error_of(toml);
      CHECK(error.starts_with("t.toml:"));
      CHECK(error != "parsed");
    }
    CHECK(error_of("[model]\npath='m'\npath='n'\n").starts_with("t.toml:3:"));
  }

  TEST_CASE("parse_topology: deep nesting and large files are refused") {
    CHECK(error_of("a = " + std::string(100'000, '[')).starts_with("t.toml:1:"));
    CHECK(error_of(std::string(kTopologyFileBytesMax, '\n') + "#") ==
          "t.toml:1:1: the file has 1048577 bytes, limit 1048576");
    CHECK(error_of(std::string(kTopologyFileBytesMax, '\n')) == "t.toml:1:1: the file lacks 'model'");
    std::string many = "[model]\npath='m'\n";
    for (int i = 0; i < 257; ++i) many += "[[stage]]\nlayers='" + std::to_string(i) + "'\n";
    CHECK(error_of(many) == "t.toml:3:1: 'stage' has 257 stages, limit 256");
  }

  TEST_CASE("parse_topology: mutated files parse or fail with a place, 2000 seeded mutations") {
    std::ifstream file(test::source_path("configs/three-processes-tcp.toml"));
    const std::string original(std::istreambuf_iterator<char>(file), {});
    REQUIRE(parse_topology(original, "t.toml").ok());
    SplitMix64 random(7);
    int failures = 0;
    for (int i = 0; i < 2000; ++i) {
      std::string text = original;
      for (std::uint64_t edits = 1 + random.below(4); edits > 0; --edits) {
        const std::size_t at = random.below(text.size());
        switch (random.below(4)) {
          case 0: text[at] = static_cast<char>(random.below(256)); break;
          case 1: text.erase(at, 1 + random.below(8)); break;
          case 2: text.insert(at, text, random.below(text.size()), random.below(40)); break;
          case 3: text.insert(at, 1, "[]{}\"'=,.#\n0-"[random.below(13)]); break;
        }
      }
      const Result<Topology> topology = parse_topology(text, "t.toml");
      if (topology.ok()) continue;
      ++failures;
      CAPTURE(text);
      CHECK(topology.error().code == ErrorCode::kInvalidConfig);
      CHECK(topology.error().message.starts_with("t.toml:"));
      CHECK(topology.error().message.size() < 500);
    }
    CHECK(failures > 200);
  }

  TEST_CASE("load_topology: finds the model beside the file") {
    const Result<Topology> topology = load_topology(test::source_path("configs/one-process.toml"));

    REQUIRE(topology.ok());
    CHECK(topology->model.path == test::source_path("examples/models/storyteller-deepseek").string());
  }

  TEST_CASE("load_topology: a file that is not there, or a folder, is not found") {
    for (const char* path : {"configs/none.toml", "configs"}) {
      const Result<Topology> topology = load_topology(test::source_path(path));
      REQUIRE_FALSE(topology.ok());
      CHECK(topology.error().code == ErrorCode::kNotFound);
    }
  }
}

}  // namespace
}  // namespace sluice::topology
