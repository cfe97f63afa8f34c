// Speed of the tokenizer: encoding of mixed text, of one long pre-token, decoding token by token, loading.
//
//   tools/benchmark tokenizer_bench
//
// The real tokenizers lie in the shared material ($SLUICE_SHARED, or ../shared); those that are not there are skipped.
// Counters: bytes/s of text.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "base/random.h"
#include "pipeline/text/detokenizer.h"
#include "pipeline/text/tokenizer.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;

std::string file_text(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// Prose and code of this checkout, and other scripts, in turns: about a megabyte.
const std::string& mixed_text() {
  static const std::string text = [] {
    constexpr std::string_view kScripts[] = {
        "Однажды старый рыбак поймал золотую рыбку, и она попросила отпустить её в синее море.\n",
        "从前有一座山，山里有一座庙，庙里有一个老和尚在给小和尚讲故事。今天是2024年5月17日。\n",
        "むかしむかし、あるところに、おじいさんとおばあさんが住んでいました。\n",
        "كان يا ما كان في قديم الزمان ملك له ثلاث بنات.\n",
        "Die Königin saß am Fenster und nähte; über 1.234,56 € kostete der Stoff – für 3 Kleider. 😀🎉\n",
    };
    std::vector<fs::path> paths;
    for (const char* folder : {"docs", "pipeline", "transport"}) {
      for (const auto& entry : fs::recursive_directory_iterator(fs::path(SLUICE_SOURCE_DIR) / folder)) {
        const auto extension = entry.path().extension();
        if (extension == ".md" || extension == ".cpp" || extension == ".h") paths.push_back(entry.path());
      }
    }
    std::sort(paths.begin(), paths.end());
    std::string mixed;
    for (const fs::path& path : paths) {
      mixed += file_text(path);
      for (const std::string_view script : kScripts) mixed += script;
    }
    return mixed;
  }();
  return text;
}

fs::path shared_tokenizers() {
  const char* root = std::getenv("SLUICE_SHARED");
  return (root != nullptr ? fs::path(root) : fs::path(SLUICE_SOURCE_DIR) / "../shared") / "tokenizers";
}

// Loaded anew for each benchmark. Null, and the benchmark is skipped, where its files are missing.
std::unique_ptr<const Tokenizer> load(benchmark::State& state, const fs::path& directory) {
  auto tokenizer = Tokenizer::from_json(file_text(directory / "tokenizer.json"), "");
  if (!tokenizer) {
    state.SkipWithError(to_string(tokenizer.error()).c_str());
    return nullptr;
  }
  return std::move(*tokenizer);
}

void bench_encode(benchmark::State& state, const fs::path& directory, const std::string& text) {
  const auto tokenizer = load(state, directory);
  if (tokenizer == nullptr) return;
  for (auto _ : state) benchmark::DoNotOptimize(tokenizer->encode(text));
  state.SetBytesProcessed(static_cast<std::int64_t>(text.size()) * static_cast<std::int64_t>(state.iterations()));
}

void bench_decode(benchmark::State& state, const fs::path& directory) {
  const auto tokenizer = load(state, directory);
  if (tokenizer == nullptr) return;
  const auto ids = tokenizer->encode(mixed_text());
  for (auto _ : state) {
    Detokenizer detokenizer(*tokenizer);
    for (const TokenId id : *ids) benchmark::DoNotOptimize(detokenizer.push(id));
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(mixed_text().size()) *
                          static_cast<std::int64_t>(state.iterations()));
}

void bench_load(benchmark::State& state, const fs::path& directory) {
  if (load(state, directory) == nullptr) return;
  const std::string json = file_text(directory / "tokenizer.json");
  for (auto _ : state) benchmark::DoNotOptimize(Tokenizer::from_json(json, ""));
}

std::string megabyte_of_letters() {
  SplitMix64 random(1);
  std::string text;
  while (text.size() < 1'000'000) text += static_cast<char>('a' + random.below(26));
  return text;
}

}  // namespace
}  // namespace sluice

int main(int argc, char** argv) {
  using namespace sluice;
  const fs::path storyteller = fs::path(SLUICE_SOURCE_DIR) / "examples/models/storyteller-llama";
  const std::string letters = megabyte_of_letters();
  for (const fs::path& directory :
       {storyteller, shared_tokenizers() / "deepseek_v3", shared_tokenizers() / "qwen2_5"}) {
    const std::string name = directory.filename();
    benchmark::RegisterBenchmark(("encode_mixed/" + name).c_str(), bench_encode, directory, mixed_text());
    benchmark::RegisterBenchmark(("encode_one_pre_token/" + name).c_str(), bench_encode, directory, letters);
    benchmark::RegisterBenchmark(("decode/" + name).c_str(), bench_decode, directory);
    benchmark::RegisterBenchmark(("load/" + name).c_str(), bench_load, directory)->Unit(benchmark::kMillisecond);
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
