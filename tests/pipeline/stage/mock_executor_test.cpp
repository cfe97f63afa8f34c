#include "pipeline/stage/mock_executor.h"

#include <doctest/doctest.h>

#include <functional>

#include "tests/pipeline/stage/pipeline_fixture.h"
#include "tests/support/paths.h"
#include "tests/support/temp_directory.h"

namespace sluice {
namespace {

using std::chrono::microseconds;
using test::make_stage;

constexpr std::uint32_t kVocabSize = 4096;
const auto kModelDir = test::source_path("examples/models/storyteller-llama");

// Notes until when it is waited, and is there at once.
class NotingClock final : public DeviceClock {
 public:
  NotingClock(TimePoint& time, std::vector<TimePoint>& ends) : time_(time), ends_(ends) {}

  TimePoint now() const override { return time_; }
  void wait_until(TimePoint end) override {
    ends_.push_back(end);
    time_ = end;
  }

 private:
  TimePoint& time_;
  std::vector<TimePoint>& ends_;
};

StageSpec spec(std::uint32_t first_layer, std::uint32_t num_layers) {
  StageSpec spec = test::small_stage(first_layer, num_layers);
  spec.weights = WeightsKind::kMock;
  return spec;
}

// Five prompt tokens of sequence 1, of which three come now, and all of sequence 2's one.
StageBatch two_sequences() {
  StageBatch batch;
  batch.epoch = Epoch{3};
  batch.step = StepId{7};
  batch.token_ids = {10, 11, 12, 20};
  batch.opened.push_back({.sequence = SequenceId{1}, .seed = 5, .prompt_tokens = 5});
  batch.opened.push_back({.sequence = SequenceId{2}, .seed = 6, .prompt_tokens = 1});
  batch.entries.push_back({.sequence = SequenceId{1}, .num_tokens = 3, .block_table = {BlockId{0}}});
  batch.entries.push_back(
      {.sequence = SequenceId{2}, .num_tokens = 1, .wants_sample = true, .block_table = {BlockId{1}}});
  return batch;
}

// The token that sequence 2 got goes on.
StageBatch decode(TokenId token) {
  StageBatch batch;
  batch.token_ids = {token};
  batch.entries.push_back({.sequence = SequenceId{2},
                           .first_position = 1,
                           .num_tokens = 1,
                           .wants_sample = true,
                           .block_table = {BlockId{1}}});
  return batch;
}

std::string refusal(StageExecutor& stage, const StageBatch& batch) {
  const auto output = stage.run(batch);
  if (output.ok()) return "accepted";
  CHECK(output.error().code == ErrorCode::kProtocolViolation);
  return output.error().message;
}

}  // namespace

TEST_SUITE("pipeline/stage/mock_executor") {
  TEST_CASE("only config.json is needed, and no memory") {
    test::TempDirectory directory;
    std::filesystem::copy(kModelDir / "config.json", directory.path() / "config.json");
    auto from = spec(0, 6);
    from.model_dir = directory.path();
    from.num_blocks = 0xffffffff;
    const auto stage = make_stage(from);
    CHECK(stage->weights_bytes() == 0);
    CHECK(stage->kv_cache_bytes() == 0);
    CHECK(stage->run(two_sequences()).ok());
  }

  TEST_CASE("outputs are the known ones for every cut, chunk and company") {
    for (const std::vector<std::uint32_t>& cuts : std::vector<std::vector<std::uint32_t>>{{}, {3}, {1, 2, 5}}) {
      test::Pipeline pipeline({.model_dir = kModelDir, .weights = WeightsKind::kMock, .cuts = cuts});
      std::vector<test::Generation> generations(5);
      std::vector<test::Generation*> all;
      for (std::uint32_t i = 0; i < generations.size(); ++i) {
        generations[i].prompt.assign(i * 7 + 1, 100);
        generations[i].seed = 1000 + i;
        generations[i].sampling.choice = i % 2;
        generations[i].max_tokens = 4 + i;
        generations[i].chunk_tokens = 3 + i;
        generations[i].logprobs = {.output = true, .top = 3, .prompt = true, .digest = true};
        all.push_back(&generations[i]);
      }
      pipeline.generate(all);
      for (std::uint32_t i = 0; i < generations.size(); ++i) {
        const auto& generation = generations[i];
        const auto prompt_tokens = static_cast<std::uint32_t>(generation.prompt.size());
        for (std::uint32_t j = 0; j < generation.max_tokens; ++j) {
          const TokenId token = mock_token(1000 + i, i % 2, prompt_tokens + j, kVocabSize);
          CHECK(generation.output[j] == token);
          CHECK(generation.output_logprobs[j] ==
                TokenLogprobs{0.0f, {{token, 0.0f}}, mock_digest(1000 + i, i % 2, prompt_tokens + j)});
        }
        CHECK(generation.prompt_logprobs == std::vector<float>(prompt_tokens - 1, -100.0f));
      }
    }
  }

  TEST_CASE("a step answers for the entries that ask, and nothing else") {
    const auto stage = make_stage(spec(0, 6));
    const auto output = stage->run(two_sequences());
    REQUIRE(output.ok());
    const auto& result = std::get<StepResult>(*output);
    CHECK(result.epoch == Epoch{3});
    CHECK(result.step == StepId{7});
    CHECK(result.samples == std::vector<Sample>{{SequenceId{2}, 1, mock_token(6, 0, 1, kVocabSize), {}}});
    CHECK(result.prompt_logprobs.empty());
  }

  TEST_CASE("hidden states are the known ones, and others are refused") {
    const auto first = make_stage(spec(0, 3));
    const auto last = make_stage(spec(3, 3));
    const auto output = first->run(two_sequences());
    REQUIRE(output.ok());
    auto passed = std::get<StageBatch>(*output);
    REQUIRE(passed.hidden.values.size() == 4 * 256);
    CHECK(passed.hidden.values[2 * 256 + 9] == mock_hidden_state(12, 2));
    CHECK(passed.hidden.values[3 * 256] == mock_hidden_state(20, 0));

    auto swapped = passed;
    std::swap(swapped.token_ids[0], swapped.token_ids[1]);
    CHECK(refusal(*last, swapped).starts_with("hidden state of row "));
    CHECK(refusal(*last, passed) == "accepted");
  }

  TEST_CASE("what a stage passes on tells the next one of the idle time before it") {
    const auto stage = make_stage(spec(0, 3));
    StageBatch batch = two_sequences();
    batch.idle_us = 77;
    const auto output = stage->run(batch);
    REQUIRE(output.ok());
    CHECK(std::get<StageBatch>(*output).idle_us == 77);
  }

  TEST_CASE("an output token that is not the one it gave is refused, and changes nothing") {
    const auto stage = make_stage(spec(0, 6));
    REQUIRE(stage->run(two_sequences()).ok());
    const TokenId token = mock_token(6, 0, 1, kVocabSize);
    CHECK(refusal(*stage, decode(token + 1)) == "sequence 2 has token " + std::to_string(token + 1) +
                                                    " at position 1, its output there was " + std::to_string(token));
    CHECK(refusal(*stage, decode(token)) == "accepted");
    CHECK(refusal(*stage, decode(token)).find("begins at position 1 after 2 tokens") != std::string::npos);
  }

  TEST_CASE("the rules of batches hold as for every stage") {
    const auto stage = make_stage(spec(0, 6));
    const std::vector<std::pair<std::function<void(StageBatch&)>, std::string>> cases = {
        {[](StageBatch& b) { b.token_ids[0] = 4096; }, "outside the vocabulary"},
        {[](StageBatch& b) { b.entries[0].block_table[0] = BlockId{8}; }, "names block 8 of 8"},
        {[](StageBatch& b) { b.entries[0].block_table[0] = BlockId{1}; }, "written to one slot"},
        {[](StageBatch& b) { b.opened.pop_back(); }, "not open"},
        {[](StageBatch& b) { b.opened[0].history = {1}; }, "begins at position 0 after 1 tokens"},
        {[](StageBatch& b) { b.hidden.rows = 1; }, "hidden states"}};
    for (const auto& [change, part] : cases) {
      CAPTURE(part);
      auto batch = two_sequences();
      change(batch);
      CHECK(refusal(*stage, batch).find(part) != std::string::npos);
    }
    REQUIRE(stage->run(two_sequences()).ok());
    stage->forget_sequences();
    CHECK(refusal(*stage, decode(mock_token(6, 0, 1, kVocabSize))).find("not open") != std::string::npos);
  }

  TEST_CASE("a step takes its time: so much, and so much for each token") {
    TimePoint time{microseconds(100)};
    std::vector<TimePoint> ends;
    auto from = spec(0, 6);
    from.mock = {.step_us = 1000, .token_us = 20};
    MockExecutor stage(from, *load_model_config(kModelDir), std::make_unique<NotingClock>(time, ends));
    REQUIRE(stage.run(two_sequences()).ok());
    time = time + microseconds(5000);
    REQUIRE(stage.run(decode(mock_token(6, 0, 1, kVocabSize))).ok());
    CHECK(ends == std::vector<TimePoint>{{microseconds(1180)}, {microseconds(7200)}});

    ends.clear();
    from.mock = {};
    MockExecutor free_stage(from, *load_model_config(kModelDir), std::make_unique<NotingClock>(time, ends));
    REQUIRE(free_stage.run(two_sequences()).ok());
    CHECK(ends.empty());
  }

  TEST_CASE("the device's clock does not return early") {
    SteadyDeviceClock clock;
    const TimePoint end = clock.now() + microseconds(300);
    clock.wait_until(end);
    CHECK(clock.now() >= end);
    clock.wait_until(end);
  }
}

}  // namespace sluice
