// How sequences end: every way there is, and what the StreamEnd says.
#include "tests/pipeline/schedule/scheduler_fixture.h"

namespace sluice {
namespace {

using namespace std::chrono_literals;

TEST_SUITE("pipeline/schedule/scheduler_end") {
  TEST_CASE("start: what cannot be served ends at once with its reason") {
    SchedulerConfig config = make_config();
    config.num_blocks = 5;
    config.max_waiting = 1;
    SchedulerFixture f(config);
    const auto refused = [&f](const SequenceStart& start) {
      f.start(start);
      const StreamEnd end = f.take_end();
      CHECK(end.sequence == start.sequence);
      CHECK(end.usage.output_tokens == 0);
      return code_of(end);
    };
    SequenceStart outside = make_start(4);
    outside.prompt_ids[1] = 1000;
    SequenceStart negative = make_start(5);
    negative.prompt_ids[1] = -1;

    CHECK(refused(make_start(1, {.prompt_tokens = 0})) == ErrorCode::kInvalidRequest);
    CHECK(refused(make_start(2, {.max_tokens = 0})) == ErrorCode::kInvalidRequest);
    CHECK(refused(make_start(3, {.prompt_tokens = 100})) == ErrorCode::kPromptTooLong);
    CHECK(refused(outside) == ErrorCode::kInvalidRequest);
    CHECK(refused(negative) == ErrorCode::kInvalidRequest);
    CHECK(refused(make_start(6, {.prompt_tokens = 21})) == ErrorCode::kOutOfBlocks);
    CHECK(f.scheduler.is_idle());

    f.start(7, {.prompt_tokens = 20});
    f.start(8);
    const StreamEnd overloaded = f.take_end();
    CHECK(code_of(overloaded) == ErrorCode::kOverloaded);
    CHECK(std::get<Error>(overloaded.outcome).retry_after_ms > 0);
    f.scheduler.check_invariants();
  }

  TEST_CASE("start: the id of a live sequence is a violation and leaves that one alone") {
    SchedulerFixture f;
    f.start(1);

    const auto again = f.scheduler.start(make_start(1), f.now);
    const auto none = f.scheduler.start(make_start(0), f.now);

    CHECK(again.error().code == ErrorCode::kProtocolViolation);
    CHECK(none.error().code == ErrorCode::kProtocolViolation);
    CHECK(f.scheduler.take_outputs().empty());
    f.run();
    f.read();
    CHECK(f.tokens.size() == 1);
  }

  TEST_CASE("end of sequence: the token is neither output nor counted") {
    SchedulerFixture f;
    f.start(1);
    f.run();
    f.run(kEos);

    const StreamEnd end = f.take_end();
    CHECK(reason_of(end) == FinishReason::kStop);
    CHECK(end.usage.prompt_tokens == 3);
    CHECK(end.usage.output_tokens == 1);
    CHECK(f.tokens.size() == 1);
    CHECK(f.scheduler.is_idle());
    CHECK(f.scheduler.stats().blocks_free == 64);
  }

  TEST_CASE("ignore_eos: the token is output like any other, a stop token still ends") {
    SchedulerFixture f;
    SequenceStart start = make_start(1);
    start.spec.ignore_eos = true;
    start.spec.stop_token_ids = {33};
    f.start(start);
    f.run(kEos);
    f.run(33);

    const StreamEnd end = f.take_end();
    CHECK(reason_of(end) == FinishReason::kStop);
    CHECK(end.usage.output_tokens == 1);
    CHECK(f.tokens.at(0).token_ids == std::vector<TokenId>{kEos});
  }

  TEST_CASE("length: ends with max_tokens, or where the context is full") {
    SchedulerConfig config = make_config();
    config.context_tokens = 6;
    SchedulerFixture f(config);
    f.start(1, {.prompt_tokens = 3, .max_tokens = 2});
    f.run();
    f.run();
    const StreamEnd by_max_tokens = f.take_end();
    f.start(2, {.prompt_tokens = 3, .max_tokens = 0xFFFFFFFFu});
    for (int i = 0; i < 3; ++i) f.run();
    const StreamEnd by_context = f.take_end();

    CHECK(reason_of(by_max_tokens) == FinishReason::kLength);
    CHECK(by_max_tokens.usage.output_tokens == 2);
    CHECK(reason_of(by_context) == FinishReason::kLength);
    CHECK(by_context.usage.output_tokens == 3);
  }

  TEST_CASE("stop: the output is cut where the stop string began") {
    SchedulerFixture f;
    f.start(1);
    for (int i = 0; i < 4; ++i) f.run();

    f.scheduler.stop({SequenceId{1}, 2}, f.now);
    f.scheduler.stop({SequenceId{1}, 1}, f.now);

    const StreamEnd end = f.take_end();
    CHECK(reason_of(end) == FinishReason::kStop);
    CHECK(end.usage.output_tokens == 2);
    CHECK(f.scheduler.is_idle());
  }

  TEST_CASE("stop: a place beyond the output cuts nothing") {
    SchedulerFixture f;
    f.start(1);
    f.run();
    f.scheduler.stop({SequenceId{1}, 0xFFFFFFFFu}, f.now);
    CHECK(f.take_end().usage.output_tokens == 1);
  }

  TEST_CASE("cancel: the end comes at once, the blocks when the step in flight has returned") {
    SchedulerFixture f;
    f.start(1);
    const StageBatch batch = f.plan();

    f.scheduler.cancel(SequenceId{1}, f.now);
    f.scheduler.cancel(SequenceId{1}, f.now);

    CHECK(reason_of(f.take_end()) == FinishReason::kCancelled);
    CHECK(f.scheduler.stats().blocks_free == 63);
    CHECK(f.scheduler.stats().draining == 1);
    f.complete(batch);
    CHECK(f.scheduler.take_outputs().empty());  // Its token is dropped.
    CHECK(f.scheduler.stats().blocks_free == 64);
    CHECK(f.scheduler.is_idle());
    f.start(2);
    CHECK(f.run().closed == std::vector<SequenceId>{{1}});
  }

  TEST_CASE("cancel: of a waiting sequence ends it, of an unknown one nothing") {
    SchedulerFixture f;
    f.start(1);
    f.scheduler.cancel(SequenceId{2}, f.now);
    f.scheduler.cancel(SequenceId{1}, f.now);
    CHECK(reason_of(f.take_end()) == FinishReason::kCancelled);
    CHECK(f.plans_nothing());
  }

  TEST_CASE("deadline: an error before the first token, a finish after it") {
    SchedulerFixture f;
    SequenceStart start = make_start(1);
    start.time_left.us = 5000;
    f.start(start);
    start.sequence = {2};
    start.time_left.us = 9000;
    f.start(start);
    CHECK(f.scheduler.next_deadline() == f.now + 5ms);

    f.scheduler.expire(f.now + 4999us);
    CHECK(f.scheduler.take_outputs().empty());
    f.advance(5ms);
    f.scheduler.expire(f.now);
    CHECK(code_of(f.take_end()) == ErrorCode::kDeadlineExceeded);
    CHECK(f.scheduler.next_deadline() == f.now + 4ms);

    f.run();
    f.advance(4ms);
    CHECK(f.plans_nothing());
    CHECK(reason_of(f.take_end()) == FinishReason::kDeadline);
    CHECK(f.scheduler.next_deadline() == TimePoint::never());
  }

  TEST_CASE(
      "deadline: one that is over on arrival, waiting behind others, or set aside for want of credit: all the same") {
    SchedulerConfig config = make_config();
    config.max_sequences = 1;
    SchedulerFixture f(config);
    SequenceStart start = make_start(1);
    start.time_left.us = 5000;
    f.start(start);
    f.run();
    f.scheduler.pause({{1}, true});
    start.sequence = {2};
    f.start(start);
    start.sequence = {3};
    start.time_left.us = 0;
    f.start(start);
    CHECK(f.scheduler.next_deadline() == f.now);
    f.scheduler.expire(f.now);
    CHECK(code_of(f.take_end()) == ErrorCode::kDeadlineExceeded);
    f.advance(5ms);
    f.scheduler.expire(f.now);
    const auto outputs = f.scheduler.take_outputs();
    REQUIRE(outputs.size() == 2);
    CHECK(f.scheduler.stats().running == 0);
    CHECK(f.scheduler.stats().waiting == 0);
  }

  TEST_CASE("deadline: a time beyond every clock is none") {
    SchedulerFixture f;
    SequenceStart start = make_start(1);
    start.time_left.us = 0xFFFFFFFFFFFFFFFFu;
    f.start(start);
    CHECK(f.scheduler.next_deadline() == TimePoint::never());
  }

  TEST_CASE("times: each phase has its own") {
    SchedulerFixture f;
    SequenceStart start = make_start(1, {.max_tokens = 3});
    start.tokenize_us = 11;
    f.start(start);
    f.advance(2ms);
    const StageBatch prefill = f.plan();
    f.advance(3ms);
    f.complete(prefill);
    f.run();
    f.advance(4ms);
    f.run();

    CHECK(f.take_end().times == PhaseTimes{11, 2000, 3000, 4000});
  }

  TEST_CASE("fail_all: everything ends with the error, and the next epoch starts empty") {
    SchedulerConfig config = make_config();
    config.max_sequences = 2;
    SchedulerFixture f(config);
    for (std::uint64_t id = 1; id <= 3; ++id) f.start(id);
    f.run();
    const StageBatch lost = f.plan();
    f.scheduler.cancel(SequenceId{1}, f.now);
    f.read();
    f.ends.clear();

    f.scheduler.fail_all({ErrorCode::kStageLost, "stage 1 died"}, Epoch{2}, f.now);

    f.scheduler.check_invariants();
    f.read();
    REQUIRE(f.ends.size() == 2);
    CHECK(code_of(f.ends[0]) == ErrorCode::kStageLost);
    CHECK(f.scheduler.is_idle());
    CHECK(f.scheduler.stats().blocks_free == 64);
    CHECK(f.scheduler.complete(make_result(lost), f.now).ok());  // Of an earlier epoch: dropped.
    f.start(9);
    const StageBatch next = f.plan();
    CHECK(next.epoch == Epoch{2});
    CHECK(next.step == StepId{1});
    CHECK(next.closed.empty());
  }

  TEST_CASE("complete: what a stage may not say is a violation and changes nothing") {
    SchedulerFixture f;
    SequenceStart start = make_start(1);
    start.spec.logprobs = {.output = true, .top = 1, .prompt = true};
    f.start(start);
    f.start(2);
    const StageBatch batch = f.plan();
    StepResult good = make_result(batch);
    good.samples[0].logprobs = TokenLogprobs{-1, {{5, -1}}, 0};
    const auto is_refused = [&f, &good](auto&& spoil) {
      StepResult bad = good;
      spoil(bad);
      const SchedulerStats before = f.scheduler.stats();
      const auto completed = f.scheduler.complete(bad, f.now);
      f.scheduler.check_invariants();
      return !completed.ok() && completed.error().code == ErrorCode::kProtocolViolation &&
             f.scheduler.stats() == before && f.scheduler.take_outputs().empty();
    };

    CHECK(is_refused([](StepResult& r) { r.step.value = 2; }));
    CHECK(is_refused([](StepResult& r) { r.epoch.value = 2; }));
    CHECK(is_refused([](StepResult& r) { r.samples.pop_back(); }));
    CHECK(is_refused([](StepResult& r) { r.samples.push_back(r.samples[1]); }));
    CHECK(is_refused([](StepResult& r) { std::swap(r.samples[0], r.samples[1]); }));
    CHECK(is_refused([](StepResult& r) { r.samples[1].sequence = {3}; }));
    CHECK(is_refused([](StepResult& r) { ++r.samples[1].position; }));
    CHECK(is_refused([](StepResult& r) { r.samples[1].token = 1000; }));
    CHECK(is_refused([](StepResult& r) { r.samples[1].token = -1; }));
    CHECK(is_refused([](StepResult& r) { r.samples[0].logprobs.reset(); }));
    CHECK(is_refused([](StepResult& r) { r.samples[0].logprobs->top.push_back({6, -2}); }));
    CHECK(is_refused([](StepResult& r) { r.samples[0].logprobs->top[0].token = 1000; }));
    CHECK(is_refused([](StepResult& r) { r.prompt_logprobs.clear(); }));
    CHECK(is_refused([](StepResult& r) { r.prompt_logprobs.push_back(r.prompt_logprobs[0]); }));
    CHECK(is_refused([](StepResult& r) { r.prompt_logprobs[0].sequence = {2}; }));
    CHECK(is_refused([](StepResult& r) { r.prompt_logprobs[0].first_position = 0; }));
    CHECK(is_refused([](StepResult& r) { r.prompt_logprobs[0].values.pop_back(); }));
    CHECK(f.scheduler.complete(good, f.now).ok());
    CHECK(f.scheduler.complete(good, f.now).error().code ==
          ErrorCode::kProtocolViolation);  // Nothing is in flight now.
  }
}

}  // namespace
}  // namespace sluice
