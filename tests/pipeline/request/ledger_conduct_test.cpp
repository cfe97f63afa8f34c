// Clients that stop reading, or send what is no message: cut, counted, and nobody else notices.
#include <doctest/doctest.h>

#include <chrono>
#include <string>

#include "tests/pipeline/request/ledger_desk.h"

namespace sluice::test {
namespace {

using std::chrono::milliseconds;

const Error kGarbage{ErrorCode::kProtocolViolation, "no message", 0};

TEST_SUITE("pipeline/request/ledger_conduct") {
  TEST_CASE("too much garbage: the connection is cut with its requests, and heard no more until it is gone") {
    Desk desk({.max_requests = 4}, 3);
    const SessionToken session = desk.hello("r");
    desk.hello("s");
    desk.generate("r", make_generate("a"));
    desk.generate("s", make_generate("a"));
    for (int i = 0; i < 2; ++i) {
      CHECK(failure(desk.ledger.on_undecodable({"r"}, kGarbage, desk.now), "") == kGarbage);
      CHECK_FALSE(desk.ledger.drops({"r"}));
    }
    const IngressActions out = desk.ledger.on_undecodable({"r"}, kGarbage, desk.now);
    desk.ledger.check_invariants();
    CHECK(out.to_clients.size() == 1);  // This one is still answered.
    CHECK(out.to_responder.size() == 1);
    CHECK(out.to_tokenizer == std::vector<TokenizerInput>{SequenceCancel{{1}}});

    CHECK(desk.ledger.drops({"r"}));
    CHECK(desk.ledger.drops({"r"}));
    CHECK_FALSE(desk.ledger.drops({"s"}));
    const LedgerStats stats = desk.ledger.stats();
    CHECK(stats.muted_total == 1);
    CHECK(stats.garbage_total == 3);
    CHECK(stats.dropped_total == 2);
    CHECK(stats.connections == 1);
    CHECK(stats.attachments == 1);

    check_empty(desk.disconnect("r"));
    CHECK_FALSE(desk.ledger.drops({"r"}));
    CHECK(desk.hello("r", session) == session);
  }

  TEST_CASE("messages before hello are garbage too, good ones make up for it") {
    Desk desk({.max_requests = 4}, 2);
    desk.send("r", Cancel{"a"});
    desk.send("r", Cancel{"a"});
    CHECK(desk.ledger.drops({"r"}));

    desk.hello("s");
    for (int i = 0; i < 10; ++i) {
      desk.ledger.on_undecodable({"s"}, kGarbage, desk.now);
      desk.send("s", Cancel{"unknown"});
    }
    CHECK_FALSE(desk.ledger.drops({"s"}));
    CHECK(desk.ledger.stats().garbage_total == 12);
    CHECK(desk.ledger.stats().muted_total == 1);
  }

  TEST_CASE("a client that has stopped reading is cut: its request has its grace, and then the place is free") {
    Desk desk({.max_requests = 1});
    const SessionToken session = desk.hello("r");
    Generate generate = make_generate("a");
    generate.resume_grace_ms = 100;
    desk.generate("r", generate);
    const IngressActions out = desk.ledger.on_stalled({"r"}, desk.now);
    CHECK(out.to_responder.size() == 1);
    CHECK(out.to_tokenizer.empty());
    check_empty(desk.ledger.on_stalled({"r"}, desk.now));  // It is cut once.
    check_empty(desk.disconnect("r"));
    CHECK(desk.ledger.stats().stalled_total == 1);
    CHECK(desk.ledger.stats().lost_total == 0);
    CHECK(failure(desk.send("r", Credit{"a", 9}), "").code == ErrorCode::kProtocolViolation);
    CHECK(desk.hello("r", session) == session);  // It may come back.

    desk.now = desk.now + milliseconds(100);
    CHECK(desk.ledger.on_timer(desk.now).to_tokenizer == std::vector<TokenizerInput>{SequenceCancel{{1}}});
    desk.release(1, false);
    desk.generate("r", make_generate("b"));
    desk.disconnect("r");
    CHECK(desk.ledger.stats().lost_total == 1);
  }
}

}  // namespace
}  // namespace sluice::test
