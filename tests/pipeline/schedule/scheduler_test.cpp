// What is planned, and when. How sequences end: scheduler_end_test.cpp; who gets blocks: scheduler_blocks_test.cpp.
#include "pipeline/schedule/scheduler.h"

#include "tests/pipeline/schedule/scheduler_fixture.h"

namespace sluice {
namespace {

using Ids = std::vector<std::uint64_t>;

TEST_SUITE("pipeline/schedule/scheduler") {
  TEST_CASE("plan: gives nothing without sequences") {
    SchedulerFixture f;
    CHECK(f.plans_nothing());
    CHECK(f.scheduler.is_idle());
    CHECK(f.scheduler.next_deadline() == TimePoint::never());
  }

  TEST_CASE("plan: prefills a short prompt whole, then decodes a token at a time") {
    SchedulerFixture f;
    f.start(9);

    const StageBatch prefill = f.run(50);
    CHECK(prefill.epoch == Epoch{1});
    CHECK(prefill.step == StepId{1});
    CHECK(prefill.token_ids == std::vector<TokenId>{100, 101, 102});
    REQUIRE(prefill.entries.size() == 1);
    CHECK(prefill.entries[0].first_position == 0);
    CHECK(prefill.entries[0].num_tokens == 3);
    CHECK(prefill.entries[0].wants_sample);
    CHECK(prefill.entries[0].block_table.size() == 1);
    REQUIRE(prefill.opened.size() == 1);
    CHECK(prefill.opened[0].sequence == SequenceId{9});
    CHECK(prefill.opened[0].prompt_tokens == 3);

    const StageBatch decode = f.run(51);
    CHECK(decode.step == StepId{2});
    CHECK(decode.token_ids == std::vector<TokenId>{50});
    CHECK(decode.entries[0].first_position == 3);
    CHECK(decode.entries[0].wants_sample);
    CHECK(decode.opened.empty());

    CHECK(f.run(52).token_ids == std::vector<TokenId>{51});
    f.read();
    REQUIRE(f.tokens.size() == 3);
    CHECK(f.tokens[2] == StreamTokens{SequenceId{9}, 2, {52}, {}});
  }

  TEST_CASE("plan: a chunk of the same prompt follows while the one before it is in flight") {
    SchedulerConfig config = make_config();
    config.max_batch_tokens = 4;
    config.pipeline_depth = 3;
    SchedulerFixture f(config);
    f.start(1, {.prompt_tokens = 10});

    const StageBatch first = f.plan();
    const StageBatch second = f.plan();
    const StageBatch third = f.plan();

    CHECK(first.token_ids == std::vector<TokenId>{100, 101, 102, 103});
    CHECK(second.entries[0].first_position == 4);
    CHECK(second.entries[0].num_tokens == 4);
    CHECK(third.token_ids == std::vector<TokenId>{108, 109});
    CHECK_FALSE(first.entries[0].wants_sample);
    CHECK_FALSE(second.entries[0].wants_sample);
    CHECK(third.entries[0].wants_sample);
    CHECK(first.opened.size() == 1);
    CHECK(second.opened.empty());
    CHECK(third.opened.empty());
    CHECK(second.entries[0].block_table.size() == 2);
    CHECK(third.entries[0].block_table.size() == 3);
  }

  TEST_CASE("plan: a sequence whose sample is in flight is not scheduled until it has returned") {
    SchedulerConfig config = make_config();
    config.pipeline_depth = 2;
    SchedulerFixture f(config);
    f.start(1);
    const StageBatch prefill = f.plan();

    CHECK(f.plans_nothing());
    f.complete(prefill);

    CHECK(ids(f.plan()) == Ids{1});
  }

  TEST_CASE("plan: never more steps in flight than the pipeline is deep") {
    SchedulerConfig config = make_config();
    config.pipeline_depth = 2;
    config.max_batch_tokens = 1;
    SchedulerFixture f(config);
    f.start(1);

    const StageBatch first = f.plan();
    f.plan();
    CHECK(f.plans_nothing());
    CHECK(f.scheduler.stats().steps_in_flight == 2);

    f.complete(first);
    CHECK(f.plan().token_ids == std::vector<TokenId>{102});
  }

  TEST_CASE("plan: decodes come before prompt chunks, which take what the budget leaves") {
    SchedulerConfig config = make_config();
    config.max_batch_tokens = 6;
    SchedulerFixture f(config);
    f.start(1);
    f.start(2);
    f.run();

    f.start(3, {.prompt_tokens = 9});
    const StageBatch mixed = f.run();
    CHECK(ids(mixed) == Ids{1, 2, 3});
    CHECK(mixed.entries[0].num_tokens == 1);
    CHECK(mixed.entries[2].num_tokens == 4);
    CHECK(mixed.token_ids.size() == 6);

    CHECK(f.run().entries[2].first_position == 4);
    CHECK(f.run().entries[2].wants_sample);
  }

  TEST_CASE("plan: a micro-batch takes its share of the decodes and leaves the others theirs") {
    SchedulerConfig config = make_config();
    config.pipeline_depth = 2;
    SchedulerFixture f(config);
    for (std::uint64_t id = 1; id <= 5; ++id) f.start(id);
    f.run();

    const StageBatch first = f.plan();
    const StageBatch second = f.plan();
    CHECK(ids(first) == Ids{1, 2, 3});
    CHECK(ids(second) == Ids{4, 5});
    CHECK(f.plans_nothing());

    f.complete(first);
    CHECK(ids(f.plan()) == Ids{1, 2, 3});
  }

  TEST_CASE("plan: with a budget below the number of decodes the longest not scheduled goes first") {
    SchedulerConfig config = make_config();
    config.max_batch_tokens = 2;
    SchedulerFixture f(config);
    f.start(1, {.prompt_tokens = 1});
    f.start(2, {.prompt_tokens = 1});
    f.run();
    f.scheduler.pause({SequenceId{1}, true});
    f.start(3, {.prompt_tokens = 1});
    CHECK(ids(f.run()) == Ids{2, 3});
    f.scheduler.pause({SequenceId{1}, false});

    CHECK(ids(f.run()) == Ids{1, 2});
    CHECK(ids(f.run()) == Ids{3, 1});
    CHECK(ids(f.run()) == Ids{2, 1});
    CHECK(ids(f.run()) == Ids{3, 1});
  }

  TEST_CASE("admit: by priority, then by arrival") {
    SchedulerConfig config = make_config();
    config.max_sequences = 1;
    SchedulerFixture f(config);
    f.start(1, {.max_tokens = 1});
    f.start(2, {.max_tokens = 1});
    f.start(3, {.max_tokens = 1, .priority = 5});
    f.start(4, {.max_tokens = 1, .priority = 5});

    CHECK(ids(f.run()) == Ids{3});
    CHECK(ids(f.run()) == Ids{4});
    CHECK(ids(f.run()) == Ids{1});
    CHECK(ids(f.run()) == Ids{2});
    CHECK(f.scheduler.is_idle());
  }

  TEST_CASE("pause: a paused sequence is not scheduled, running or waiting") {
    SchedulerFixture f;
    f.start(1);
    f.start(2);
    f.scheduler.pause({SequenceId{2}, true});
    f.scheduler.pause({SequenceId{77}, true});  // Unknown: ignored.

    CHECK(ids(f.run()) == Ids{1});
    f.scheduler.pause({SequenceId{1}, true});
    CHECK(f.plans_nothing());

    f.scheduler.pause({SequenceId{2}, false});
    CHECK(ids(f.run()) == Ids{2});
    f.scheduler.pause({SequenceId{1}, false});
    CHECK(ids(f.run()) == Ids{1, 2});
  }

  TEST_CASE("closed: an ended sequence rides on the next batch that there is, once") {
    SchedulerFixture f;
    f.start(1, {.max_tokens = 1});
    f.run();
    CHECK(f.plans_nothing());

    f.start(2);
    f.start(3);
    f.scheduler.cancel(SequenceId{3}, f.now);  // No stage has heard of it.
    CHECK(f.run().closed == std::vector<SequenceId>{{1}});
    CHECK(f.run().closed.empty());
  }

  TEST_CASE("prompt log-probabilities: chunks are asked for them and the pieces are put together") {
    SchedulerConfig config = make_config();
    config.max_batch_tokens = 2;
    SchedulerFixture f(config);
    SequenceStart start = make_start(1, {.prompt_tokens = 5, .max_tokens = 1});
    start.spec.logprobs.prompt = true;
    f.start(start);

    const StageBatch first = f.run();
    CHECK(first.entries[0].wants_prompt_logprobs);
    CHECK(first.entries[0].next_prompt_token == 102);
    CHECK(f.run().entries[0].next_prompt_token == 104);
    const StageBatch last = f.run();
    CHECK_FALSE(last.entries[0].wants_prompt_logprobs);  // Nothing of the prompt follows its last token.
    CHECK(last.entries[0].next_prompt_token == -1);

    CHECK(f.take_end().prompt_logprobs == std::vector<float>{-1, -2, -3, -4});
  }

  TEST_CASE("output log-probabilities: are passed on where they were asked for") {
    SchedulerFixture f;
    SequenceStart start = make_start(1);
    start.spec.logprobs.output = true;
    f.start(start);
    f.start(2);
    const StageBatch batch = f.plan();
    StepResult result = make_result(batch);
    result.samples[0].logprobs = TokenLogprobs{-0.5f, {}, 0};
    result.samples[1].logprobs = TokenLogprobs{-0.25f, {}, 0};

    CHECK(f.scheduler.complete(result, f.now).ok());

    f.read();
    CHECK(f.tokens[0].logprobs == std::vector<TokenLogprobs>{{-0.5f, {}, 0}});
    CHECK(f.tokens[1].logprobs.empty());
  }
}

}  // namespace
}  // namespace sluice
