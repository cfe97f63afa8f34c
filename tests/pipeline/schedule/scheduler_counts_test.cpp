// What the scheduler counts for metrics: each figure where its cause is known.
#include "tests/pipeline/schedule/scheduler_fixture.h"

namespace sluice {
namespace {

TEST_SUITE("pipeline/schedule/scheduler_counts") {
  TEST_CASE("tokens: prompts are computed in chunks, outputs are sampled one by one") {
    SchedulerConfig config = make_config();
    config.max_batch_tokens = 64;
    SchedulerFixture f(config);
    f.start(1, {.prompt_tokens = 70, .max_tokens = 3});
    while (!f.scheduler.is_idle()) f.run();
    const ScheduleCounts& counts = f.scheduler.counts();
    CHECK(counts.prompt_tokens_total == 70);
    CHECK(counts.output_tokens_total == 3);
    // Two chunks, the second of which samples, and two decodes.
    CHECK(f.scheduler.stats().steps_total == 4);
    CHECK(counts.step_tokens.sum == 70 + 2);
    CHECK(counts.step_sequences.sum == 4);
  }

  TEST_CASE("an end token is no output") {
    SchedulerFixture f;
    f.start(1);
    f.run(7);
    f.run(kEos);
    CHECK(f.scheduler.counts().output_tokens_total == 1);
  }

  TEST_CASE("queue wait: from arrival to the first micro-batch, once for each sequence") {
    SchedulerConfig config = make_config();
    config.max_sequences = 1;
    SchedulerFixture f(config);
    f.start(1, {.max_tokens = 2});
    f.start(2, {.max_tokens = 1});
    f.advance(std::chrono::milliseconds(3));
    f.run();
    f.advance(std::chrono::milliseconds(4));
    f.run();
    f.run();
    CHECK(f.scheduler.is_idle());
    TimeHistogram expected;
    expected.add(3'000);
    expected.add(7'000);
    CHECK(f.scheduler.counts().queue_wait_us == expected);
  }

  TEST_CASE("a preempted sequence waits once and computes its prompt again") {
    SchedulerConfig config = make_config();
    config.num_blocks = 3;
    SchedulerFixture f(config);
    f.start(1, {.prompt_tokens = 3, .max_tokens = 6});
    f.start(2, {.prompt_tokens = 3, .max_tokens = 6});
    while (!f.scheduler.is_idle()) f.run();
    REQUIRE(f.scheduler.stats().preempted_total > 0);
    const ScheduleCounts& counts = f.scheduler.counts();
    CHECK(counts.prompt_tokens_total > 6);
    CHECK(counts.output_tokens_total == 12);
    TimeHistogram no_waits;
    no_waits.add(0, 2);
    CHECK(counts.queue_wait_us == no_waits);
  }

  TEST_CASE("prefix look-ups: of those that look, all tokens but the last, found or not") {
    SchedulerConfig config = make_config();
    config.prefix_cache = true;
    SchedulerFixture f(config);
    for (std::uint64_t id = 1; id <= 2; ++id) {
      f.start(id, {.prompt_tokens = 9, .max_tokens = 1});
      f.run();
    }
    CHECK(f.scheduler.counts().lookup_tokens_total == 16);
    CHECK(f.scheduler.stats().cached_tokens_total == 8);
    CHECK(f.scheduler.counts().prompt_tokens_total == 9 + 1);
    SequenceStart all = make_start(3, {.prompt_tokens = 9, .max_tokens = 1});
    all.spec.logprobs.prompt = true;
    f.start(all);
    f.run();
    CHECK(f.scheduler.counts().lookup_tokens_total == 16);
  }

  TEST_CASE("paused: of the waiting and running ones") {
    SchedulerConfig config = make_config();
    config.max_sequences = 1;
    SchedulerFixture f(config);
    f.start(1);
    f.start(2);
    f.start(3);
    f.run();
    f.scheduler.pause({{1}, true});
    f.scheduler.pause({{2}, true});
    CHECK(f.scheduler.num_paused() == 2);
    f.scheduler.pause({{2}, false});
    CHECK(f.scheduler.num_paused() == 1);
    f.scheduler.cancel({1}, f.now);
    CHECK(f.scheduler.num_paused() == 0);
  }
}

}  // namespace
}  // namespace sluice
