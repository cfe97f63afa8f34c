#include "pipeline/trace/stage_times.h"

#include <doctest/doctest.h>

namespace sluice {
namespace {

TEST_SUITE("pipeline/trace/stage_times") {
  TEST_CASE("a batch that is not traced gets no times") {
    StageBatch batch;
    StageBatch next;
    StepResult result;

    add_stage_time(batch, {0, 1, 2}, next);
    add_stage_time(batch, {0, 1, 2}, result);

    CHECK_FALSE(next.is_traced);
    CHECK(next.stage_times.empty());
    CHECK(result.stage_times.empty());
  }

  TEST_CASE("times ride along from stage to stage and come with the result") {
    StageBatch batch;
    batch.is_traced = true;
    StageBatch next;
    StepResult result;

    add_stage_time(batch, {0, 1, 2}, next);
    CHECK(next.is_traced);
    add_stage_time(next, {1, 3, 4}, result);

    CHECK(result.stage_times == std::vector<StageTime>{{0, 1, 2}, {1, 3, 4}});
  }

  TEST_CASE("a batch with all the times that a message may have is passed on as it is") {
    StageBatch batch;
    batch.is_traced = true;
    batch.stage_times.resize(kStageTimesMax);
    StageBatch next;

    add_stage_time(batch, {0, 1, 2}, next);

    CHECK(next.stage_times.size() == kStageTimesMax);
  }
}

}  // namespace
}  // namespace sluice
