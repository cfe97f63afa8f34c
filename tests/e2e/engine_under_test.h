// A running engine for a test: `sluice serve` on a topology written for it, and clients that talk to it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/messages/client.h"
#include "tests/e2e/program.h"
#include "tests/support/metrics_text.h"
#include "transport/client/client.h"

namespace sluice::test {

// The model that is served where a test does not say which: that of configs/.
inline constexpr const char* kDemoModel = "storyteller-deepseek";
std::filesystem::path model_path(const std::string& name = kDemoModel);
// What transformers computes with it.
std::filesystem::path golden_path(const std::string& name = kDemoModel);

struct StageText {
  std::string layers;
  std::string rank;  // "head/cpu:0", "spawn/cpu:0", "worker-a/cpu:0"; of several ranks "head/cpu:0, head/cpu:0"
};

// A topology file in the making; every address is any free port.
struct TopologyText {
  std::vector<StageText> stages = {{"0-5", "head/cpu:0"}};
  std::uint32_t copies = 1;  // Replicas of them.
  std::string replicas;      // [[replica]] tables in place of the stages.
  std::string router;        // Keys of [router].
  std::string dtype = "bf16";
  std::string compute = "f32";
  std::string kernel_path = "auto";
  std::string transport = "ipc";
  std::uint32_t max_requests = 64;
  std::uint64_t max_queued_prompt_tokens = 0;
  std::uint32_t client_window_tokens = 512;
  std::uint32_t message_bytes_max = 1u << 20;
  std::uint32_t garbage_messages_max = 1'000;
  std::uint32_t max_batch_tokens = 512;
  std::uint32_t max_sequences = 32;
  std::uint32_t block_tokens = 16;
  std::string kv_cache = "64MiB";
  bool prefix_cache = true;
  std::uint32_t metrics_interval_ms = 20;
  std::uint32_t finished_count_max = 256;
  std::uint32_t finished_keep_ms = 60'000;
  std::uint32_t session_idle_ms = 60'000;
  std::string model;             // Empty: the demo model.
  std::string weights = "file";  // "random", "mock"
  std::string experts = "by_width";
  std::uint32_t mock_step_us = 0;
  std::uint32_t mock_token_us = 0;
  std::uint32_t link_timeout_ms = 2'000;
  std::uint32_t link_window_messages = 64;
  std::string record_path;  // Empty: nothing is recorded.
  std::string as_written;   // Where there is any, it is the file, and the rest does not matter.
  std::string tables;       // Further ones, as they are written.

  std::string toml() const;
};

// A file of configs/ as it is, but for addresses, which are free ports, `compute`, unless that is empty, and the model.
TopologyText shipped_topology(const std::string& name, const std::string& compute = {},
                              const std::string& model = kDemoModel);
// Whether a stage of it has several ranks: sums are taken in another order then.
bool is_tensor_parallel(const TopologyText& topology);

// A folder of its own for one test, removed with it.
class TemporaryFolder {
 public:
  TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder();

  const std::filesystem::path& path() const { return path_; }
  // Writes a file into it; its path.
  std::string write(const std::string& name, const std::string& text) const;

 private:
  std::filesystem::path path_;
};

class EngineUnderTest {
 public:
  // Serves, and waits until it is ready (or only until the addresses are known).
  explicit EngineUnderTest(const TopologyText& topology, bool wait_until_ready = true);

  const std::string& ingress() const { return ingress_; }
  const std::string& control() const { return control_; }
  const std::string& metrics_url() const { return metrics_url_; }
  Program& program() { return program_; }
  void wait_until_ready();

  transport::Client connect() const;

  // What a scrape gives now.
  MetricSamples metrics() const;
  // Waits until the samples are as expected, which is when every actor has told its counts (a failure: they are not,
  // and no longer than only a defect takes).
  void check_metrics(const MetricSamples& expected) const;

 private:
  TemporaryFolder folder_;
  Program program_;
  std::string ingress_;
  std::string control_;
  std::string metrics_url_;
};

// `sluice worker` for the engine, once it is registered; with `model` in place of the engine's.
Program registered_worker(const EngineUnderTest& engine, const std::string& name, const std::string& model = {});

// What one request gave.
struct Answer {
  std::vector<TokenId> ids;
  std::string text;
  std::vector<TokenLogprobs> logprobs;
  std::optional<Finished> finished;
  std::optional<Error> error;
};

// Runs one request to its end.
Answer generate(transport::Client& client, const Generate& request);

// A greedy request for the demo model.
Generate greedy(const std::string& id, Prompt prompt, std::uint32_t max_tokens);

}  // namespace sluice::test
