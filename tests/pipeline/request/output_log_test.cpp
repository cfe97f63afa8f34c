#include "pipeline/request/output_log.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/pipeline/request/message_book.h"

namespace sluice {
namespace {

using test::ids_of;
using test::storyteller_tokenizer;

OutputLog make_log(std::vector<std::string> stop = {}) {
  return OutputLog::create(storyteller_tokenizer(), std::move(stop)).value();
}

StreamTokens from(std::uint64_t first_index, std::vector<TokenId> ids) {
  return {{1}, first_index, std::move(ids), {}};
}

// The text of all tokens, read in pieces of one.
std::string text_of(const OutputLog& log) {
  std::string text;
  for (std::uint64_t i = 0; i < log.num_certain(); ++i) text += log.read(i, i + 1).text;
  return text;
}

TEST_SUITE("pipeline/request/output_log") {
  TEST_CASE("append: without stop strings every token is certain, with the text it contributed") {
    OutputLog log = make_log();
    const std::vector<TokenId> ids = ids_of("Once upon a time there was a fox");
    for (std::size_t i = 0; i < ids.size(); ++i) {
      CHECK_FALSE(log.append(from(i, {ids[i]})).value());
      CHECK(log.num_certain() == i + 1);
      CHECK(log.read(i, i + 1).text == storyteller_tokenizer().token_bytes(ids[i]));
    }
    CHECK_FALSE(log.finish());
    CHECK(text_of(log) == "Once upon a time there was a fox");
    CHECK(log.read(0, ids.size()) == Tokens{"", 0, ids, "Once upon a time there was a fox", {}});
    CHECK_FALSE(log.has_rest());
  }

  TEST_CASE("append: a character belongs to the token that completes it, an incomplete end is the rest") {
    const std::vector<TokenId> ids = ids_of("\xF0\x9F\xA6\x8A");
    REQUIRE(ids.size() > 1);
    OutputLog log = make_log();
    CHECK(log.append(from(0, ids)).ok());
    CHECK(log.read(0, ids.size() - 1).text == "");
    CHECK(log.read(ids.size() - 1, ids.size()).text == "\xF0\x9F\xA6\x8A");

    OutputLog cut = make_log();
    CHECK(cut.append(from(0, {ids[0]})).ok());
    CHECK_FALSE(cut.has_rest());
    cut.finish();
    CHECK(cut.has_rest());
    CHECK(cut.read(0, 1).text == "\xEF\xBF\xBD");
    CHECK(cut.read(1, 1) == Tokens{"", 1, {}, "\xEF\xBF\xBD", {}});
  }

  TEST_CASE("append: tokens that could become part of a stop string wait, and come with their text when they do not") {
    const std::vector<TokenId> ids = ids_of("a time there was");
    OutputLog log = make_log({" time that"});
    CHECK_FALSE(log.append(from(0, ids)).value());
    CHECK(log.num_certain() == ids.size());
    CHECK(text_of(log) == "a time there was");

    OutputLog waiting = make_log({" time that"});
    const std::vector<TokenId> part = ids_of("a time th");
    CHECK_FALSE(waiting.append(from(0, part)).value());
    CHECK(waiting.num_certain() < part.size());
    CHECK(waiting.read(0, waiting.num_certain()).text == "a");
    CHECK_FALSE(waiting.finish());
    CHECK(waiting.num_certain() == part.size());
    CHECK(text_of(waiting) == "a time th");
  }

  TEST_CASE("append: a match ends the output before it and drops the tokens that overran") {
    const std::vector<TokenId> ids = ids_of("Once upon a time there was a fox");
    OutputLog log = make_log({" there"});

    CHECK(log.append(from(0, ids)).value());

    CHECK(log.is_over());
    CHECK(log.num_tokens() == ids_of("Once upon a time").size());
    CHECK(log.num_certain() == log.num_tokens());
    CHECK(text_of(log) == "Once upon a time");
  }

  TEST_CASE("append: what is there already is skipped, a gap is an error") {
    const std::vector<TokenId> ids = ids_of("Once upon a time");
    OutputLog log = make_log();
    CHECK(log.append(from(0, {ids[0], ids[1]})).ok());
    CHECK(log.append(from(0, {ids[0], ids[1]})).ok());
    CHECK(log.append(from(1, {ids[1], ids[2]})).ok());
    CHECK(log.num_tokens() == 3);
    CHECK(log.append(from(4, {ids[3]})).error().code == ErrorCode::kInternal);
    CHECK(log.num_tokens() == 3);
  }

  TEST_CASE("append: log-probabilities come for every token or for none") {
    OutputLog log = make_log();
    StreamTokens two = from(0, {5, 6});
    two.logprobs = {{-1.0f, {}, 0}};
    CHECK(log.append(two).error().code == ErrorCode::kInternal);
    two.logprobs = {{-1.0f, {}, 0}, {-2.0f, {}, 0}};
    CHECK(log.append(two).ok());
    CHECK(log.append(from(2, {7})).error().code == ErrorCode::kInternal);
    CHECK(log.read(1, 2).logprobs == std::vector<TokenLogprobs>{{-2.0f, {}, 0}});
  }

  TEST_CASE("message_end: alternatives count as much as tokens, and one token is always taken") {
    OutputLog plain = make_log();
    CHECK(plain.append(from(0, {5, 6, 7, 8})).ok());
    CHECK(plain.message_end(0, 4, 3) == 3);
    CHECK(plain.message_end(2, 4, 3) == 4);
    CHECK(plain.message_end(1, 2, 3) == 2);

    OutputLog fat = make_log();
    StreamTokens tokens = from(0, {5, 6, 7, 8});
    tokens.logprobs = {{-1.0f, {}, 0}, {-1.0f, {{1, -1.0f}}, 0}, {-1.0f, {{1, -1.0f}, {2, -2.0f}}, 0}, {-1.0f, {}, 0}};
    CHECK(fat.append(tokens).ok());
    CHECK(fat.message_end(0, 4, 3) == 2);
    CHECK(fat.message_end(2, 4, 3) == 3);
    CHECK(fat.message_end(2, 4, 4) == 4);
    CHECK(fat.message_end(2, 4, 1) == 3);
    CHECK(fat.message_end(4, 4, 1) == 4);
  }

  TEST_CASE("create: stop strings that no ingress lets through are an error") {
    CHECK_FALSE(OutputLog::create(storyteller_tokenizer(), {""}).ok());
  }
}

}  // namespace
}  // namespace sluice
