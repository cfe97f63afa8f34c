// Who is served before whom, and who gives way: priorities, and their ageing.
#include "tests/pipeline/schedule/scheduler_fixture.h"

namespace sluice {
namespace {

using namespace std::chrono_literals;
using Ids = std::vector<std::uint64_t>;

SchedulerConfig one_at_a_time() {
  SchedulerConfig config = make_config();
  config.max_sequences = 1;
  config.ageing_ms = 100;
  return config;
}

TEST_SUITE("pipeline/schedule/scheduler_priority") {
  TEST_CASE("ageing: a level of priority is worth ageing_ms of waiting, and no more") {
    SchedulerFixture f(one_at_a_time());
    f.start(1, {.max_tokens = 1});
    f.start(2, {.max_tokens = 1});
    f.advance(199ms);
    f.start(3, {.max_tokens = 1, .priority = 2});
    f.advance(1ms);
    f.start(4, {.max_tokens = 1, .priority = 2});
    f.start(5, {.max_tokens = 1, .priority = 3});
    f.start(6, {.max_tokens = 1, .priority = -1});

    Ids order;
    for (int i = 0; i < 6; ++i) order.push_back(ids(f.run()).at(0));
    // 3 is due 1 ms before 1 and 2; 4 with them, and arrived later; 5 is due 100 ms before; 6 after all.
    CHECK(order == Ids{5, 3, 1, 2, 4, 6});
  }

  TEST_CASE("preempt: a waiting sequence takes the place of one of lower priority, which goes on later") {
    SchedulerFixture f(one_at_a_time());
    f.start(1, {.prompt_tokens = 4});
    f.run(40);
    f.start(2, {.max_tokens = 1, .priority = 1});
    CHECK(ids(f.run(41)) == Ids{1, 2});  // 1 was planned before 2 was admitted: it drains.
    CHECK(f.scheduler.stats().preempted_total == 1);
    CHECK(f.run().token_ids == std::vector<TokenId>{100, 101, 102, 103, 40, 41});
  }

  TEST_CASE("preempt: not for an equal, and not for a higher priority that is due later") {
    SchedulerFixture f(one_at_a_time());
    f.start(1);
    f.run();
    f.start(2);
    CHECK(ids(f.run()) == Ids{1});
    f.advance(200ms);
    f.start(3, {.priority = 2});
    CHECK(ids(f.run()) == Ids{1});
    CHECK(f.scheduler.stats().preempted_total == 0);
    f.start(4, {.priority = 3});
    f.run();
    CHECK(f.scheduler.stats().preempted_total == 1);
    CHECK(ids(f.run()) == Ids{4});
  }

  TEST_CASE("preempt: an aged sequence is admitted first, but takes no place from a higher priority") {
    SchedulerFixture f(one_at_a_time());
    f.start(1, {.max_tokens = 3, .priority = 5});
    f.run();
    f.start(2, {.max_tokens = 1});
    f.advance(10s);
    f.start(3, {.max_tokens = 1, .priority = 5});
    CHECK(ids(f.run()) == Ids{1});
    CHECK(ids(f.run()) == Ids{1});
    CHECK(f.scheduler.stats().preempted_total == 0);
    CHECK(ids(f.run()) == Ids{2});
    CHECK(ids(f.run()) == Ids{3});
  }

  TEST_CASE("preempt: for blocks only as many as it takes, and nobody if that does not help") {
    SchedulerConfig config = make_config();
    config.num_blocks = 6;
    SchedulerFixture f(config);
    f.start(1, {.prompt_tokens = 5, .priority = 1});
    f.start(2, {.prompt_tokens = 5});
    f.start(3, {.prompt_tokens = 5});
    f.run();
    f.start(4, {.prompt_tokens = 16, .max_tokens = 1, .priority = 1});  // Four blocks: those of 2 and 3.
    f.start(5, {.prompt_tokens = 7, .priority = 1});
    f.run();
    CHECK(f.scheduler.stats().preempted_total == 1);  // The first drains, the second follows when it is needed.
    f.run();
    CHECK(f.scheduler.stats().preempted_total == 2);
    CHECK(ids(f.run()) == Ids{1, 4});

    SchedulerFixture g(config);
    g.start(1, {.prompt_tokens = 13, .max_tokens = 1, .priority = 1});
    g.start(2, {.prompt_tokens = 5});
    g.run();
    CHECK(g.scheduler.stats().running == 1);
    g.start(3, {.prompt_tokens = 14, .priority = 1});
    g.start(4, {.prompt_tokens = 14, .priority = 1});
    g.run();
    CHECK(g.scheduler.stats().preempted_total == 0);
  }

  TEST_CASE("preempt: blocks that the waiting one shares with those that stay are there") {
    SchedulerConfig config = make_config();
    config.prefix_cache = true;
    config.num_blocks = 6;
    SchedulerFixture f(config);
    f.start(1, {.prompt_tokens = 12, .priority = 1});  // Three full blocks, and one for its output.
    SequenceStart other = make_start(2, {.prompt_tokens = 6});
    other.prompt_ids[0] = 500;
    f.start(other);
    f.run();
    REQUIRE(f.scheduler.stats().running == 2);
    f.start(3, {.prompt_tokens = 14, .max_tokens = 1, .priority = 1});
    f.run();
    CHECK(f.scheduler.stats().preempted_total == 1);
    CHECK(ids(f.run()) == Ids{1, 3});
  }

  TEST_CASE("ageing: priorities beyond the protocol are cut, not trusted") {
    SchedulerConfig config = one_at_a_time();
    config.ageing_ms = 3'600'000;
    SchedulerFixture f(config);
    f.start(1, {.max_tokens = 1, .priority = 100});
    f.start(2, {.max_tokens = 1, .priority = 2'147'483'647});
    f.start(3, {.max_tokens = 1, .priority = -2'147'483'647});
    f.start(4, {.max_tokens = 1, .priority = -100});
    for (const std::uint64_t id : {1, 2, 3, 4}) CHECK(ids(f.run()) == Ids{id});
  }
}

}  // namespace
}  // namespace sluice
