#include "tests/pipeline/stage/golden_cases.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>

#include "tests/support/paths.h"

namespace sluice::test {
namespace {

nlohmann::json read_json(const std::filesystem::path& path) {
  std::ifstream in(path);
  INFO(path.string());
  REQUIRE(in.good());
  return nlohmann::json::parse(in);
}

}  // namespace

GoldenModel storyteller(const std::string& name) {
  GoldenModel model{name, source_path("examples/models/" + name), {}};
  const auto golden_file = read_json(source_path("tests/golden/" + name + ".json"));
  for (const auto& entry : golden_file) {
    GoldenCase golden{entry["text"], entry["ids"], entry["prompt_logprobs"], entry["greedy"], {}, {}};
    for (const auto& logit : entry["last_top8"]) golden.last_logits.emplace_back(logit[0], logit[1]);
    model.cases.push_back(std::move(golden));
  }
  REQUIRE(model.cases.size() == 5);
  return model;
}

GoldenModel random_model(const std::string& name) {
  GoldenModel model{name, source_path("tests/golden/" + name), {}};
  const auto golden_file = read_json(model.model_dir / "golden.json");
  for (const auto& entry : golden_file["cases"]) {
    GoldenCase golden{"", entry["ids"], entry["prompt_logprobs"], {}, {}, {}};
    golden.name = std::to_string(golden.ids.size()) + " tokens";
    TokenId token = 0;
    for (const auto& logit : entry["last_logits"]) golden.last_logits.emplace_back(token++, logit);
    for (const auto& greedy : entry["greedy_token_and_margin"]) {
      golden.greedy.push_back(greedy[0]);
      golden.margins.push_back(greedy[1]);
    }
    model.cases.push_back(std::move(golden));
  }
  REQUIRE(model.cases.size() == 3);
  return model;
}

std::vector<std::string> random_model_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(source_path("tests/golden"))) {
    if (entry.is_directory()) names.push_back(entry.path().filename().string());
  }
  std::ranges::sort(names);
  return names;
}

std::vector<GoldenModel> golden_models() {
  std::vector<GoldenModel> models = {storyteller("storyteller-llama"), storyteller("storyteller-deepseek")};
  for (const auto& name : random_model_names()) models.push_back(random_model(name));
  REQUIRE(models.size() >= 16);
  return models;
}

Generation generation_of(const GoldenCase& golden, std::uint32_t max_tokens, std::uint32_t top) {
  Generation generation{golden.ids};
  generation.max_tokens = max_tokens;
  generation.logprobs.prompt = true;
  generation.logprobs.output = true;
  generation.logprobs.top = top;
  return generation;
}

std::vector<double> prompt_differences(const Generation& found, const GoldenCase& golden) {
  REQUIRE(found.prompt_logprobs.size() == golden.prompt_logprobs.size());
  std::vector<double> differences;
  for (std::size_t i = 0; i < golden.prompt_logprobs.size(); ++i) {
    differences.push_back(std::abs(static_cast<double>(found.prompt_logprobs[i]) - golden.prompt_logprobs[i]));
  }
  std::ranges::sort(differences);
  return differences;
}

// Golden are logits: their differences are those of log-probabilities.
double last_logits_difference(const Generation& found, const GoldenCase& golden) {
  const auto& top = found.output_logprobs.at(0).top;
  REQUIRE_FALSE(top.empty());
  std::map<TokenId, double> logits;
  double magnitude = 0;
  for (const auto& [token, logit] : golden.last_logits) {
    logits[token] = logit;
    magnitude = std::max(magnitude, std::abs(logit));
  }
  double largest = 0;
  std::size_t compared = 0;
  for (const auto& each : top) {
    if (!logits.contains(each.token) || !logits.contains(top[0].token)) continue;
    const double golden_gap = logits[top[0].token] - logits[each.token];
    largest = std::max(largest, std::abs(static_cast<double>(top[0].logprob - each.logprob) - golden_gap));
    ++compared;
  }
  CHECK(compared >= std::min<std::size_t>(top.size(), 7));  // At the end of the golden list two may be equal.
  return largest / magnitude;
}

void check_greedy(const Generation& found, const GoldenCase& golden) {
  REQUIRE(found.output.size() <= golden.greedy.size());
  for (std::size_t i = 0; i < found.output.size(); ++i) {
    if (!golden.margins.empty() && golden.margins[i] < 1e-2) break;
    CAPTURE(i);
    CHECK(found.output[i] == golden.greedy[i]);
  }
}

}  // namespace sluice::test
