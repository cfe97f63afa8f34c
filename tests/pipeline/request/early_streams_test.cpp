#include "pipeline/request/early_streams.h"

#include <doctest/doctest.h>

namespace sluice {
namespace {

StreamTokens tokens(std::uint64_t sequence, std::uint64_t first_index, std::size_t count) {
  return {{sequence}, first_index, std::vector<TokenId>(count, 5), {}};
}

StreamEnd end(std::uint64_t sequence) {
  StreamEnd message;
  message.sequence = {sequence};
  message.outcome = FinishReason::kLength;
  return message;
}

TEST_SUITE("pipeline/request/early_streams") {
  TEST_CASE("early_streams: gives back in order what came, once") {
    EarlyStreams early({.max_streams = 2, .max_tokens = 10});
    early.add(tokens(1, 0, 2));
    early.add(tokens(2, 0, 1));
    early.add(tokens(1, 2, 3));
    early.add(end(1));
    early.check_invariants();

    const EarlyStream taken = early.take({1});

    REQUIRE(taken.messages.size() == 3);
    CHECK(std::get<StreamTokens>(taken.messages[0]) == tokens(1, 0, 2));
    CHECK(std::get<StreamTokens>(taken.messages[1]) == tokens(1, 2, 3));
    CHECK(std::get<StreamEnd>(taken.messages[2]) == end(1));
    CHECK_FALSE(taken.is_overrun);
    CHECK(early.take({1}).messages.empty());
    CHECK(early.num_tokens() == 1);
    early.check_invariants();
  }

  TEST_CASE("early_streams: tokens beyond the bound mark their stream, whose end is kept all the same") {
    EarlyStreams early({.max_streams = 2, .max_tokens = 4});
    early.add(tokens(1, 0, 4));
    early.add(tokens(1, 4, 1));
    early.add(end(1));
    early.check_invariants();

    const EarlyStream taken = early.take({1});

    CHECK(taken.is_overrun);
    REQUIRE(taken.messages.size() == 2);
    CHECK(std::holds_alternative<StreamEnd>(taken.messages[1]));
    CHECK(early.num_tokens() == 0);
  }

  TEST_CASE("early_streams: a stream beyond the bound has no place") {
    EarlyStreams early({.max_streams = 1, .max_tokens = 4});
    CHECK(early.add(tokens(1, 0, 1)) != nullptr);
    CHECK(early.add(tokens(2, 0, 1)) == nullptr);
    CHECK(early.add(end(2)) == nullptr);
    CHECK(early.add(end(1)) != nullptr);
    early.check_invariants();
  }
}

}  // namespace
}  // namespace sluice
