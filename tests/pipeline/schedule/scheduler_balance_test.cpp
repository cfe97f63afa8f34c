// Micro-batches cost about the same, and long prompts do not hold up those that decode.
#include <set>

#include "tests/pipeline/schedule/scheduler_fixture.h"

namespace sluice {
namespace {

SchedulerConfig deep_config(std::uint32_t pipeline_depth) {
  SchedulerConfig config = make_config();
  config.pipeline_depth = pipeline_depth;
  config.max_batch_tokens = 512;
  config.max_sequences = 20;
  config.max_waiting = 20;
  config.num_blocks = 2000;
  config.context_tokens = 4000;
  config.vocab_size = 5000;
  return config;
}

std::vector<std::uint32_t> sizes(const std::vector<StageBatch>& batches) {
  std::vector<std::uint32_t> found;
  for (const StageBatch& batch : batches) found.push_back(static_cast<std::uint32_t>(batch.token_ids.size()));
  return found;
}

std::vector<StageBatch> plan_all(SchedulerFixture& f) {
  std::vector<StageBatch> batches;
  while (auto batch = f.scheduler.plan(f.now)) batches.push_back(std::move(*batch));
  f.scheduler.check_invariants();
  return batches;
}

TEST_SUITE("pipeline/schedule/scheduler_balance") {
  TEST_CASE("a prompt is spread over the slots of the pipeline") {
    SchedulerFixture f(deep_config(4));
    f.start(1, {.prompt_tokens = 401});
    CHECK(sizes(plan_all(f)) == std::vector<std::uint32_t>{101, 101, 101, 98});
  }

  TEST_CASE("several prompts are spread as well, whole where that fits") {
    SchedulerFixture f(deep_config(2));
    for (std::uint64_t id = 1; id <= 4; ++id) f.start(id, {.prompt_tokens = 100});
    const auto batches = plan_all(f);
    REQUIRE(batches.size() == 2);
    CHECK(ids(batches[0]) == std::vector<std::uint64_t>{1, 2});
    CHECK(ids(batches[1]) == std::vector<std::uint64_t>{3, 4});
  }

  TEST_CASE("a short prompt stays in one piece, and a long one never takes more than the budget") {
    SchedulerFixture f(deep_config(4));
    f.start(1, {.prompt_tokens = 64});
    CHECK(sizes(plan_all(f)) == std::vector<std::uint32_t>{64});

    SchedulerFixture g(deep_config(2));
    g.start(1, {.prompt_tokens = 3000});
    CHECK(sizes(plan_all(g)) == std::vector<std::uint32_t>{512, 512});
  }

  TEST_CASE("prompt tokens make up for the decodes that another micro-batch has") {
    SchedulerFixture f(deep_config(2));
    for (std::uint64_t id = 1; id <= 16; ++id) f.start(id, {.prompt_tokens = 1, .max_tokens = 400});
    f.run();
    f.start(17, {.prompt_tokens = 384});
    CHECK(sizes(plan_all(f)) == std::vector<std::uint32_t>{200, 200});
  }

  // The context's length beside 16 decodes: a decode whose token is back is in the very next micro-batch, whatever is
  // in flight, and a micro-batch has one chunk of at most the budget. So it waits for at most the chunk in its own.
  TEST_CASE("a long prefill delays no decode by more than one chunk, on pipelines of any depth") {
    for (std::uint32_t depth = 1; depth <= 4; ++depth) {
      CAPTURE(depth);
      SchedulerFixture f(deep_config(depth));
      for (std::uint64_t id = 1; id <= 16; ++id) f.start(id, {.prompt_tokens = 2, .max_tokens = 400});
      f.start(100, {.prompt_tokens = 3999});
      std::vector<StageBatch> in_flight = plan_all(f);  // The short ones in one slot, chunks in every slot.
      REQUIRE(in_flight.size() == depth);
      std::set<SequenceId> ready;
      std::uint32_t decodes_beside_chunks = 0;
      bool is_long_one_done = false;
      for (int step = 0; step < 200 && !is_long_one_done; ++step) {
        const StageBatch done = std::move(in_flight.front());
        in_flight.erase(in_flight.begin());
        f.complete(done);
        for (const BatchEntry& entry : done.entries) {
          if (entry.wants_sample) ready.insert(entry.sequence);
        }
        for (StageBatch& batch : plan_all(f)) {
          bool has_chunk = false;
          for (const BatchEntry& entry : batch.entries) {
            if (entry.num_tokens > 2) has_chunk = true;
            if (entry.sequence == SequenceId{100}) is_long_one_done = entry.wants_sample;
          }
          for (const BatchEntry& entry : batch.entries) {
            if (ready.erase(entry.sequence) > 0 && has_chunk) ++decodes_beside_chunks;
          }
          CHECK(batch.token_ids.size() <= 512);
          in_flight.push_back(std::move(batch));
        }
        CHECK(ready.empty());
        f.read();
      }
      CHECK(is_long_one_done);
      CHECK(decodes_beside_chunks >= 16);
    }
  }
}

}  // namespace
}  // namespace sluice
