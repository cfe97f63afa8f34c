#include "pipeline/request/request_journal.h"

#include <doctest/doctest.h>

namespace sluice {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

SessionToken session() {
  SessionToken token;
  token.bytes.fill(0xab);
  return token;
}

// The payload with blanks for its separators: "actor sentence fields".
std::string shown(const LogEvent& event) {
  std::string text = event.payload();
  for (char& c : text) c = c == LogEvent::kUnitSeparator ? ' ' : c;
  return text;
}

IngressActions refused(const std::string& request_id, ErrorCode code) {
  IngressActions actions;
  actions.to_clients.emplace_back(ClientRoute{"r"}, Failed{request_id, {code, "a sentence", 50}});
  return actions;
}

IngressActions with_news(IngressNews news) {
  IngressActions actions;
  actions.news.push_back(std::move(news));
  return actions;
}

IngressActions accepted() {
  IngressActions actions = with_news(RequestAccepted{{17}, "a", session()});
  Submission submission;
  submission.sequence = {17};
  submission.prompt = "Once";
  submission.spec.tenant = "t";
  submission.spec.max_tokens = 5;
  submission.spec.priority = -1;
  actions.to_tokenizer.emplace_back(std::move(submission));
  return actions;
}

TEST_SUITE("pipeline/request/request_journal") {
  TEST_CASE("the ledger tells of clients that come and go, and of requests that are accepted") {
    Ledger ledger({.model = "storyteller", .max_requests = 4, .context_tokens = 512});
    const ClientRoute route{"r"};
    Generate generate;
    generate.request_id = "a";
    generate.prompt = "Once";
    const auto say = [&](ClientMessage message) {
      return ledger.on_client(route, std::move(message), {}, {1, session()}).news;
    };

    CHECK(say(Hello{.client_name = "demo"}) == std::vector<IngressNews>{ClientConnected{"demo", session(), false}});
    CHECK(say(generate) == std::vector<IngressNews>{RequestAccepted{{1}, "a", session()}});
    CHECK(say(generate).empty());
    CHECK(say(Hello{.client_name = "again", .session = session()}) ==
          std::vector<IngressNews>{ClientLost{session(), 1}, ClientConnected{"again", session(), true}});
    CHECK(ledger.on_disconnected(route, {}).news == std::vector<IngressNews>{ClientLost{session(), 0}});
    CHECK(ledger.on_disconnected(route, {}).news.empty());
  }

  TEST_CASE("clients: a line for each that comes or goes, with a part of its session") {
    IngressJournal journal(false);

    const auto came = journal.note(with_news(ClientConnected{"demo", session(), true}), {});
    const auto went = journal.note(with_news(ClientLost{session(), 2}), {});

    REQUIRE(came.size() == 1);
    CHECK(came[0].level() == LogLevel::kInfo);
    CHECK(shown(came[0]) == "ingress client connected client=\"demo\" session=\"abababab\" resumed=1");
    REQUIRE(went.size() == 1);
    CHECK(shown(went[0]) == "ingress client lost session=\"abababab\" requests=2");
  }

  TEST_CASE("clients: a flood of connections is a few lines and a count") {
    IngressJournal journal(false);
    std::size_t lines = 0;
    for (int i = 0; i < 1000; ++i) lines += journal.note(with_news(ClientConnected{"x", session(), false}), {}).size();
    CHECK(lines == IngressJournal::kClientLines);
    CHECK(journal.on_timer(TimePoint{milliseconds(999)}).empty());

    const auto counted = journal.on_timer(journal.next_timer());

    REQUIRE(counted.size() == 1);
    CHECK(shown(counted[0]) == "ingress clients connected count=980");
    CHECK(journal.finish().empty());
  }

  TEST_CASE("at the end, what is still counted is a line before its second is over") {
    IngressJournal journal(false);
    for (int i = 0; i < 3; ++i) journal.note(refused("a", ErrorCode::kOverloaded), {});

    const auto counted = journal.finish();

    REQUIRE(counted.size() == 1);
    CHECK(shown(counted[0]) == "ingress request refused code=\"overloaded\" count=2");
  }

  TEST_CASE("accepted: a line of level debug with what was asked, and none where debug is off") {
    IngressJournal journal(true);

    const auto events = journal.note(accepted(), {});

    REQUIRE(events.size() == 1);
    CHECK(events[0].level() == LogLevel::kDebug);
    CHECK(shown(events[0]) ==
          "ingress request accepted id=\"a\" sequence=17 session=\"abababab\" tenant=\"t\" prompt=\"text\" "
          "max_tokens=5 priority=-1");
    CHECK(IngressJournal(false).note(accepted(), {}).empty());
  }

  TEST_CASE("refused: the first of a kind with id and reason, the others of its second as one count") {
    IngressJournal journal(false);
    ManualClock clock;

    const auto first = journal.note(refused("a", ErrorCode::kOverloaded), clock.now());
    std::size_t others = 0;
    for (int i = 0; i < 50'000; ++i) others += journal.note(refused("b", ErrorCode::kOverloaded), clock.now()).size();

    REQUIRE(first.size() == 1);
    CHECK(first[0].level() == LogLevel::kWarn);
    CHECK(shown(first[0]) == "ingress request refused code=\"overloaded\" count=1 id=\"a\" message=\"a sentence\"");
    CHECK(others == 0);
    CHECK(journal.next_timer() == clock.now() + seconds(1));
    clock.advance(seconds(1));
    const auto counted = journal.on_timer(clock.now());
    REQUIRE(counted.size() == 1);
    CHECK(shown(counted[0]) == "ingress request refused code=\"overloaded\" count=50000");
    CHECK(journal.next_timer() == TimePoint::never());
  }

  TEST_CASE("refused: kinds do not hide each other, and messages without an id are a kind of their own") {
    IngressJournal journal(false);

    CHECK(journal.note(refused("a", ErrorCode::kOverloaded), {}).size() == 1);
    CHECK(journal.note(refused("a", ErrorCode::kInvalidRequest), {}).size() == 1);
    const auto nonsense = journal.note(refused("", ErrorCode::kInvalidRequest), {});

    REQUIRE(nonsense.size() == 1);
    CHECK(shown(nonsense[0]) ==
          "ingress client message refused code=\"invalid_request\" count=1 message=\"a sentence\"");
  }

  TEST_CASE("ended: outcome, tokens and times") {
    RequestEnded ended{{17}, "a", FinishReason::kLength, {5, 3, 2}, {1, 2, 3, 4}};

    CHECK(event_of(ended).level() == LogLevel::kInfo);
    CHECK(shown(event_of(ended)) ==
          "responder request ended id=\"a\" sequence=17 outcome=\"length\" prompt_tokens=5 output_tokens=3 "
          "cached_tokens=2 tokenize_us=1 queue_us=2 prefill_us=3 decode_us=4");
    ended.outcome = Error{ErrorCode::kInternal, "a defect"};
    CHECK(event_of(ended).level() == LogLevel::kError);
    CHECK(shown(event_of(ended)).ends_with(" message=\"a defect\""));
  }
}

}  // namespace
}  // namespace sluice
