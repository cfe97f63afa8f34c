#include "tests/e2e/engine_under_test.h"

#include <doctest/doctest.h>
#include <stdlib.h>  // mkdtemp

#include <algorithm>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>

#include "base/clock.h"
#include "tests/support/http_get.h"
#include "tests/support/paths.h"

namespace sluice::test {

std::filesystem::path model_path(const std::string& name) {
  return source_path("examples/models/" + name);
}

std::filesystem::path golden_path(const std::string& name) {
  return source_path("tests/golden/" + name + ".json");
}

std::string TopologyText::toml() const {
  if (!as_written.empty()) return as_written;
  std::ostringstream out;
  if (copies > 1) out << "copies = " << copies << "\n";
  out << "[model]\npath = \"" << (model.empty() ? model_path().string() : model) << "\"\ndtype = \"" << dtype
      << "\"\ncompute = \"" << compute << "\"\nweights = \"" << weights << "\"\nexperts = \"" << experts << "\"\n"
      << "[ingress]\nbind = \"tcp://127.0.0.1:*\"\nmax_requests = " << max_requests
      << "\nmax_queued_prompt_tokens = " << max_queued_prompt_tokens
      << "\nclient_window_tokens = " << client_window_tokens << "\nmessage_bytes_max = " << message_bytes_max
      << "\ngarbage_messages_max = " << garbage_messages_max << "\nfinished_count_max = " << finished_count_max
      << "\nfinished_keep_ms = " << finished_keep_ms << "\nsession_idle_ms = " << session_idle_ms << "\n"
      << "[batcher]\nmax_batch_tokens = " << max_batch_tokens << "\nmax_sequences = " << max_sequences
      << "\nblock_tokens = " << block_tokens << "\nkv_cache = \"" << kv_cache << "\"\n"
      << "prefix_cache = " << (prefix_cache ? "true" : "false") << "\n"
      << "[kernels]\npath = \"" << kernel_path << "\"\n"
      << "[links]\ntransport = \"" << transport << "\"\ntimeout_ms = " << link_timeout_ms
      << "\nwindow_messages = " << link_window_messages << "\n"
      << "[supervisor]\nbind = \"tcp://127.0.0.1:*\"\n"
      << "[metrics]\nbind = \"http://127.0.0.1:*\"\ninterval_ms = " << metrics_interval_ms << "\n";
  if (weights == "mock") out << "[mock]\nstep_us = " << mock_step_us << "\ntoken_us = " << mock_token_us << "\n";
  if (!record_path.empty()) out << "[record]\npath = \"" << record_path << "\"\n";
  if (!router.empty()) out << "[router]\n" << router;
  if (!replicas.empty()) return out.str() + replicas;
  for (const StageText& stage : stages) {
    std::string ranks = stage.rank;
    for (std::size_t at = 0; (at = ranks.find(", ", at)) != std::string::npos; at += 4) ranks.replace(at, 2, "\", \"");
    out << "[[stage]]\nlayers = \"" << stage.layers << "\"\nranks = [\"" << ranks << "\"]\n";
  }
  out << tables;
  return out.str();
}

TopologyText shipped_topology(const std::string& name, const std::string& compute, const std::string& model) {
  std::ifstream file(source_path("configs/" + name));
  std::string toml(std::istreambuf_iterator<char>(file), {});
  const auto replace = [&](const std::string& what, const std::string& by) {
    const auto at = toml.find(what);
    if (at != std::string::npos) toml.replace(at, what.size(), by);
    return at != std::string::npos;
  };
  REQUIRE(replace("../examples/models/" + std::string(kDemoModel), model_path(model).string()));
  REQUIRE(replace("tcp://127.0.0.1:5555", "tcp://127.0.0.1:*"));
  if (!compute.empty()) REQUIRE(replace("compute = \"bf16\"", "compute = \"" + compute + "\""));
  if (!replace("tcp://127.0.0.1:5550", "tcp://127.0.0.1:*")) {
    toml += "\n[supervisor]\nbind = \"tcp://127.0.0.1:*\"\n";
  }
  toml += "\n[metrics]\nbind = \"http://127.0.0.1:*\"\ninterval_ms = 20\n";
  return {.as_written = toml};
}

bool is_tensor_parallel(const TopologyText& topology) {
  static const std::regex kTwoRanks("ranks *= *\\[[^\\]]*,");
  return std::regex_search(topology.toml(), kTwoRanks);
}

TemporaryFolder::TemporaryFolder() {
  std::string path = (std::filesystem::temp_directory_path() / "sluice-test-XXXXXX").string();
  REQUIRE(mkdtemp(path.data()) != nullptr);
  path_ = path;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TemporaryFolder::write(const std::string& name, const std::string& text) const {
  const auto file = path_ / name;
  std::ofstream(file) << text;
  return file.string();
}

EngineUnderTest::EngineUnderTest(const TopologyText& topology, bool wait_until_ready)
    : program_({"serve", "--log-level", "warn", folder_.write("topology.toml", topology.toml())}) {
  const auto ingress = program_.line_starting("ingress ");
  REQUIRE(ingress.has_value());
  ingress_ = ingress->substr(std::string("ingress ").size());
  const std::string toml = topology.toml();
  const bool has_workers = toml.find("spawn") != std::string::npos || toml.find("worker") != std::string::npos ||
                           toml.find("any/") != std::string::npos;
  if (has_workers) {
    const auto control = program_.line_starting("control ");
    REQUIRE(control.has_value());
    control_ = control->substr(std::string("control ").size());
  }
  const auto metrics = program_.line_starting("metrics ");
  REQUIRE(metrics.has_value());
  metrics_url_ = metrics->substr(std::string("metrics ").size());
  if (wait_until_ready) this->wait_until_ready();
}

void EngineUnderTest::wait_until_ready() {
  REQUIRE(program_.line_starting("ready").has_value());
}

MetricSamples EngineUnderTest::metrics() const {
  const HttpAnswer answer = http_get(metrics_url_);
  REQUIRE(answer.status == 200);
  return parse_metrics(answer.body);
}

void EngineUnderTest::check_metrics(const MetricSamples& expected) const {
  const auto differs = [&](const MetricSamples& samples) {
    return std::any_of(expected.begin(), expected.end(), [&](const auto& entry) {
      const auto found = samples.find(entry.first);
      return found == samples.end() || found->second != entry.second;
    });
  };
  const SteadyClock clock;
  const TimePoint end = clock.now() + kPatience;
  MetricSamples samples = metrics();
  while (differs(samples) && clock.now() < end) samples = metrics();
  for (const auto& [name, value] : expected) {
    CAPTURE(name);
    CHECK(sample(samples, name) == value);
  }
}

transport::Client EngineUnderTest::connect() const {
  transport::ClientOptions options;
  options.connect_timeout = kPatience;
  auto client = transport::Client::connect(ingress_, options);
  if (!client.ok()) FAIL(to_string(client.error()));
  return std::move(*client);
}

Program registered_worker(const EngineUnderTest& engine, const std::string& name, const std::string& model) {
  std::vector<std::string> arguments = {"worker", "--connect", engine.control(), "--name", name};
  if (!model.empty()) arguments.insert(arguments.end(), {"--model", model});
  Program worker(arguments, true);
  for (bool is_registered = false; !is_registered;) {
    const auto line = worker.next_line();
    REQUIRE(line.has_value());
    is_registered = line->find("registered") != std::string::npos;
  }
  return worker;
}

Answer generate(transport::Client& client, const Generate& request) {
  Answer answer;
  auto finished = client.generate(request, [&](const Tokens& tokens) {
    CHECK(tokens.first_index == answer.ids.size());
    answer.ids.insert(answer.ids.end(), tokens.token_ids.begin(), tokens.token_ids.end());
    answer.logprobs.insert(answer.logprobs.end(), tokens.logprobs.begin(), tokens.logprobs.end());
    answer.text += tokens.text;
    return true;
  });
  if (finished.ok()) {
    answer.finished = std::move(*finished);
  } else {
    answer.error = finished.error();
  }
  return answer;
}

Generate greedy(const std::string& id, Prompt prompt, std::uint32_t max_tokens) {
  Generate request;
  request.request_id = id;
  request.prompt = std::move(prompt);
  request.sampling = SamplingParams{.temperature = 0.0f};
  request.seed = 1;
  request.max_tokens = max_tokens;
  return request;
}

}  // namespace sluice::test
