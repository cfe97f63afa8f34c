#include "pipeline/request/ledger.h"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

#include "tests/pipeline/request/ledger_desk.h"

namespace sluice::test {
namespace {

using std::chrono::milliseconds;

TEST_SUITE("pipeline/request/ledger") {
  TEST_CASE("hello: is answered by Welcome with limits and defaults") {
    Desk desk;

    const IngressActions out = desk.send("r", Hello{});

    REQUIRE(out.to_clients.size() == 1);
    CHECK(out.to_clients[0].first == ClientRoute{"r"});
    const auto& welcome = std::get<Welcome>(out.to_clients[0].second);
    CHECK(welcome.version == kProtocolVersion);
    CHECK(welcome.session == token(1));
    CHECK(welcome.model == "storyteller");
    CHECK(welcome.max_requests == 4);
    CHECK(welcome.context_tokens == 512);
    CHECK(welcome.client_window_tokens == kWindow);
    CHECK(welcome.message_bytes_max == LedgerConfig{}.message_bytes_max);
    CHECK(welcome.sampling_defaults == SamplingParams{.temperature = 0.5f});
    CHECK(welcome.vocabulary_tokens == 4096);
  }

  TEST_CASE("hello: a client of other versions is refused") {
    Desk desk;
    CHECK(failure(desk.send("r", Hello{.version_min = 2, .version_max = 3}), "").code ==
          ErrorCode::kUnsupportedVersion);
    CHECK(failure(desk.send("r", Hello{.version_min = 0, .version_max = 0}), "").code ==
          ErrorCode::kUnsupportedVersion);
    CHECK(desk.ledger.stats().connections == 0);
    CHECK(desk.send("r", Hello{.version_min = 0, .version_max = 9}).to_clients.size() == 1);
    CHECK(desk.ledger.stats().connections == 1);
  }

  TEST_CASE("every message before hello is a protocol violation, and leaves no trace") {
    Desk desk;
    const std::vector<ClientMessage> messages = {make_generate("a"), Attach{{}, "a", 0, 0}, Cancel{"a"},
                                                 Credit{"a", 1}};
    for (const ClientMessage& message : messages) {
      CHECK(failure(desk.send("r", message), "").code == ErrorCode::kProtocolViolation);
    }
    CHECK(desk.ledger.stats().connections == 0);
    CHECK(desk.ledger.stats().sessions == 0);
  }

  TEST_CASE("undecodable bytes are answered with their error, known client or not") {
    Desk desk;
    const Error error{ErrorCode::kProtocolViolation, "no message", 0};
    const IngressActions out = desk.ledger.on_undecodable({"r"}, error, desk.now);
    CHECK(failure(out, "") == error);
  }

  TEST_CASE("generate: opens the stream, submits the request with defaults filled in, and is accepted") {
    Desk desk;
    desk.hello("r");
    Generate generate = make_generate("a");
    generate.stop = {"x"};
    generate.stop_token_ids = {3};
    generate.deadline_ms = 20;
    generate.priority = 5;
    generate.tenant = "t";
    generate.ignore_eos = true;
    generate.logprobs.output = true;
    generate.add_special_tokens = false;

    const IngressActions out = desk.send("r", generate);

    REQUIRE(out.to_clients.size() == 1);
    CHECK(out.to_clients[0] == std::pair<ClientRoute, ServerMessage>({"r"}, Accepted{"a", 1'002}));
    REQUIRE(out.to_responder.size() == 1);
    const auto& open = std::get<StreamOpen>(out.to_responder[0]);
    CHECK(open == StreamOpen{{1}, "a", open.route, {"x"}, {3}, 1'002, kWindow, {20'000}});
    REQUIRE(out.to_tokenizer.size() == 1);
    const auto& submission = std::get<Submission>(out.to_tokenizer[0]);
    GenerationSpec spec{{.temperature = 0.5f}, 1'002, 5, {3}, true, {.output = true}, 5, "t"};
    CHECK(submission == Submission{{1}, std::string("Once upon a time"), false, false, spec, {20'000}, 0});
    CHECK(desk.ledger.stats().requests_running == 1);
  }

  TEST_CASE("generate: the client's own seed, sampling and credit are in force, and no deadline is none") {
    Desk desk;
    desk.hello("r");
    Generate generate = make_generate("a");
    generate.seed = 42;
    generate.sampling = SamplingParams{.temperature = 2.0f};
    generate.credit_tokens = 3;

    const IngressActions out = desk.send("r", generate);

    CHECK(std::get<Accepted>(out.to_clients.at(0).second).seed == 42);
    CHECK(std::get<StreamOpen>(out.to_responder.at(0)).credit_tokens == 3);
    const auto& submission = std::get<Submission>(out.to_tokenizer.at(0));
    CHECK(submission.spec.seed == 42);
    CHECK(submission.spec.sampling == SamplingParams{.temperature = 2.0f});
    CHECK_FALSE(submission.time_left.us);
  }

  TEST_CASE("generate: what is beyond a limit is refused and takes no credit") {
    Desk desk;
    desk.hello("r");
    Generate generate = make_generate("a");
    generate.max_tokens = 0;
    CHECK(failure(desk.send("r", generate), "a").code == ErrorCode::kInvalidRequest);
    generate.request_id = std::string(65, 'x');
    CHECK(failure(desk.send("r", generate), "").code == ErrorCode::kInvalidRequest);
    CHECK(desk.ledger.stats().requests_running == 0);
  }

  TEST_CASE("generate: the same id with another body is a conflict, valid or not, and the first goes on") {
    Desk desk;
    desk.hello("r");
    desk.generate("r", make_generate("a"));
    Generate other = make_generate("a");
    other.max_tokens = 6;
    CHECK(failure(desk.send("r", other), "a").code == ErrorCode::kIdConflict);
    other.max_tokens = 0;
    CHECK(failure(desk.send("r", other), "a").code == ErrorCode::kIdConflict);
    CHECK(desk.ledger.stats().requests_running == 1);
    CHECK(desk.ledger.stats().attachments == 1);
  }

  TEST_CASE("generate: a retry on a connection that has another session's request of that id attached is a conflict") {
    Desk desk;
    const SessionToken other = desk.hello("r1");
    desk.generate("r1", make_generate("a"));
    const SessionToken own = desk.hello("r2");
    desk.generate("r2", make_generate("a"));
    desk.hello("r3", own);
    desk.send("r3", Attach{other, "a"});
    CHECK(failure(desk.send("r3", make_generate("a")), "a").code == ErrorCode::kIdConflict);
    CHECK(desk.ledger.stats().attachments == 3);
  }

  TEST_CASE("generate: ids of different sessions do not meet") {
    Desk desk;
    desk.hello("r1");
    desk.hello("r2");
    desk.generate("r1", make_generate("a"));
    desk.generate("r2", make_generate("a"));
    CHECK(desk.ledger.stats().requests_running == 2);
  }

  TEST_CASE("generate: a retry joins the request from index 0, and replaces the attachment of its connection") {
    Desk desk;
    desk.hello("r");
    const ClientRoute first = desk.generate("r", make_generate("a"));
    Generate retry = make_generate("a");
    retry.deadline_ms = 9;
    retry.credit_tokens = 7;

    const IngressActions out = desk.send("r", retry);

    CHECK(out.to_tokenizer.empty());
    CHECK(out.to_clients.at(0).second == ServerMessage{Accepted{"a", 1'002}});
    REQUIRE(out.to_responder.size() == 2);
    CHECK(std::get<StreamDetach>(out.to_responder[0]).route == first);
    const auto& attach = std::get<StreamAttach>(out.to_responder[1]);
    CHECK(attach.route != first);
    CHECK(attach == StreamAttach{{1}, attach.route, 0, 7});
    CHECK(desk.ledger.stats().attachments == 1);
    CHECK(desk.ledger.stats().requests_running == 1);
    CHECK_FALSE(desk.ledger.on_answer({{1}, first, false, {}}, desk.now));
    CHECK(desk.ledger.on_answer({{1}, attach.route, false, {}}, desk.now) == ClientRoute{"r"});
  }

  TEST_CASE("unavailable: new requests get the reason, retries and attaches do not need it") {
    Desk desk;
    const SessionToken session = desk.hello("r");
    desk.generate("r", make_generate("a"));

    desk.ledger.set_unavailable(Error{ErrorCode::kStageLost, "stage 1 of 2 is missing: waiting for worker-b", 0});

    const Error error = failure(desk.send("r", make_generate("b")), "b");
    CHECK(error == Error{ErrorCode::kUnavailable, "stage 1 of 2 is missing: waiting for worker-b", 1'000});
    CHECK(desk.send("r", make_generate("a")).to_responder.size() == 2);
    CHECK(desk.send("r", Attach{session, "a", 0, 0}).to_responder.size() == 2);
    desk.ledger.set_unavailable({});
    desk.generate("r", make_generate("b"));
  }

  TEST_CASE("attach: from another connection with the session's token, with the window counted from its index") {
    Desk desk;
    const SessionToken session = desk.hello("r1");
    desk.generate("r1", make_generate("a"));
    desk.hello("r2");

    const IngressActions out = desk.send("r2", Attach{session, "a", 100, 0});

    CHECK(out.to_clients.at(0) == std::pair<ClientRoute, ServerMessage>({"r2"}, Accepted{"a", 1'002}));
    REQUIRE(out.to_responder.size() == 1);
    const auto& attach = std::get<StreamAttach>(out.to_responder[0]);
    CHECK(attach == StreamAttach{{1}, attach.route, 100, 100 + kWindow});
    CHECK(desk.ledger.stats().attachments == 2);
    desk.hello("r3");
    CHECK(failure(desk.send("r3", Attach{session, "a", 0, 0}), "a").code == ErrorCode::kOverloaded);
    CHECK(failure(desk.send("r3", Attach{session, "b", 0, 0}), "b").code == ErrorCode::kNotFound);
    CHECK(failure(desk.send("r3", Attach{token(99), "a", 0, 0}), "a").code == ErrorCode::kNotFound);
  }

  TEST_CASE("attach: an absurd index does not overflow the window") {
    Desk desk;
    const SessionToken session = desk.hello("r");
    desk.generate("r", make_generate("a"));
    const IngressActions out = desk.send("r", Attach{session, "a", ~0ull, 0});
    CHECK(std::get<StreamAttach>(out.to_responder.at(1)).credit_tokens == ~0ull);
  }

  TEST_CASE("attach: one id cannot mean requests of two sessions on one connection") {
    Desk desk;
    const SessionToken session = desk.hello("r1");
    desk.generate("r1", make_generate("a"));
    desk.generate("r1", make_generate("b"));
    desk.hello("r2");
    desk.generate("r2", make_generate("a"));
    CHECK(failure(desk.send("r2", Attach{session, "a", 0, 0}), "a").code == ErrorCode::kIdConflict);
    CHECK(failure(desk.send("r2", Attach{token(99), "a", 0, 0}), "a").code == ErrorCode::kIdConflict);
    CHECK(desk.send("r2", Attach{session, "b", 0, 0}).to_responder.size() == 1);
    CHECK(failure(desk.send("r2", make_generate("b")), "b").code == ErrorCode::kIdConflict);
  }

  TEST_CASE("attach: a result that vanished meanwhile ends the attachment, retryably for a repeated Generate") {
    Desk desk;
    const SessionToken session = desk.hello("r1");
    const ClientRoute route = desk.generate("r1", make_generate("a"));
    CHECK(desk.ledger.on_answer({{1}, route, true, {}}, desk.now));
    desk.hello("r2", session);
    desk.send("r2", Attach{session, "a", 0, 0});
    desk.send("r1", make_generate("a"));

    const IngressActions out = desk.release(1, false);

    REQUIRE(out.to_clients.size() == 2);
    CHECK(out.to_clients[0].first == ClientRoute{"r2"});
    CHECK(std::get<Failed>(out.to_clients[0].second).error.code == ErrorCode::kNotFound);
    CHECK(out.to_clients[1].first == ClientRoute{"r1"});
    const Error& error = std::get<Failed>(out.to_clients[1].second).error;
    CHECK(error.code == ErrorCode::kUnavailable);
    CHECK(error.retry_after_ms > 0);
    CHECK(desk.ledger.stats().attachments == 0);
  }

  TEST_CASE("credit: goes to the attachment of that connection, unknown ids to nobody") {
    Desk desk;
    desk.hello("r");
    const ClientRoute route = desk.generate("r", make_generate("a"));
    const IngressActions out = desk.send("r", Credit{"a", 77});
    CHECK(out.to_responder == std::vector<ResponderInput>{StreamCredit{{1}, route, 77}});
    check_empty(desk.send("r", Credit{"b", 77}));
    CHECK(desk.ledger.on_answer({{1}, route, true, {}}, desk.now));
    check_empty(desk.send("r", Credit{"a", 78}));
  }

  TEST_CASE("cancel: goes the request's way once, from any connection that knows it") {
    Desk desk;
    const SessionToken session = desk.hello("r1");
    desk.generate("r1", make_generate("a"));
    desk.hello("r2", session);
    check_empty(desk.send("r2", Cancel{"b"}));

    const IngressActions out = desk.send("r2", Cancel{"a"});

    CHECK(out.to_tokenizer == std::vector<TokenizerInput>{SequenceCancel{{1}}});
    CHECK(out.to_clients.empty());
    check_empty(desk.send("r1", Cancel{"a"}));
    check_empty(desk.disconnect("r2"));
    desk.release(1, true);
    check_empty(desk.send("r1", Cancel{"a"}));
  }

  TEST_CASE("disconnect: without grace the request is cancelled with its last attachment") {
    Desk desk;
    const SessionToken session = desk.hello("r1");
    const ClientRoute first = desk.generate("r1", make_generate("a"));
    desk.hello("r2", session);
    desk.send("r2", Attach{session, "a", 0, 0});

    IngressActions out = desk.disconnect("r1");
    CHECK(out.to_responder == std::vector<ResponderInput>{StreamDetach{first}});
    CHECK(out.to_tokenizer.empty());
    out = desk.disconnect("r2");

    CHECK(out.to_responder.size() == 1);
    CHECK(out.to_tokenizer == std::vector<TokenizerInput>{SequenceCancel{{1}}});
    CHECK_FALSE(desk.ledger.on_answer({{1}, first, true, {}}, desk.now));
    check_empty(desk.disconnect("r2"));
  }

  TEST_CASE("disconnect: the request outlives its client for the grace, and is cancelled then") {
    Desk desk;
    desk.hello("r");
    Generate generate = make_generate("a");
    generate.resume_grace_ms = 100;
    desk.generate("r", generate);
    CHECK(desk.disconnect("r").to_tokenizer.empty());
    CHECK(desk.ledger.next_timer() == TimePoint{milliseconds(100)});

    check_empty(desk.ledger.on_timer({milliseconds(99)}));
    const IngressActions out = desk.ledger.on_timer({milliseconds(100)});

    CHECK(out.to_tokenizer == std::vector<TokenizerInput>{SequenceCancel{{1}}});
    check_empty(desk.ledger.on_timer({milliseconds(200)}));
    desk.ledger.check_invariants();
  }

  TEST_CASE("disconnect: an attach within the grace keeps the request alive") {
    Desk desk;
    const SessionToken session = desk.hello("r1");
    Generate generate = make_generate("a");
    generate.resume_grace_ms = 100;
    desk.generate("r1", generate);
    desk.disconnect("r1");
    desk.now = {milliseconds(50)};
    desk.hello("r1", session);
    desk.send("r1", Attach{session, "a", 0, 0});

    CHECK(desk.ledger.next_timer() == TimePoint::never());
    check_empty(desk.ledger.on_timer({milliseconds(500)}));
    desk.disconnect("r1");
    CHECK(desk.ledger.next_timer() == TimePoint{milliseconds(150)});
    desk.release(1, true);  // Ended: nothing is left to cancel.
    CHECK(desk.ledger.next_timer() == TimePoint::never());
  }

  TEST_CASE("hello: a second one starts the connection over") {
    Desk desk;
    const SessionToken session = desk.hello("r");
    Generate generate = make_generate("a");
    generate.resume_grace_ms = 100;
    const ClientRoute route = desk.generate("r", generate);

    const IngressActions out = desk.send("r", Hello{.session = session});

    CHECK(out.to_responder == std::vector<ResponderInput>{StreamDetach{route}});
    CHECK(std::get<Welcome>(out.to_clients.at(0).second).session == session);
    CHECK_FALSE(desk.ledger.on_answer({{1}, route, false, {}}, desk.now));
    CHECK(desk.ledger.stats().connections == 1);
    CHECK(desk.ledger.next_timer() == TimePoint{milliseconds(100)});
  }

  TEST_CASE("sessions: expire when neither connection nor request is left") {
    Desk desk;
    const SessionToken session = desk.hello("r");
    desk.generate("r", make_generate("a"));
    desk.disconnect("r");
    CHECK(desk.ledger.next_timer() == TimePoint::never());
    desk.release(1, false);
    CHECK(desk.ledger.next_timer() == TimePoint{milliseconds(1'000)});
    check_empty(desk.ledger.on_timer({milliseconds(1'000)}));
    CHECK(desk.ledger.stats().sessions == 0);
    CHECK(failure(desk.send("r", Hello{.session = session}), "").code == ErrorCode::kNotFound);
  }

  TEST_CASE("answers: foreign routes and wrong sequences reach nobody") {
    Desk desk;
    desk.hello("r");
    const ClientRoute route = desk.generate("r", make_generate("a"));
    CHECK_FALSE(desk.ledger.on_answer({{2}, route, true, {}}, desk.now));
    CHECK_FALSE(desk.ledger.on_answer({{1}, {"r"}, true, {}}, desk.now));
    CHECK_FALSE(desk.ledger.on_answer({{1}, {""}, true, {}}, desk.now));
    CHECK(desk.ledger.on_answer({{1}, route, true, {}}, desk.now) == ClientRoute{"r"});
    CHECK_FALSE(desk.ledger.on_answer({{1}, route, true, {}}, desk.now));
  }
}

}  // namespace
}  // namespace sluice::test
