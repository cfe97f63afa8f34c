#include "pipeline/request/session_table.h"

#include <doctest/doctest.h>

#include <chrono>

namespace sluice {
namespace {

using std::chrono::milliseconds;

SessionToken token(std::uint8_t n) {
  SessionToken token;
  token.bytes.fill(n);
  return token;
}

TEST_SUITE("pipeline/request/session_table") {
  TEST_CASE("open: a new session, and its resumption by token from another connection") {
    SessionTable table({});
    CHECK(table.open({"r1"}, {}, token(1), {}).value() == token(1));
    CHECK(table.open({"r2"}, token(1), token(2), {}).value() == token(1));

    CHECK(table.num_sessions() == 1);
    CHECK(table.session(token(1))->connections == 2);
    table.check_invariants();
  }

  TEST_CASE("open: an unknown session is not found") {
    SessionTable table({});
    CHECK(table.open({"r1"}, token(9), token(1), {}).error().code == ErrorCode::kNotFound);
    CHECK(table.num_connections() == 0);
    CHECK(table.num_sessions() == 0);
  }

  TEST_CASE("expire: a session lives on for its idle time once connection and requests are gone") {
    SessionTable table({.session_idle_ms = 100});
    CHECK(table.open({"r1"}, {}, token(1), {}).ok());
    table.add_request(token(1), "a", {7});
    table.close({"r1"}, {milliseconds(10)});
    CHECK(table.next_expiry() == TimePoint::never());
    CHECK(table.find_request(token(1), "a") == SequenceId{7});

    table.remove_request(token(1), "a", {milliseconds(50)});

    CHECK(table.next_expiry() == TimePoint{milliseconds(150)});
    table.expire({milliseconds(149)});
    CHECK(table.num_sessions() == 1);
    table.expire({milliseconds(150)});
    CHECK(table.num_sessions() == 0);
    table.check_invariants();
  }

  TEST_CASE("open: the connection that was silent longest and takes nothing makes room for another") {
    SessionTable table({.max_connections = 2});
    CHECK(table.open({"r1"}, {}, token(1), {}).ok());
    CHECK(table.open({"r2"}, {}, token(2), {milliseconds(1)}).ok());
    table.connection({"r1"})->last_heard = {milliseconds(2)};

    CHECK(table.open({"r3"}, {}, token(3), {milliseconds(3)}).ok());

    CHECK(table.connection({"r2"}) == nullptr);
    CHECK(table.connection({"r1"}) != nullptr);
    table.connection({"r1"})->attachments["a"] = 1;
    table.connection({"r3"})->attachments["a"] = 2;
    CHECK(table.open({"r4"}, {}, token(4), {milliseconds(4)}).error().code == ErrorCode::kOverloaded);
    table.check_invariants();
  }

  TEST_CASE("open: the session that was idle longest makes room for another, others do not") {
    SessionTable table({.max_sessions = 2});
    CHECK(table.open({"r1"}, {}, token(1), {}).ok());
    CHECK(table.open({"r2"}, {}, token(2), {}).ok());
    CHECK(table.open({"r3"}, {}, token(3), {}).error().code == ErrorCode::kOverloaded);
    table.close({"r2"}, {milliseconds(1)});

    CHECK(table.open({"r3"}, {}, token(3), {milliseconds(2)}).ok());

    CHECK(table.session(token(2)) == nullptr);
    CHECK(table.session(token(1)) != nullptr);
    table.check_invariants();
  }
}

}  // namespace
}  // namespace sluice
