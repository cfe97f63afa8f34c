// Who gets KV blocks: admission, growth, preemption by recompute, and when blocks come back.
#include "tests/pipeline/schedule/scheduler_fixture.h"

namespace sluice {
namespace {

using Ids = std::vector<std::uint64_t>;

SchedulerConfig with_blocks(std::uint32_t num_blocks, std::uint32_t pipeline_depth = 1) {
  SchedulerConfig config = make_config();
  config.num_blocks = num_blocks;
  config.pipeline_depth = pipeline_depth;
  return config;
}

TEST_SUITE("pipeline/schedule/scheduler_blocks") {
  TEST_CASE("admit: needs blocks for prompt and one token, and nobody overtakes the head") {
    SchedulerFixture f(with_blocks(4));
    f.start(1, {.prompt_tokens = 8});
    f.start(2, {.prompt_tokens = 8});
    f.start(3, {.prompt_tokens = 2});

    CHECK(ids(f.run()) == Ids{1});
    CHECK(f.scheduler.stats().blocks_free == 1);
    CHECK(ids(f.run()) == Ids{1});
    f.scheduler.cancel(SequenceId{1}, f.now);
    CHECK(ids(f.run()) == Ids{2, 3});
  }

  TEST_CASE("admit: a token that is never fed needs no slot") {
    SchedulerFixture f(with_blocks(2));
    f.start(1, {.prompt_tokens = 8, .max_tokens = 1});
    f.run();
    CHECK(reason_of(f.take_end()) == FinishReason::kLength);
  }

  TEST_CASE("out of blocks: fails when the cache cannot hold the sequence even alone, and not before") {
    SchedulerFixture f(with_blocks(2));
    f.start(1, {.prompt_tokens = 7});
    f.run();
    f.run();
    CHECK(f.scheduler.take_outputs().size() == 2);
    CHECK(f.plans_nothing());

    const StreamEnd end = f.take_end();
    CHECK(code_of(end) == ErrorCode::kOutOfBlocks);
    CHECK(end.usage.output_tokens == 2);
    CHECK(f.scheduler.is_idle());
  }

  TEST_CASE("out of blocks: a prompt that fills the cache may still end with its first token") {
    SchedulerFixture f(with_blocks(2));
    f.start(1, {.prompt_tokens = 8});
    f.run(kEos);
    CHECK(reason_of(f.take_end()) == FinishReason::kStop);
  }

  TEST_CASE("preempt: the latest goes, comes back with prompt and output, and goes on where it was") {
    SchedulerFixture f(with_blocks(4));
    f.start(1, {.prompt_tokens = 7});
    f.start(2, {.prompt_tokens = 7});
    f.run(40);
    f.run(41);

    CHECK(ids(f.run()) == Ids{1});
    CHECK(f.scheduler.stats().preempted_total == 1);
    CHECK(f.scheduler.stats().waiting == 1);
    f.scheduler.cancel(SequenceId{1}, f.now);
    f.read();
    f.tokens.clear();
    const StageBatch again = f.run(42);

    REQUIRE(ids(again) == Ids{2});
    CHECK(again.closed == std::vector<SequenceId>{{1}});
    CHECK(again.token_ids == std::vector<TokenId>{100, 101, 102, 103, 104, 105, 106, 40, 41});
    CHECK(again.entries[0].first_position == 0);
    CHECK(again.entries[0].wants_sample);
    REQUIRE(again.opened.size() == 1);
    CHECK(again.opened[0].prompt_tokens == 7);
    f.read();
    REQUIRE(f.tokens.size() == 1);
    CHECK(f.tokens[0] == StreamTokens{SequenceId{2}, 2, {42}, {}});
    CHECK(f.run().token_ids == std::vector<TokenId>{42});
  }

  TEST_CASE("preempt: the lowest priority goes first, and only as many as it takes") {
    SchedulerFixture f(with_blocks(6));
    f.start(1, {.prompt_tokens = 7});
    f.start(2, {.prompt_tokens = 7, .priority = 5});
    f.start(3, {.prompt_tokens = 7});
    f.run();
    f.run();

    CHECK(ids(f.run()) == Ids{2, 1});
    CHECK(f.scheduler.stats().preempted_total == 1);
  }

  TEST_CASE("preempt: a paused sequence goes before all others, whatever its priority") {
    SchedulerFixture f(with_blocks(6));
    f.start(1, {.prompt_tokens = 7});
    f.start(2, {.prompt_tokens = 7, .priority = 5});
    f.start(3, {.prompt_tokens = 7});
    f.run();
    f.run();
    f.scheduler.pause({SequenceId{2}, true});

    CHECK(ids(f.run()) == Ids{1, 3});
    CHECK(f.scheduler.stats().preempted_total == 1);
  }

  TEST_CASE("preempt: with a step in flight, blocks stay until it returns and its token is kept") {
    SchedulerFixture f(with_blocks(4, 2));
    f.start(1, {.prompt_tokens = 7});
    f.start(2, {.prompt_tokens = 7});
    f.run(40);
    const StageBatch of_1 = f.plan();
    const StageBatch of_2 = f.plan();
    REQUIRE(ids(of_2) == Ids{2});
    f.complete(of_1, 41);

    CHECK(f.plans_nothing());
    CHECK(f.plans_nothing());
    CHECK(f.scheduler.stats().preempted_total == 1);
    CHECK(f.scheduler.stats().draining == 1);
    CHECK(f.scheduler.stats().blocks_free == 0);

    f.complete(of_2, 99);
    CHECK(f.scheduler.stats().blocks_free == 2);
    f.read();
    CHECK(f.tokens.back() == StreamTokens{SequenceId{2}, 1, {99}, {}});
    CHECK(ids(f.plan()) == Ids{1});
    f.scheduler.cancel(SequenceId{1}, f.now);
  }

  TEST_CASE("preempt: waits for blocks that are coming instead of preempting another") {
    SchedulerFixture f(with_blocks(6, 3));
    for (std::uint64_t id = 1; id <= 3; ++id) f.start(id, {.prompt_tokens = 7});
    f.run();
    const StageBatch of_1 = f.plan();
    const StageBatch of_2 = f.plan();
    const StageBatch of_3 = f.plan();
    f.complete(of_1);
    f.scheduler.cancel(SequenceId{2}, f.now);

    CHECK(f.plans_nothing());
    CHECK(f.scheduler.stats().preempted_total == 0);
    f.complete(of_2);
    CHECK(ids(f.plan()) == Ids{1});
    f.complete(of_3);
    CHECK(f.scheduler.stats().preempted_total == 0);
  }

  TEST_CASE("admit: not while a running sequence waits for its next block") {
    SchedulerFixture f(with_blocks(6, 2));
    f.start(1, {.prompt_tokens = 4});
    f.start(2, {.prompt_tokens = 4});
    f.start(3, {.prompt_tokens = 3});
    f.run();
    const StageBatch first = f.plan();
    const StageBatch second = f.plan();
    REQUIRE(ids(second) == Ids{3});
    f.complete(first);
    f.complete(second);
    f.start(4, {.prompt_tokens = 2});

    CHECK(ids(f.plan()) == Ids{1, 2});  // Their share; 3 is next and needs the last block.
    CHECK(ids(f.plan()) == Ids{3});
  }

  TEST_CASE("pause: gives its place and its blocks to one that waits, and takes part again later") {
    SchedulerConfig config = with_blocks(3);
    config.max_sequences = 1;
    SchedulerFixture f(config);
    f.start(1, {.prompt_tokens = 7});
    f.run(50);
    f.start(2, {.prompt_tokens = 7});
    CHECK(ids(f.run(51)) == Ids{1});

    f.scheduler.pause({SequenceId{1}, true});
    CHECK(ids(f.run()) == Ids{2});
    f.scheduler.pause({SequenceId{1}, false});
    CHECK(ids(f.run()) == Ids{2});
    f.scheduler.cancel(SequenceId{2}, f.now);

    const StageBatch again = f.run();
    CHECK(ids(again) == Ids{1});
    CHECK(again.token_ids.size() == 9);
    CHECK(again.token_ids.back() == 51);
  }

  TEST_CASE("pause: keeps its blocks as long as nobody needs them") {
    SchedulerFixture f(with_blocks(4));
    f.start(1, {.prompt_tokens = 7});
    f.run(50);
    f.scheduler.pause({SequenceId{1}, true});
    f.start(2, {.prompt_tokens = 2});
    f.run();
    f.scheduler.pause({SequenceId{1}, false});

    CHECK(ids(f.run()) == Ids{1, 2});
    CHECK(f.scheduler.stats().preempted_total == 0);
  }

  TEST_CASE("prompt log-probabilities: what is known is not asked for again after a preemption") {
    SchedulerConfig config = with_blocks(8);
    config.max_sequences = 1;
    config.max_batch_tokens = 4;
    SchedulerFixture f(config);
    SequenceStart start = make_start(1, {.prompt_tokens = 7, .max_tokens = 1});
    start.spec.logprobs.prompt = true;
    f.start(start);
    f.run();
    f.scheduler.pause({SequenceId{1}, true});
    f.start(2, {.prompt_tokens = 1, .max_tokens = 1});
    REQUIRE(ids(f.run()) == Ids{2});
    f.take_end();
    f.scheduler.pause({SequenceId{1}, false});

    const StageBatch known = f.run();
    CHECK(known.entries[0].num_tokens == 4);
    CHECK_FALSE(known.entries[0].wants_prompt_logprobs);
    const StageBatch rest = f.run();
    CHECK(rest.entries[0].first_position == 4);
    CHECK(rest.entries[0].wants_prompt_logprobs);
    CHECK(f.take_end().prompt_logprobs == std::vector<float>{-1, -2, -3, -4, -5, -6});
  }
}

}  // namespace
}  // namespace sluice
