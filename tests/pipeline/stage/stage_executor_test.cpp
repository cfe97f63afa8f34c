#include "pipeline/stage/stage_executor.h"

#include <doctest/doctest.h>

#include <functional>
#include <limits>

#include "base/random.h"
#include "tests/pipeline/stage/pipeline_fixture.h"
#include "tests/support/paths.h"

namespace sluice {
namespace {

using test::make_stage;

StageSpec spec(std::uint32_t first_layer = 0, std::uint32_t num_layers = 6) {
  StageSpec spec = test::small_stage(first_layer, num_layers);
  spec.path = kernels::best_isa_path();
  return spec;
}

// Two sequences: 5 tokens in blocks 0, and 18 tokens in blocks 1 and 2.
StageBatch valid_batch() {
  StageBatch batch;
  batch.epoch = Epoch{3};
  batch.step = StepId{7};
  for (int i = 0; i < 23; ++i) batch.token_ids.push_back(100 + i);
  batch.opened.push_back({.sequence = SequenceId{1}, .prompt_tokens = 5});
  batch.opened.push_back({.sequence = SequenceId{2}, .prompt_tokens = 40});
  batch.entries.push_back(
      {.sequence = SequenceId{1}, .num_tokens = 5, .wants_sample = true, .block_table = {BlockId{0}}});
  batch.entries.push_back({.sequence = SequenceId{2}, .num_tokens = 18, .block_table = {BlockId{1}, BlockId{2}}});
  return batch;
}

// The batch with hidden states that own their memory.
StageBatch with_hidden(StageBatch batch, std::uint32_t rows, std::uint32_t columns, std::size_t offset_bytes = 0) {
  const std::size_t count = std::size_t{rows} * columns;
  auto memory = std::make_shared<std::vector<std::byte>>(count * 4 + offset_bytes);
  batch.hidden = {rows, columns, memory, {reinterpret_cast<const float*>(memory->data() + offset_bytes), count}};
  return batch;
}

std::string refusal(StageExecutor& stage, const StageBatch& batch) {
  const auto output = stage.run(batch);
  if (output.ok()) return "accepted";
  CHECK(output.error().code == ErrorCode::kProtocolViolation);
  return output.error().message;
}

std::string refusal(StageExecutor& stage, const std::function<void(StageBatch&)>& change) {
  auto batch = valid_batch();
  change(batch);
  return refusal(stage, batch);
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_SUITE("pipeline/stage/stage_executor create") {
  TEST_CASE("a stage knows its place and its size") {
    const auto first = make_stage(spec(0, 2));
    const auto last = make_stage(spec(2, 4));
    CHECK(first->is_first());
    CHECK_FALSE(first->is_last());
    CHECK_FALSE(last->is_first());
    CHECK(last->is_last());
    CHECK(first->weights_bytes() == weights_bytes(first->model(), {0, 2, true, false}, DType::kBF16));
    CHECK(first->kv_cache_bytes() == 2 * 8 * 16 * kv_bytes_per_token_per_layer(first->model(), DType::kBF16));
  }

  TEST_CASE("a spec that contradicts itself or the model is refused") {
    const auto error_of = [](const std::function<void(StageSpec&)>& change) {
      auto changed = spec();
      change(changed);
      const auto stage = StageExecutor::create(changed);
      return stage.ok() ? Error{ErrorCode::kInternal, "accepted"} : stage.error();
    };
    const std::vector<std::pair<std::function<void(StageSpec&)>, std::string>> cases = {
        {[](StageSpec& s) { s.num_layers = 0; }, "layers"},
        {[](StageSpec& s) { s.num_layers = 7; }, "layers"},
        {[](StageSpec& s) { s.first_layer = 4294967295u; }, "layers"},
        {[](StageSpec& s) { s.dtype = DType::kF16; }, "dtype"},
        {[](StageSpec& s) { s.compute = DType::kF16; }, "compute"},
        {[](StageSpec& s) { s.dtype = DType::kF32; }, "compute bf16 needs dtype bf16"},
        {[](StageSpec& s) { s.block_tokens = 0; }, "block_tokens"},
        {[](StageSpec& s) { s.block_tokens = 1025; }, "block_tokens"},
        {[](StageSpec& s) { s.num_blocks = 0; }, "num_blocks"},
        {[](StageSpec& s) { s.max_batch_tokens = 0; }, "max_batch_tokens"},
        {[](StageSpec& s) { s.max_batch_tokens = 1u << 31; }, "max_batch_tokens"},
        {[](StageSpec& s) { s.threads = 0; }, "threads"},
        {[](StageSpec& s) { s.max_open_sequences = 0; }, "max_open_sequences"}};
    for (const auto& [change, part] : cases) {
      CAPTURE(part);
      const auto error = error_of(change);
      CAPTURE(error.message);
      CHECK(error.code == ErrorCode::kInvalidConfig);
      CHECK(contains(error.message, part));
    }
  }

  TEST_CASE("a KV cache beyond all memory is refused") {
    for (const std::uint32_t num_blocks : {1u << 28, 4294967295u}) {
      auto huge = spec();
      huge.num_blocks = num_blocks;
      huge.block_tokens = 1024;
      const auto stage = StageExecutor::create(huge);
      REQUIRE_FALSE(stage.ok());
      CHECK(stage.error().code == ErrorCode::kInvalidConfig);
      CHECK(contains(stage.error().message, "KV cache"));
    }
  }

  TEST_CASE("a directory that is no model is refused") {
    auto elsewhere = spec();
    elsewhere.model_dir = test::source_path("tests/golden");
    const auto stage = StageExecutor::create(elsewhere);
    REQUIRE_FALSE(stage.ok());
    CHECK(stage.error().code == ErrorCode::kModelLoadFailed);
  }
}

TEST_SUITE("pipeline/stage/stage_executor run") {
  TEST_CASE("epoch and step and entries pass through, and hidden states are filled in") {
    const auto first = make_stage(spec(0, 3));
    const auto last = make_stage(spec(3, 3));

    const auto output = first->run(valid_batch());

    REQUIRE(output.ok());
    const auto& passed = std::get<StageBatch>(*output);
    CHECK(passed.epoch == Epoch{3});
    CHECK(passed.step == StepId{7});
    CHECK(passed.token_ids == valid_batch().token_ids);
    CHECK(passed.entries == valid_batch().entries);
    CHECK(passed.opened == valid_batch().opened);
    CHECK(passed.hidden.rows == 23);
    CHECK(passed.hidden.columns == 256);
    CHECK(passed.hidden.values.size() == 23 * 256);
    const auto result = last->run(passed);
    REQUIRE(result.ok());
    const auto& step = std::get<StepResult>(*result);
    CHECK(step.epoch == Epoch{3});
    CHECK(step.step == StepId{7});
    REQUIRE(step.samples.size() == 1);
    CHECK(step.samples[0].sequence == SequenceId{1});
    CHECK(step.samples[0].position == 5);
    CHECK_FALSE(step.samples[0].logprobs.has_value());
  }

  TEST_CASE("hidden states outlive the stage that made them") {
    auto first = make_stage(spec(0, 3));
    auto output = first->run(valid_batch());
    REQUIRE(output.ok());
    const auto passed = std::get<StageBatch>(*std::move(output));
    first.reset();
    const auto last = make_stage(spec(3, 3));
    CHECK(last->run(passed).ok());
  }

  TEST_CASE("a batch may only open and close") {
    const auto stage = make_stage(spec());
    const auto first = make_stage(spec(0, 3));
    const auto last = make_stage(spec(3, 3));
    StageBatch batch;
    batch.opened.push_back({.sequence = SequenceId{1}, .prompt_tokens = 5});
    batch.closed = {SequenceId{1}, SequenceId{99}};
    const auto result = stage->run(batch);
    REQUIRE(result.ok());
    CHECK(std::get<StepResult>(*result).samples.empty());
    const auto passed = first->run(batch);
    REQUIRE(passed.ok());
    CHECK(std::get<StageBatch>(*passed).closed == batch.closed);
    CHECK(last->run(std::get<StageBatch>(*passed)).ok());
  }

  TEST_CASE("a batch that breaks a rule is refused and names it") {
    const auto stage = make_stage(spec());
    const std::vector<std::pair<std::function<void(StageBatch&)>, std::string>> cases = {
        {[](StageBatch& b) { b.token_ids[3] = 4096; }, "token 4096 is outside"},
        {[](StageBatch& b) { b.token_ids[3] = -1; }, "token -1 is outside"},
        {[](StageBatch& b) { b.token_ids.pop_back(); }, "its entries ask for 23"},
        {[](StageBatch& b) { b.token_ids.push_back(1); }, "its entries ask for 23"},
        {[](StageBatch& b) { b.token_ids.resize(33); }, "limit 32"},
        {[](StageBatch& b) { b.entries[0].num_tokens = 0; }, "has no tokens"},
        {[](StageBatch& b) { b.entries[0].num_tokens = 4294967295u; }, "the context has 1024"},
        {[](StageBatch& b) { b.entries[0].first_position = 4294967295u; }, "the context has 1024"},
        {[](StageBatch& b) { b.entries[0].first_position = 1020; }, "the context has 1024"},
        {[](StageBatch& b) { b.entries[1].block_table.pop_back(); }, "has 1 blocks, needs 2"},
        {[](StageBatch& b) { b.entries[1].block_table.clear(); }, "has 0 blocks, needs 2"},
        {[](StageBatch& b) { b.entries[1].block_table.resize(65); }, "has 65 blocks"},
        {[](StageBatch& b) { b.entries[1].block_table[1] = BlockId{8}; }, "names block 8 of 8"},
        {[](StageBatch& b) { b.entries[1].block_table[1] = BlockId{4294967295u}; }, "names block 4294967295"},
        {[](StageBatch& b) { b.entries[1].block_table[1] = BlockId{0}; }, "written to one slot"},
        {[](StageBatch& b) { b.entries[1].block_table[1] = BlockId{1}; }, "written to one slot"},
        {[](StageBatch& b) { b.entries[1].sequence = SequenceId{1}; }, "two entries of one sequence"},
        {[](StageBatch& b) { b.entries[1].next_prompt_token = 4096; }, "outside"},
        {[](StageBatch& b) { b.entries[1].next_prompt_token = -2; }, "outside"},
        {[](StageBatch& b) { b.entries[1].wants_prompt_logprobs = true; }, "does not name the next prompt token"},
        {[](StageBatch& b) { b.entries[1].sequence = SequenceId{5}; }, "not open"},
        {[](StageBatch& b) { b.entries[0].first_position = 3; }, "begins at position 3 after 0 tokens"},
        {[](StageBatch& b) { b.opened.pop_back(); }, "not open"},
        {[](StageBatch& b) {
           b.opened[0].history = {1, 2};
         },
         "begins at position 0 after 2 tokens"},
        {[](StageBatch& b) {
           b.opened[0].history = {1, -2};
         },
         "outside"},
        {[](StageBatch& b) { b.opened[0].history.resize(1025); }, "history"},
        {[](StageBatch& b) { b.opened[0].prompt_tokens = 0; }, "prompt of 0 tokens"},
        {[](StageBatch& b) { b.opened[0].prompt_tokens = 1025; }, "prompt of 1025 tokens"},
        {[](StageBatch& b) { b.opened[0].logprobs.top = 21; }, "limit 20"},
        {[](StageBatch& b) { b.opened[0].sampling.temperature = std::numeric_limits<float>::quiet_NaN(); },
         "temperature"},
        {[](StageBatch& b) {
           b.opened[0].sampling.logit_bias = {{4096, 1.0f}};
         },
         "logit_bias"},
        {[](StageBatch& b) {
           b.opened.push_back({.sequence = SequenceId{3}, .prompt_tokens = 1});
           b.opened.push_back({.sequence = SequenceId{4}, .prompt_tokens = 1});
         },
         "4 open sequences"},
        {[](StageBatch& b) { b = with_hidden(std::move(b), 23, 256); }, "hidden states"},
    };
    for (const auto& [change, part] : cases) {
      CAPTURE(part);
      const auto message = refusal(*stage, change);
      CAPTURE(message);
      CHECK(contains(message, part));
    }
    CHECK(refusal(*stage, [](StageBatch&) {}) == "accepted");
  }

  TEST_CASE("hidden states of another shape are refused and unaligned ones are not") {
    const auto last = make_stage(spec(3, 3));
    CHECK(contains(refusal(*last, valid_batch()), "hidden states"));
    CHECK(contains(refusal(*last, with_hidden(valid_batch(), 22, 256)), "hidden states"));
    CHECK(contains(refusal(*last, with_hidden(valid_batch(), 23, 255)), "hidden states"));
    CHECK(contains(refusal(*last, with_hidden(valid_batch(), 256, 23)), "hidden states"));
    auto lying = with_hidden(valid_batch(), 23, 256);
    lying.hidden.values = lying.hidden.values.first(23 * 256 - 1);
    CHECK(contains(refusal(*last, lying), "hidden states"));
    auto empty = with_hidden(valid_batch(), 0, 256);
    CHECK(contains(refusal(*last, empty), "hidden states"));
    CHECK(refusal(*last, with_hidden(valid_batch(), 23, 256, 4)) == "accepted");
  }

  TEST_CASE("hidden states of NaN and infinity end in a token of the vocabulary") {
    const auto last = make_stage(spec(3, 3));
    for (const float value : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                              std::numeric_limits<float>::max()}) {
      auto batch = valid_batch();
      batch.opened[0].sampling.top_p = 0.9f;
      batch.opened[0].logprobs = {.output = true, .top = 20, .digest = true};
      auto memory = std::make_shared<std::vector<float>>(23 * 256, value);
      batch.hidden = {23, 256, memory, *memory};
      const auto output = last->run(batch);
      REQUIRE(output.ok());
      const auto token = std::get<StepResult>(*output).samples.at(0).token;
      CHECK(token >= 0);
      CHECK(token < 4096);
    }
  }

  TEST_CASE("a refused batch changes nothing") {
    const auto stage = make_stage(spec());
    REQUIRE(stage->run(valid_batch()).ok());
    StageBatch next;
    next.token_ids = {7};
    next.entries.push_back({.sequence = SequenceId{1},
                            .first_position = 5,
                            .num_tokens = 1,
                            .wants_sample = true,
                            .block_table = {BlockId{0}}});
    auto refused = next;
    refused.closed = {SequenceId{1}};
    CHECK(contains(refusal(*stage, refused), "not open"));
    refused.closed = {SequenceId{2}};
    refused.entries[0].first_position = 6;
    CHECK(contains(refusal(*stage, refused), "begins at position 6 after 5 tokens"));

    CHECK(stage->run(next).ok());
    CHECK(contains(refusal(*stage, next), "begins at position 5 after 6 tokens"));
  }

  TEST_CASE("closing makes room and opening again starts over") {
    const auto stage = make_stage(spec());
    REQUIRE(stage->run(valid_batch()).ok());
    REQUIRE(stage->run(valid_batch()).ok());
    StageBatch swap;
    swap.closed = {SequenceId{1}, SequenceId{2}};
    for (std::uint64_t i = 10; i < 13; ++i) swap.opened.push_back({.sequence = SequenceId{i}, .prompt_tokens = 1});
    CHECK(stage->run(swap).ok());
    StageBatch one_more;
    one_more.opened.push_back({.sequence = SequenceId{13}, .prompt_tokens = 1});
    CHECK(contains(refusal(*stage, one_more), "4 open sequences"));
  }

  TEST_CASE("random batches never do more than fail") {
    const auto stage = make_stage(spec());
    int accepted = 0;
    for (std::uint64_t seed = 0; seed < 600; ++seed) {
      SplitMix64 random(seed);
      auto batch = valid_batch();
      const auto number = [&]() -> std::uint32_t {
        switch (random.below(4)) {
          case 0: return static_cast<std::uint32_t>(random.next());
          case 1: return static_cast<std::uint32_t>(random.below(1100));
          default: return static_cast<std::uint32_t>(random.below(20));
        }
      };
      for (std::uint64_t i = 0; i <= random.below(3); ++i) {
        auto& entry = batch.entries[random.below(2)];
        switch (random.below(8)) {
          case 0: entry.first_position = number(); break;
          case 1: entry.num_tokens = number(); break;
          case 2: entry.block_table.resize(random.below(70), BlockId{number()}); break;
          case 3: batch.token_ids.resize(random.below(40)); break;
          case 4: entry.sequence = SequenceId{random.below(4)}; break;
          case 5: batch.opened[random.below(2)].prompt_tokens = number(); break;
          case 6: entry.wants_prompt_logprobs = true; break;
          case 7: entry.next_prompt_token = static_cast<TokenId>(number()); break;
        }
      }
      accepted += refusal(*stage, batch) == "accepted" ? 1 : 0;
    }
    CHECK(accepted > 0);
    CHECK(accepted < 600);
  }
}

}  // namespace sluice
