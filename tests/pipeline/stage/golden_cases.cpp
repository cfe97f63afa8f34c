#include "tests/pipeline/stage/golden_cases.h"

#include <doctest/doctest.h>

#include <fstream>

#include "tests/support/paths.h"

namespace sluice::test {

nlohmann::json read_cases(const std::filesystem::path& path) {
  std::ifstream in(path);
  REQUIRE(in.good());
  return nlohmann::json::parse(in);
}

nlohmann::json storyteller_cases() {
  return read_cases(source_path("tests/golden/storyteller-llama.json"));
}

Generation generation_of(const nlohmann::json& golden, std::uint32_t max_tokens, std::uint32_t top) {
  Generation generation{golden["ids"].get<std::vector<TokenId>>()};
  generation.max_tokens = max_tokens;
  generation.logprobs.prompt = true;
  generation.logprobs.output = true;
  generation.logprobs.top = top;
  return generation;
}

}  // namespace sluice::test
