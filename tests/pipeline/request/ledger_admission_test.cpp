// What the ledger tells the admission, and what it refuses for it.
#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

#include "tests/pipeline/request/ledger_desk.h"

namespace sluice::test {
namespace {

using std::chrono::milliseconds;

TEST_SUITE("pipeline/request/ledger_admission") {
  TEST_CASE("admission: beyond max_requests a request is refused at once, with a hint") {
    Desk desk({.max_requests = 2});
    desk.hello("r");
    desk.generate("r", make_generate("a"));
    desk.generate("r", make_generate("b"));
    const Error error = failure(desk.send("r", make_generate("c")), "c");
    CHECK(error.code == ErrorCode::kOverloaded);
    CHECK(error.retry_after_ms == Admission::kRetryUnknown_ms);
    CHECK(desk.ledger.stats().overloaded_total == 1);
    CHECK(desk.send("r", make_generate("a")).to_responder.size() == 2);  // A retry needs no credit.

    desk.release(1, true);

    CHECK(desk.ledger.stats().requests_kept == 1);
    desk.generate("r", make_generate("c"));
    CHECK(desk.ledger.stats().requests_running == 2);
  }

  TEST_CASE("admission: prompt tokens are queued until output is shown, to whoever, or the sequence ends") {
    Desk desk;
    desk.hello("r");
    Generate generate = make_generate("a");
    generate.prompt = std::vector<TokenId>(30);
    const ClientRoute route = desk.generate("r", generate);
    generate.request_id = "b";
    desk.generate("r", generate);
    CHECK(desk.ledger.stats().queued_prompt_tokens == 60);
    CHECK(desk.ledger.on_answer({{1}, route, false, {}}, desk.now));  // Not every answer shows output.
    CHECK(desk.ledger.stats().queued_prompt_tokens == 60);
    CHECK_FALSE(desk.ledger.on_answer({{1}, {"gone"}, false, {}, true}, desk.now));
    CHECK(desk.ledger.stats().queued_prompt_tokens == 30);
    desk.release(2, false);
    CHECK(desk.ledger.stats().queued_prompt_tokens == 0);
    CHECK(desk.ledger.stats().requests_running == 1);
  }

  TEST_CASE("admission: a request that nobody waits for is not queued, though it goes on") {
    Desk desk;
    const SessionToken session = desk.hello("r");
    Generate generate = make_generate("a");
    generate.resume_grace_ms = 1'000;
    desk.generate("r", generate);
    desk.hello("s", session);
    desk.send("s", Attach{session, "a"});
    desk.disconnect("r");
    CHECK(desk.ledger.stats().queued_prompt_tokens > 0);
    desk.disconnect("s");
    CHECK(desk.ledger.stats().queued_prompt_tokens == 0);
    CHECK(desk.ledger.stats().requests_running == 1);
    desk.hello("s", session);
    desk.send("s", Attach{session, "a"});
    CHECK(desk.ledger.stats().queued_prompt_tokens == 0);
  }

  TEST_CASE("admission: beyond max_queued_prompt_tokens refused, a prompt counts for no more than the context") {
    Desk desk({.max_requests = 8, .max_queued_prompt_tokens = 600});
    desk.hello("r");
    Generate generate = make_generate("a");
    generate.prompt = std::string(100'000, 'x');
    desk.generate("r", generate);
    CHECK(desk.ledger.stats().queued_prompt_tokens == 512);
    generate.request_id = "b";
    CHECK(failure(desk.send("r", generate), "b").code == ErrorCode::kOverloaded);
    CHECK(desk.ledger.stats().overloaded_tokens_total == 1);
    CHECK(desk.ledger.stats().overloaded_total == 1);
    desk.generate("r", make_generate("c"));
  }

  TEST_CASE("admission: the lengths of prompts are learned from what is released") {
    Desk desk({.max_requests = 8});
    desk.hello("r");
    Generate generate = make_generate("a");
    generate.prompt = std::string(400, 'x');
    ClientRoute route = desk.generate("r", generate);
    CHECK(desk.ledger.stats().queued_prompt_tokens == 200);
    CHECK(desk.ledger.on_answer({{1}, route, true, {}}, desk.now));
    check_empty(desk.release(1, true));  // Nobody knows its length.
    for (std::uint64_t sequence = 2; sequence < 400; ++sequence) {
      generate.request_id = std::to_string(sequence);
      route = desk.generate("r", generate);
      CHECK(desk.ledger.on_answer({{sequence}, route, true, {}}, desk.now));
      check_empty(desk.ledger.on_released({{sequence}, true, 50}, desk.now));
      check_empty(desk.ledger.on_released({{sequence}, false, 1'000'000}, desk.now));  // Not twice.
    }
    generate.request_id = "last";
    desk.generate("r", generate);
    CHECK(desk.ledger.stats().queued_prompt_tokens < 60);
  }

  TEST_CASE("admission: a deadline that a standing queue cannot meet is refused, a later one is not") {
    Desk desk({.max_requests = 8});
    desk.hello("r");
    desk.generate("r", make_generate("a"));
    desk.now = desk.now + milliseconds(5'000);
    Generate generate = make_generate("b");
    generate.deadline_ms = 4'000;
    const Error error = failure(desk.send("r", generate), "b");
    CHECK(error.code == ErrorCode::kOverloaded);
    CHECK(error.message == "the first token is expected in 5000 ms, the deadline is in 4000 ms");
    CHECK(error.retry_after_ms == 1'000);
    CHECK(desk.ledger.stats().overloaded_wait_total == 1);
    generate.deadline_ms = 5'000;
    desk.generate("r", generate);
  }

  TEST_CASE("admission: while the tokenizer's queue is full new requests are refused, all else goes on") {
    Desk desk;
    desk.hello("r");
    const ClientRoute route = desk.generate("r", make_generate("a"));
    desk.ledger.set_held_up(true);
    CHECK(failure(desk.send("r", make_generate("b")), "b").code == ErrorCode::kOverloaded);
    CHECK(desk.ledger.stats().overloaded_held_up_total == 1);
    CHECK(desk.send("r", Credit{"a", 9}).to_responder.size() == 1);
    CHECK(desk.send("r", Cancel{"a"}).to_tokenizer.size() == 1);
    desk.ledger.set_held_up(false);
    desk.generate("r", make_generate("b"));
  }

  TEST_CASE("admission: a client that has its answer finds the place free before the responder has released it") {
    Desk desk({.max_requests = 1});
    desk.hello("r");
    const ClientRoute route = desk.generate("r", make_generate("a"));
    CHECK(desk.ledger.on_answer({{1}, route, true, {}}, desk.now));
    desk.generate("r", make_generate("b"));
    check_empty(desk.release(1, false));
    CHECK(desk.ledger.stats().requests_running == 1);
  }

  TEST_CASE("admission: the place waits for all attachments, and for the release where one was lost") {
    Desk desk({.max_requests = 1});
    const SessionToken session = desk.hello("r");
    const ClientRoute first = desk.generate("r", make_generate("a"));
    desk.hello("s", session);
    desk.send("s", Attach{session, "a"});
    desk.disconnect("s");
    CHECK(desk.ledger.on_answer({{1}, first, true, {}}, desk.now));
    CHECK(desk.ledger.stats().requests_running == 1);
    check_empty(desk.release(1, true));
    CHECK(desk.ledger.stats().requests_running == 0);
  }

  TEST_CASE("admission: a credit comes back once, whatever is released later") {
    Desk desk({.max_requests = 1});
    desk.hello("r");
    const ClientRoute route = desk.generate("r", make_generate("a"));
    CHECK(desk.ledger.on_answer({{1}, route, true, {}}, desk.now) == ClientRoute{"r"});
    check_empty(desk.release(1, true));
    check_empty(desk.release(1, true));
    CHECK(desk.ledger.stats().requests_running == 0);
    check_empty(desk.release(1, false));
    CHECK(desk.ledger.stats().requests_kept == 0);
    check_empty(desk.release(1, false));
    CHECK(desk.ledger.stats().stray_total == 1);
    desk.generate("r", make_generate("a"));  // A new request under the old id.
    CHECK(desk.ledger.stats().accepted_total == 2);
  }
}

}  // namespace
}  // namespace sluice::test
