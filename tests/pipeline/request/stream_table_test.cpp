#include "pipeline/request/stream_table.h"

#include <doctest/doctest.h>

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "tests/pipeline/request/message_book.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;
using test::ids_of;

const ClientRoute kRoute{"client"};
const ClientRoute kOther{"other"};

// What one client would see: the messages of one attachment, joined.
struct Seen {
  std::vector<TokenId> ids;
  std::string text;
  std::uint64_t num_messages = 0;
  std::vector<ServerMessage> terminals;
};

constexpr std::uint32_t kPromptTokens = 5;

struct Desk {
  explicit Desk(StreamTableConfig config = make_config())
      : table(config, test::storyteller_tokenizer(), book.encoder()) {}

  static StreamTableConfig make_config() {
    return {.client_window_tokens = 4,
            .message_tokens_max = 3,
            .drain_ms = 100,
            .retention = {.max_streams = 2, .max_bytes = 1u << 20, .keep_ms = 1'000}};
  }

  ResponderActions send(ResponderInput message) { return note(table.on_message(std::move(message), now)); }
  ResponderActions tick(milliseconds at) {
    now = {at};
    return note(table.on_timer(now));
  }
  ResponderActions open(std::uint64_t sequence, std::uint64_t credit_tokens = 100, std::vector<std::string> stop = {}) {
    return send(StreamOpen{{sequence}, "a", kRoute, std::move(stop), {}, 0, credit_tokens});
  }
  ResponderActions tokens(std::uint64_t sequence, std::uint64_t first_index, std::vector<TokenId> ids) {
    return send(StepTokens{{StreamTokens{{sequence}, first_index, std::move(ids), {}}}});
  }
  ResponderActions end(std::uint64_t sequence, std::variant<FinishReason, Error> outcome = FinishReason::kLength) {
    return send(StreamEnd{{sequence}, std::move(outcome), {kPromptTokens, 99, 1}, {1, 2, 3, 4}, {-0.5f}});
  }

  // What was told of its end.
  RequestEnded ended(std::uint64_t sequence, std::variant<FinishReason, Error> outcome = FinishReason::kLength) {
    const ResponderActions out = end(sequence, std::move(outcome));
    REQUIRE(out.ended.size() == 1);
    return out.ended[0];
  }

  ResponderActions note(ResponderActions out) {
    table.check_invariants();
    for (const StreamOutput& message : out.to_ingress) {
      if (const auto* release = std::get_if<StreamReleased>(&message)) released.push_back(*release);
      const auto* answer = std::get_if<ClientAnswer>(&message);
      if (answer == nullptr) continue;
      Seen& by = seen[answer->route];
      const ServerMessage& typed = book.decode(answer->frame);
      CHECK(answer->is_terminal == !std::holds_alternative<Tokens>(typed));
      const auto* finish = std::get_if<Finished>(&typed);
      const bool is_result = finish != nullptr && finish->reason != FinishReason::kCancelled;
      CHECK(answer->shows_output == (is_result || !answer->is_terminal));
      if (answer->is_terminal) {
        by.terminals.push_back(typed);
        continue;
      }
      const auto& tokens = std::get<Tokens>(typed);
      CHECK(tokens.request_id == "a");
      by.ids.insert(by.ids.end(), tokens.token_ids.begin(), tokens.token_ids.end());
      by.text += tokens.text;
      ++by.num_messages;
    }
    return out;
  }

  test::MessageBook book;
  StreamTable table;
  TimePoint now{};
  std::map<ClientRoute, Seen> seen;
  std::vector<StreamReleased> released;
};

using Signals = std::vector<ResponderSignal>;

ServerMessage finished(FinishReason reason, std::uint32_t output_tokens) {
  return Finished{"a", reason, {5, output_tokens, 1}, {1, 2, 3, 4}, {-0.5f}};
}

const Error kStageLost{ErrorCode::kStageLost, "stage 1 died", 100};
const Error kTooLong{ErrorCode::kPromptTooLong, "prompt has 9012 tokens, limit 512", 0};

TEST_SUITE("pipeline/request/stream_table") {
  TEST_CASE("tokens go out as they come, and the end follows them") {
    Desk desk;
    const std::vector<TokenId> ids = ids_of("Once upon a time");
    desk.open(1);
    desk.tokens(1, 0, {ids[0]});
    CHECK(desk.seen[kRoute].text == "Once");
    desk.tokens(1, 1, {ids[1], ids[2], ids[3]});
    CHECK(desk.seen[kRoute].num_messages == 2);

    desk.end(1);

    CHECK(desk.seen[kRoute].ids == ids);
    CHECK(desk.seen[kRoute].text == "Once upon a time");
    CHECK(desk.seen[kRoute].terminals == std::vector<ServerMessage>{finished(FinishReason::kLength, 4)});
    CHECK(desk.released == std::vector<StreamReleased>{{{1}, true, kPromptTokens}});
    CHECK(desk.table.stats().streams_kept == 1);
    CHECK(desk.table.stats().tokens_total == 4);
  }

  TEST_CASE("the news of an end say what the client gets, with the tokens that count") {
    Desk desk;
    const std::vector<TokenId> ids = ids_of("Once upon a time");
    for (std::uint64_t sequence = 1; sequence <= 3; ++sequence) desk.open(sequence, 100, {" a"});
    desk.tokens(1, 0, ids);
    desk.tokens(2, 0, {ids[0]});
    const Error error{ErrorCode::kStageLost, "lost", 100};

    CHECK(desk.ended(1) == RequestEnded{{1}, "a", FinishReason::kStop, {5, 2, 1}, {1, 2, 3, 4}});
    CHECK(desk.ended(2) == RequestEnded{{2}, "a", FinishReason::kLength, {5, 1, 1}, {1, 2, 3, 4}});
    CHECK(desk.ended(3, error) == RequestEnded{{3}, "a", error, {5, 0, 1}, {1, 2, 3, 4}});
  }

  TEST_CASE("an unfinished character is let out at the end, in a message of text alone") {
    Desk desk;
    const std::vector<TokenId> ids = ids_of("\xF0\x9F\xA6\x8A");
    desk.open(1, 1);
    desk.tokens(1, 0, {ids[0]});
    CHECK(desk.seen[kRoute].text == "");
    desk.end(1);
    CHECK(desk.seen[kRoute].ids == std::vector<TokenId>{ids[0]});
    CHECK(desk.seen[kRoute].text == "\xEF\xBF\xBD");
    CHECK(desk.seen[kRoute].num_messages == 2);
    CHECK(desk.seen[kRoute].terminals.size() == 1);
  }

  TEST_CASE("a client gets nothing at or above its credit, and the end only after all tokens") {
    Desk desk;
    desk.open(1, 2);
    desk.tokens(1, 0, {5, 6, 7, 8});
    CHECK(desk.seen[kRoute].ids == std::vector<TokenId>{5, 6});
    desk.end(1);
    CHECK(desk.seen[kRoute].terminals.empty());
    CHECK(desk.released.empty());
    CHECK(desk.table.stats().streams_draining == 1);
    desk.send(StreamCredit{{1}, kRoute, 3});
    desk.send(StreamCredit{{1}, kRoute, 1});
    CHECK(desk.seen[kRoute].ids == std::vector<TokenId>{5, 6, 7});
    CHECK(desk.seen[kRoute].terminals.empty());

    desk.send(StreamCredit{{1}, kRoute, 4});

    CHECK(desk.seen[kRoute].ids == std::vector<TokenId>{5, 6, 7, 8});
    CHECK(desk.seen[kRoute].terminals == std::vector<ServerMessage>{finished(FinishReason::kLength, 4)});
    CHECK(desk.released == std::vector<StreamReleased>{{{1}, true, kPromptTokens}});
  }

  TEST_CASE("a client that grants nothing gets the end without the rest when draining takes too long") {
    Desk desk;
    desk.open(1, 1);
    desk.tokens(1, 0, {5, 6});
    desk.end(1);
    CHECK(desk.table.next_timer() == TimePoint{milliseconds(100)});
    desk.tick(milliseconds(99));
    CHECK(desk.seen[kRoute].terminals.empty());

    desk.tick(milliseconds(100));

    CHECK(desk.seen[kRoute].ids == std::vector<TokenId>{5});
    CHECK(desk.seen[kRoute].terminals == std::vector<ServerMessage>{finished(FinishReason::kLength, 2)});
    CHECK(desk.released == std::vector<StreamReleased>{{{1}, true, kPromptTokens}});
  }

  TEST_CASE("a deadline ends the wait for credit, and comes before the drain time is over") {
    Desk desk;
    desk.send(StreamOpen{{1}, "a", kRoute, {}, {}, 0, 1, {30'000}});
    desk.tokens(1, 0, {5, 6});
    desk.end(1);
    CHECK(desk.table.next_timer() == TimePoint{milliseconds(30)});
    desk.tick(milliseconds(29));
    CHECK(desk.seen[kRoute].terminals.empty());
    desk.tick(milliseconds(30));
    CHECK(desk.seen[kRoute].terminals == std::vector<ServerMessage>{finished(FinishReason::kLength, 2)});

    desk.send(StreamOpen{{2}, "a", kRoute, {}, {}, 0, 1, {10'000}});
    desk.tokens(2, 0, {5, 6});
    desk.tick(milliseconds(41));
    desk.end(2, FinishReason::kDeadline);  // It is over already: nothing is waited for.
    CHECK(desk.table.next_timer() == desk.now);
    desk.tick(milliseconds(41));
    CHECK(desk.seen[kRoute].terminals.back() == ServerMessage{finished(FinishReason::kDeadline, 2)});
  }

  TEST_CASE("failed and cancelled do not wait for credit") {
    Desk desk;
    desk.open(1, 1);
    desk.tokens(1, 0, {5, 6});
    desk.end(1, FinishReason::kCancelled);
    CHECK(desk.seen[kRoute].ids == std::vector<TokenId>{5});
    CHECK(desk.seen[kRoute].terminals == std::vector<ServerMessage>{finished(FinishReason::kCancelled, 2)});
    CHECK(desk.released == std::vector<StreamReleased>{{{1}, true, kPromptTokens}});
    desk.open(2, 1);
    desk.tokens(2, 0, {5, 6});
    desk.end(2, kTooLong);
    CHECK(desk.seen[kRoute].terminals.back() == ServerMessage{Failed{"a", kTooLong}});
    CHECK(desk.released.back() == StreamReleased{{2}, true, kPromptTokens});
  }

  TEST_CASE("a failure that a retry could cure is forgotten at once") {
    Desk desk;
    desk.open(1);
    desk.end(1, kStageLost);
    CHECK(desk.seen[kRoute].terminals == std::vector<ServerMessage>{Failed{"a", kStageLost}});
    CHECK(desk.released == std::vector<StreamReleased>{{{1}, false, kPromptTokens}});
    CHECK(desk.table.stats().streams_kept == 0);
  }

  TEST_CASE("a stop match tells the batcher, drops what overran, and is the reason whatever the end says") {
    for (const std::variant<FinishReason, Error>& outcome :
         {std::variant<FinishReason, Error>(FinishReason::kStop), {FinishReason::kCancelled}, {kStageLost}}) {
      Desk desk;
      const std::vector<TokenId> ids = ids_of("Once upon a time there was a fox");
      const auto kept = static_cast<std::uint32_t>(ids_of("Once upon a time").size());
      desk.open(1, 100, {" there"});

      const ResponderActions out = desk.tokens(1, 0, ids);

      CHECK(out.to_batcher == Signals{StreamStop{{1}, kept}});
      CHECK(desk.seen[kRoute].text == "Once upon a time");
      CHECK(desk.seen[kRoute].ids.size() == kept);
      CHECK(desk.tokens(1, ids.size(), {5, 6}).to_batcher.empty());
      CHECK(desk.seen[kRoute].terminals.empty());
      desk.end(1, outcome);
      CHECK(desk.seen[kRoute].terminals == std::vector<ServerMessage>{finished(FinishReason::kStop, kept)});
      CHECK(desk.seen[kRoute].text == "Once upon a time");
      CHECK(desk.table.stats().stop_matches_total == 1);
      CHECK(desk.table.stats().overrun_tokens_total == ids.size() - kept + 2);
    }
  }

  TEST_CASE("a part of a stop string is held back, and let out at the end") {
    Desk desk;
    desk.open(1, 100, {" time that"});
    desk.tokens(1, 0, ids_of("a time th"));
    CHECK(desk.seen[kRoute].text == "a");
    desk.end(1);
    CHECK(desk.seen[kRoute].text == "a time th");
    CHECK(desk.seen[kRoute].ids == ids_of("a time th"));
  }

  TEST_CASE("a stream is paused when its credit is used up, and goes on when more comes") {
    Desk desk;
    desk.open(1, 2);
    CHECK(desk.tokens(1, 0, {5}).to_batcher.empty());
    CHECK(desk.tokens(1, 1, {6}).to_batcher == Signals{StreamPause{{1}, true}});
    CHECK(desk.tokens(1, 2, {7}).to_batcher.empty());  // Was on its way.
    CHECK(desk.table.stats().backlog_tokens == 1);
    CHECK(desk.send(StreamCredit{{1}, kRoute, 3}).to_batcher.empty());
    CHECK(desk.send(StreamCredit{{1}, kRoute, 4}).to_batcher == Signals{StreamPause{{1}, false}});
    CHECK(desk.table.stats().streams_paused == 0);
  }

  TEST_CASE("the attachment with the most credit decides about the pause") {
    Desk desk;
    desk.open(1, 2);
    desk.tokens(1, 0, {5, 6});
    CHECK(desk.send(StreamAttach{{1}, kOther, 0, 50}).to_batcher == Signals{StreamPause{{1}, false}});
    CHECK(desk.tokens(1, 2, {7, 8}).to_batcher.empty());
    CHECK(desk.seen[kOther].ids == std::vector<TokenId>{5, 6, 7, 8});
    CHECK(desk.seen[kRoute].ids == std::vector<TokenId>{5, 6});
    CHECK(desk.send(StreamDetach{kOther}).to_batcher == Signals{StreamPause{{1}, true}});
  }

  TEST_CASE("without an attachment the batcher runs ahead by the window only") {
    Desk desk;
    desk.open(1, 2);
    desk.tokens(1, 0, {5, 6});
    CHECK(desk.send(StreamDetach{kRoute}).to_batcher == Signals{StreamPause{{1}, false}});
    CHECK(desk.tokens(1, 2, {5, 6, 7}).to_batcher.empty());
    CHECK(desk.tokens(1, 5, {8}).to_batcher == Signals{StreamPause{{1}, true}});
    CHECK(desk.send(StreamAttach{{1}, kOther, 2, 50}).to_batcher == Signals{StreamPause{{1}, false}});
    CHECK(desk.seen[kOther].ids == std::vector<TokenId>{5, 6, 7, 8});
  }

  TEST_CASE("tokens held back for a stop string do not starve the client of the credit it granted") {
    Desk desk;
    const std::vector<TokenId> ids = ids_of("a time there");
    desk.open(1, 2, {" time that"});
    CHECK(desk.tokens(1, 0, {ids[0], ids[1]}).to_batcher.empty());
    CHECK(desk.seen[kRoute].ids == std::vector<TokenId>{ids[0]});
    CHECK(desk.tokens(1, 2, {ids[2]}).to_batcher == Signals{StreamPause{{1}, true}});
    CHECK(desk.seen[kRoute].ids == std::vector<TokenId>{ids[0], ids[1]});
  }

  TEST_CASE("a late attachment gets tokens from its index in bounded messages, and the same end") {
    Desk desk;
    desk.open(1);
    desk.tokens(1, 0, ids_of("Once upon a time there was a fox"));
    desk.end(1);

    desk.send(StreamAttach{{1}, kOther, 1, 100});

    const std::vector<TokenId> rest = ids_of(" upon a time there was a fox");
    CHECK(desk.seen[kOther].ids == rest);
    CHECK(desk.seen[kOther].text == " upon a time there was a fox");
    CHECK(desk.seen[kOther].num_messages == (rest.size() + 2) / 3);
    CHECK(desk.seen[kOther].terminals == desk.seen[kRoute].terminals);
    desk.send(StreamAttach{{1}, kOther, 1'000, 0});
    CHECK(desk.seen[kOther].terminals.size() == 2);
    CHECK(desk.seen[kOther].ids == rest);
  }

  TEST_CASE("a late attachment to a cancelled request is paced by its credit") {
    Desk desk;
    desk.open(1);
    desk.tokens(1, 0, {5, 6});
    desk.end(1, FinishReason::kCancelled);
    desk.send(StreamAttach{{1}, kOther, 0, 1});
    CHECK(desk.seen[kOther].terminals.empty());
    desk.send(StreamCredit{{1}, kOther, 2});
    CHECK(desk.seen[kOther].ids == std::vector<TokenId>{5, 6});
    CHECK(desk.seen[kOther].terminals == desk.seen[kRoute].terminals);
  }

  TEST_CASE("an attachment in advance gets what comes from its index on") {
    Desk desk;
    desk.open(1);
    desk.send(StreamAttach{{1}, kOther, 2, 100});
    desk.tokens(1, 0, ids_of("Once upon a time"));
    desk.end(1);
    CHECK(desk.seen[kOther].text == " a time");
  }

  TEST_CASE("what arrives ahead of the opening waits for it") {
    Desk desk;
    desk.tokens(2, 0, {5, 6});
    desk.tokens(2, 2, {7});
    desk.end(2);
    CHECK(desk.table.stats().streams_early == 1);
    desk.open(1);
    CHECK(desk.seen[kRoute].ids.empty());

    desk.open(2);

    CHECK(desk.seen[kRoute].ids == std::vector<TokenId>{5, 6, 7});
    CHECK(desk.seen[kRoute].terminals.size() == 1);
    CHECK(desk.table.stats().streams_early == 0);
  }

  TEST_CASE("a stream that is early by a window is paused, and goes on when it is opened") {
    Desk desk;
    CHECK(desk.tokens(1, 0, {5, 6, 7}).to_batcher.empty());
    CHECK(desk.tokens(1, 3, {5, 6}).to_batcher == Signals{StreamPause{{1}, true}});
    CHECK(desk.tokens(1, 5, {7}).to_batcher.empty());
    const ResponderActions out = desk.open(1, 100);
    CHECK(out.to_batcher == Signals{StreamPause{{1}, false}});
    CHECK(desk.seen[kRoute].ids.size() == 6);
  }

  TEST_CASE("a stream whose early tokens were too many fails") {
    StreamTableConfig config = Desk::make_config();
    config.early.max_tokens = 3;
    Desk desk(config);
    desk.tokens(1, 0, {5, 6, 7});
    desk.tokens(1, 3, {5});
    CHECK(desk.open(1).to_batcher == Signals{StreamStop{{1}, 0}});
    desk.end(1);
    REQUIRE(desk.seen[kRoute].terminals.size() == 1);
    CHECK(std::get<Failed>(desk.seen[kRoute].terminals[0]).error.code == ErrorCode::kInternal);
  }

  TEST_CASE("a gap in the tokens fails the sequence and stops the batcher") {
    Desk desk;
    desk.open(1);
    desk.tokens(1, 0, {5});
    CHECK(desk.tokens(1, 2, {7}).to_batcher == Signals{StreamStop{{1}, 1}});
    CHECK(desk.tokens(1, 1, {6}).to_batcher.empty());
    desk.end(1);
    CHECK(desk.seen[kRoute].ids == std::vector<TokenId>{5});
    REQUIRE(desk.seen[kRoute].terminals.size() == 1);
    CHECK(std::get<Failed>(desk.seen[kRoute].terminals[0]).error.code == ErrorCode::kInternal);
  }

  TEST_CASE("a detached route gets nothing more, its streams go on") {
    Desk desk;
    desk.open(1);
    desk.open(2);
    desk.send(StreamDetach{kRoute});
    desk.tokens(1, 0, {5});
    desk.end(1);
    desk.end(2);
    CHECK(desk.seen[kRoute].num_messages == 0);
    CHECK(desk.seen[kRoute].terminals.empty());
    CHECK(desk.released.size() == 2);
  }

  TEST_CASE("a drained stream is released when the reader that held it up is gone") {
    Desk desk;
    desk.open(1, 1);
    desk.tokens(1, 0, {5, 6});
    desk.end(1);
    CHECK(desk.released.empty());
    desk.send(StreamDetach{kRoute});
    CHECK(desk.released == std::vector<StreamReleased>{{{1}, true, kPromptTokens}});
  }

  TEST_CASE("results are kept by number: the oldest makes room, and whoever still reads it gets the end") {
    Desk desk;
    for (std::uint64_t sequence : {1, 2}) {
      desk.open(sequence);
      desk.tokens(sequence, 0, {5, 6});
      desk.end(sequence);
    }
    desk.send(StreamAttach{{1}, kOther, 0, 1});
    desk.open(3);
    desk.released.clear();

    desk.end(3);

    CHECK(desk.released == std::vector<StreamReleased>{{{3}, true, kPromptTokens}, {{1}, false, kPromptTokens}});
    CHECK(desk.seen[kOther].ids == std::vector<TokenId>{5});
    CHECK(desk.seen[kOther].terminals == std::vector<ServerMessage>{finished(FinishReason::kLength, 2)});
    desk.send(StreamAttach{{1}, kOther, 0, 100});  // Too late: the ledger answers.
    CHECK(desk.seen[kOther].terminals.size() == 1);
  }

  TEST_CASE("one route that is detached from a draining and an evicted stream at once") {
    StreamTableConfig config = Desk::make_config();
    config.retention.max_streams = 1;
    Desk desk(config);
    desk.open(1, 1);
    desk.tokens(1, 0, {5, 6});
    desk.open(2, 1);
    desk.tokens(2, 0, {5, 6});
    desk.end(2);
    desk.send(StreamDetach{kRoute});
    desk.send(StreamAttach{{2}, kRoute, 0, 1});
    desk.send(StreamAttach{{1}, kRoute, 0, 1});
    desk.end(1);

    desk.send(StreamDetach{kRoute});

    CHECK(desk.released == std::vector<StreamReleased>{
                               {{2}, true, kPromptTokens}, {{1}, true, kPromptTokens}, {{2}, false, kPromptTokens}});
  }

  TEST_CASE("results are kept for a time") {
    Desk desk;
    desk.open(1);
    desk.end(1);
    CHECK(desk.table.next_timer() == TimePoint{milliseconds(1'000)});
    desk.tick(milliseconds(999));
    CHECK(desk.released.size() == 1);
    desk.tick(milliseconds(1'000));
    CHECK(desk.released.back() == StreamReleased{{1}, false, kPromptTokens});
    CHECK(desk.table.next_timer() == TimePoint::never());
  }

  TEST_CASE("a result larger than the bound is not kept") {
    StreamTableConfig config = Desk::make_config();
    config.retention.max_bytes = 10;
    Desk desk(config);
    desk.open(1);
    desk.end(1);
    CHECK(desk.released == std::vector<StreamReleased>{{{1}, false, kPromptTokens}});
  }

  TEST_CASE("messages for streams that are over are ignored") {
    Desk desk;
    desk.open(1);
    desk.end(1);
    CHECK(desk.end(1).to_ingress.empty());
    CHECK(desk.tokens(1, 0, {5}).to_ingress.empty());
    CHECK(desk.open(1).to_ingress.empty());
    CHECK(desk.send(StreamCredit{{1}, kRoute, 9}).to_ingress.empty());
    CHECK(desk.send(StreamCredit{{9}, kRoute, 9}).to_ingress.empty());
    CHECK(desk.send(StreamDetach{kOther}).to_ingress.empty());
    CHECK(desk.seen[kRoute].terminals.size() == 1);
    CHECK(desk.table.stats().stray_total == 3);
  }
}

}  // namespace
}  // namespace sluice
