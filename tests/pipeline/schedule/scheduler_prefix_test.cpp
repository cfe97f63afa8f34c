// Sequences that begin alike use the same blocks.
#include "tests/pipeline/schedule/scheduler_fixture.h"

namespace sluice {
namespace {

using Ids = std::vector<std::uint64_t>;
using Tokens = std::vector<TokenId>;

SchedulerConfig cached_config(std::uint32_t num_blocks = 64) {
  SchedulerConfig config = make_config();
  config.prefix_cache = true;
  config.num_blocks = num_blocks;
  return config;
}

// Runs a sequence to its end by length.
StreamEnd run_alone(SchedulerFixture& f, SequenceStart start) {
  f.start(std::move(start));
  while (!f.scheduler.is_idle()) f.run();
  f.read();
  return std::exchange(f.ends, {}).back();
}

TEST_SUITE("pipeline/schedule/scheduler_prefix") {
  TEST_CASE("a second prompt is computed from where it differs, its beginning is history") {
    SchedulerFixture f(cached_config());
    CHECK(run_alone(f, make_start(1, {.prompt_tokens = 10, .max_tokens = 1})).usage.cached_tokens == 0);
    SequenceStart start = make_start(2, {.prompt_tokens = 10, .max_tokens = 1});
    start.prompt_ids[9] = 500;
    f.start(start);
    const StageBatch batch = f.run();

    CHECK(batch.token_ids == Tokens{108, 500});
    CHECK(batch.entries[0].first_position == 8);
    CHECK(batch.entries[0].block_table.size() == 3);
    CHECK(batch.entries[0].wants_sample);
    REQUIRE(batch.opened.size() == 1);
    CHECK(batch.opened[0].history == Tokens{100, 101, 102, 103, 104, 105, 106, 107});
    CHECK(f.take_end().usage.cached_tokens == 8);
    CHECK(f.scheduler.stats().cached_tokens_total == 8);
    CHECK(f.scheduler.stats().blocks_free + f.scheduler.stats().blocks_cached == 64);
  }

  TEST_CASE("the last token of a prompt is computed, for its sample") {
    SchedulerFixture f(cached_config());
    run_alone(f, make_start(1, {.prompt_tokens = 8, .max_tokens = 1}));
    f.start(2, {.prompt_tokens = 8, .max_tokens = 1});
    CHECK(f.run().entries[0].num_tokens == 4);
    CHECK(f.take_end().usage.cached_tokens == 4);
    CHECK(run_alone(f, make_start(3, {.prompt_tokens = 9, .max_tokens = 1})).usage.cached_tokens == 8);
  }

  TEST_CASE("blocks are shared while their first user still runs") {
    SchedulerFixture f(cached_config());
    f.start(1, {.prompt_tokens = 8});
    f.run();
    f.start(2, {.prompt_tokens = 9});
    const StageBatch both = f.run();

    REQUIRE(ids(both) == Ids{1, 2});
    CHECK(both.entries[0].block_table[0] == both.entries[1].block_table[0]);
    CHECK(both.entries[0].block_table[1] == both.entries[1].block_table[1]);
    CHECK(both.entries[0].block_table[2] != both.entries[1].block_table[2]);
    CHECK(both.entries[1].first_position == 8);
  }

  TEST_CASE("histories beyond what one message may hold wait for the next batch") {
    SchedulerConfig config = cached_config();
    config.max_history_tokens = 20;
    config.pipeline_depth = 2;
    SchedulerFixture f(config);
    run_alone(f, make_start(1, {.prompt_tokens = 40, .max_tokens = 1}));
    for (std::uint64_t id = 2; id <= 4; ++id) f.start(id, {.prompt_tokens = 17});
    const StageBatch first = f.plan();
    CHECK(ids(first) == Ids{2});
    CHECK(first.opened[0].history.size() == 16);
    f.complete(first);
    const StageBatch second = f.plan();
    CHECK(ids(second) == Ids{2, 3});
    CHECK(second.opened.size() == 1);
    f.complete(second);
    // One alone that is longer is not kept waiting.
    f.start(5, {.prompt_tokens = 39});
    f.run();
    CHECK(f.run().opened[0].history.size() == 36);
  }

  TEST_CASE("a conversation goes on from the blocks of its output") {
    SchedulerFixture f(cached_config());
    run_alone(f, make_start(1, {.prompt_tokens = 6, .max_tokens = 7}));  // 12 tokens are computed: the last never is.
    SequenceStart next = make_start(2, {.prompt_tokens = 6, .max_tokens = 1});
    next.prompt_ids.insert(next.prompt_ids.end(), 7, 7);
    next.prompt_ids.push_back(300);
    CHECK(run_alone(f, next).usage.cached_tokens == 12);
  }

  TEST_CASE("what overran a stop string is not found, what came before is") {
    SchedulerFixture f(cached_config());
    f.start(1, {.prompt_tokens = 7});
    for (int i = 0; i < 6; ++i) f.run();
    f.scheduler.stop({SequenceId{1}, 1}, f.now);
    f.take_end();
    SequenceStart next = make_start(2, {.prompt_tokens = 7, .max_tokens = 1});
    next.prompt_ids.insert(next.prompt_ids.end(), {7, 301, 302});
    CHECK(run_alone(f, next).usage.cached_tokens == 8);
  }

  TEST_CASE("another tenant finds nothing") {
    SchedulerFixture f(cached_config());
    SequenceStart start = make_start(1, {.prompt_tokens = 12, .max_tokens = 1});
    start.spec.tenant = "a";
    run_alone(f, start);
    start.sequence = {2};
    start.spec.tenant = "b";
    CHECK(run_alone(f, start).usage.cached_tokens == 0);
    start.sequence = {3};
    start.spec.tenant = "";
    CHECK(run_alone(f, start).usage.cached_tokens == 0);
    start.sequence = {4};
    start.spec.tenant = "a";
    CHECK(run_alone(f, start).usage.cached_tokens == 8);
  }

  TEST_CASE("log-probabilities of the prompt are computed, not looked up") {
    SchedulerFixture f(cached_config());
    run_alone(f, make_start(1, {.prompt_tokens = 12, .max_tokens = 1}));
    SequenceStart start = make_start(2, {.prompt_tokens = 12, .max_tokens = 1});
    start.spec.logprobs.prompt = true;
    const StreamEnd end = run_alone(f, start);
    CHECK(end.usage.cached_tokens == 0);
    CHECK(end.prompt_logprobs.size() == 11);
  }

  TEST_CASE("switched off: nothing is shared and nothing stays") {
    SchedulerConfig config = cached_config();
    config.prefix_cache = false;
    SchedulerFixture f(config);
    run_alone(f, make_start(1, {.prompt_tokens = 12, .max_tokens = 1}));
    CHECK(f.scheduler.stats().blocks_free == 64);
    CHECK(run_alone(f, make_start(2, {.prompt_tokens = 12, .max_tokens = 1})).usage.cached_tokens == 0);
  }

  TEST_CASE("cached blocks make room, the end of the oldest text first") {
    SchedulerFixture f(cached_config(4));
    run_alone(f, make_start(1, {.prompt_tokens = 12, .max_tokens = 1}));
    CHECK(f.scheduler.stats().blocks_cached == 3);
    SequenceStart other = make_start(2, {.prompt_tokens = 7, .max_tokens = 1});
    other.prompt_ids[0] = 400;
    run_alone(f, other);

    CHECK(f.scheduler.stats().blocks_cached == 3);  // Two of the first text and one of the other.
    CHECK(run_alone(f, make_start(3, {.prompt_tokens = 12, .max_tokens = 1})).usage.cached_tokens == 8);
  }

  TEST_CASE("a preempted sequence finds its own blocks again, and reports only what the cache gave at first") {
    SchedulerConfig config = cached_config(8);
    config.max_sequences = 1;
    SchedulerFixture f(config);
    f.start(1, {.prompt_tokens = 7});
    f.run(50);
    f.run(51);
    f.scheduler.pause({SequenceId{1}, true});
    SequenceStart other = make_start(2, {.prompt_tokens = 3, .max_tokens = 1});
    f.start(other);
    REQUIRE(ids(f.run()) == Ids{2});
    CHECK(f.scheduler.stats().preempted_total == 1);
    f.take_end();
    f.scheduler.pause({SequenceId{1}, false});

    const StageBatch again = f.run(52);
    CHECK(again.token_ids == Tokens{51});
    CHECK(again.entries[0].first_position == 8);
    REQUIRE(again.opened.size() == 1);
    CHECK(again.opened[0].history == Tokens{100, 101, 102, 103, 104, 105, 106, 50});
    CHECK(again.opened[0].prompt_tokens == 7);
    f.scheduler.cancel(SequenceId{1}, f.now);
    CHECK(f.take_end().usage.cached_tokens == 0);
  }

  TEST_CASE("two that compute the same at the same time go over to one set of blocks") {
    SchedulerFixture f(cached_config());
    f.start(1, {.prompt_tokens = 8});
    f.start(2, {.prompt_tokens = 8});
    const StageBatch prompts = f.run();
    CHECK(prompts.entries[0].block_table[0] != prompts.entries[1].block_table[0]);
    const StageBatch decodes = f.run();
    CHECK(decodes.entries[0].block_table[0] == decodes.entries[1].block_table[0]);
    CHECK(decodes.entries[0].block_table[1] == decodes.entries[1].block_table[1]);
    CHECK(decodes.entries[0].block_table[2] != decodes.entries[1].block_table[2]);
  }

  TEST_CASE("a new epoch trusts no block of the last one") {
    SchedulerFixture f(cached_config());
    run_alone(f, make_start(1, {.prompt_tokens = 12, .max_tokens = 1}));
    f.scheduler.fail_all({ErrorCode::kStageLost, "stage 0 died"}, Epoch{2}, f.now);
    f.scheduler.check_invariants();
    CHECK(f.scheduler.stats().blocks_free == 64);
    CHECK(run_alone(f, make_start(2, {.prompt_tokens = 12, .max_tokens = 1})).usage.cached_tokens == 0);
  }
}

}  // namespace
}  // namespace sluice
