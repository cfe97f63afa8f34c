// What the stream table counts of outcomes and latencies.
#include <doctest/doctest.h>

#include "pipeline/request/stream_table.h"
#include "tests/pipeline/request/message_book.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;

struct Desk {
  void open(std::uint64_t sequence, std::uint64_t credit_tokens = 100, std::vector<std::string> stop = {}) {
    send(StreamOpen{{sequence}, "a", {"client"}, std::move(stop), {}, 0, credit_tokens});
  }
  void tokens(std::uint64_t sequence, std::uint64_t first_index, std::vector<TokenId> ids) {
    send(StepTokens{{StreamTokens{{sequence}, first_index, std::move(ids), {}}}});
  }
  void end(std::uint64_t sequence, std::variant<FinishReason, Error> outcome) {
    send(StreamEnd{{sequence}, std::move(outcome), {}, {}, {}});
  }
  void send(ResponderInput message) { table.on_message(std::move(message), now); }
  void advance(std::int64_t ms) { now = now + milliseconds(ms); }

  test::MessageBook book;
  StreamTable table{{.client_window_tokens = 4, .drain_ms = 100}, test::storyteller_tokenizer(), book.encoder()};
  TimePoint now{milliseconds(1000)};
};

TimeHistogram of_ms(std::initializer_list<std::uint64_t> values) {
  TimeHistogram histogram;
  for (const std::uint64_t ms : values) histogram.add(ms * 1000);
  return histogram;
}

const std::vector<TokenId>& ids() {
  static const std::vector<TokenId> kIds = test::ids_of("Once upon a time");
  return kIds;
}

TEST_SUITE("pipeline/request/stream_counts") {
  TEST_CASE("latencies: from opening to the first token, from token to token, from opening to the end") {
    Desk desk;
    desk.open(1);
    desk.advance(30);
    desk.tokens(1, 0, {ids()[0]});
    desk.advance(7);
    desk.tokens(1, 1, {ids()[1]});
    desk.advance(8);
    desk.tokens(1, 2, {ids()[2], ids()[3]});  // Two at a time: each took half.
    desk.advance(1);
    desk.end(1, FinishReason::kLength);
    CHECK(desk.table.counts().first_token_us == of_ms({30}));
    CHECK(desk.table.counts().between_tokens_us == of_ms({7, 4, 4}));
    CHECK(desk.table.counts().request_us == of_ms({46}));
  }

  TEST_CASE("latencies: a gap across a pause for want of credit is the client's") {
    Desk desk;
    desk.open(1, 1);
    desk.advance(5);
    desk.tokens(1, 0, {ids()[0]});  // No credit is left: paused.
    desk.advance(5000);
    desk.send(StreamCredit{{1}, {"client"}, 100});
    desk.advance(3);
    desk.tokens(1, 1, {ids()[1]});
    desk.advance(2);
    desk.tokens(1, 2, {ids()[2]});
    CHECK(desk.table.counts().between_tokens_us == of_ms({2}));
  }

  TEST_CASE("outcomes: each stream counts once, by reason or code, as the client is told") {
    Desk desk;
    std::uint64_t sequence = 0;
    for (const FinishReason reason : {FinishReason::kStop, FinishReason::kLength, FinishReason::kLength,
                                      FinishReason::kCancelled, FinishReason::kDeadline}) {
      desk.open(++sequence);
      desk.end(sequence, reason);
      desk.end(sequence, reason);  // Stray.
    }
    desk.open(++sequence);
    desk.end(sequence, Error{ErrorCode::kStageLost, "stage 1 died", 100});
    const StreamCounts& counts = desk.table.counts();
    CHECK(counts.finished_total == std::array<std::uint64_t, 4>{1, 2, 1, 1});
    ErrorCounts failed;
    failed.add(ErrorCode::kStageLost);
    CHECK(counts.failed_total == failed);
    CHECK(counts.request_us == of_ms({0, 0, 0}));  // Stop and length only.
  }

  TEST_CASE("outcomes: a stop string decides before the batcher's end") {
    Desk desk;
    desk.open(1, 100, {" a"});
    desk.tokens(1, 0, ids());
    desk.end(1, FinishReason::kLength);
    CHECK(desk.table.counts().finished_total == std::array<std::uint64_t, 4>{1, 0, 0, 0});
  }

  TEST_CASE("a stream whose tokens came before its opening counts from the opening") {
    Desk desk;
    desk.tokens(1, 0, {ids()[0]});
    desk.end(1, FinishReason::kStop);
    CHECK(desk.table.counts().finished_total[0] == 0);
    desk.advance(9);
    desk.open(1);
    CHECK(desk.table.counts().finished_total[0] == 1);
    CHECK(desk.table.counts().first_token_us == of_ms({0}));
  }
}

}  // namespace
}  // namespace sluice
