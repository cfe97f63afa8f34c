#include "load/request_source.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

namespace sluice::load {
namespace {

std::vector<TokenId> ids_of(const Generate& request) {
  return std::get<std::vector<TokenId>>(request.prompt);
}

TEST_SUITE("load/request_source") {
  TEST_CASE("request n is the same in whatever order it is asked for, and differs from the others") {
    const RequestSource source({.seed = 7, .vocab = 4096});
    const RequestSource again({.seed = 7, .vocab = 4096});
    const RequestSource other({.seed = 8, .vocab = 4096});
    const Generate fifth = source.request(5);
    for (std::uint64_t number = 0; number < 5; ++number) {
      CHECK(source.request(number) == again.request(number));
      CHECK_FALSE(source.request(number).prompt == fifth.prompt);
    }
    CHECK(again.request(5) == fifth);
    CHECK(fifth.request_id == "5");
    CHECK(fifth.seed.has_value());
    CHECK_FALSE(other.request(5).prompt == fifth.prompt);
    CHECK_FALSE(other.request(5).seed == fifth.seed);
  }

  TEST_CASE("lengths and ids keep within their ranges and reach both ends") {
    const RequestSource source({.vocab = 3, .prompt_tokens = {2, 5}, .output_tokens = {7, 8}});
    std::set<std::size_t> inputs;
    std::set<std::uint32_t> outputs;
    std::set<TokenId> ids;
    for (std::uint64_t number = 0; number < 200; ++number) {
      const Generate request = source.request(number);
      inputs.insert(ids_of(request).size());
      outputs.insert(request.max_tokens);
      for (const TokenId id : ids_of(request)) ids.insert(id);
    }
    CHECK(inputs == std::set<std::size_t>{2, 3, 4, 5});
    CHECK(outputs == std::set<std::uint32_t>{7, 8});
    CHECK(ids == std::set<TokenId>{0, 1, 2});
  }

  TEST_CASE("without a vocabulary prompts are words") {
    const RequestSource source({.prompt_tokens = {5, 5}});
    const auto text = std::get<std::string>(source.request(0).prompt);
    CHECK(std::count(text.begin(), text.end(), ' ') == 4);
    CHECK(text == std::get<std::string>(source.request(0).prompt));
  }

  TEST_CASE("what is said of each request is in each") {
    const RequestSource source({.ignore_eos = false, .deadline_ms = 250, .priority = -3});
    const Generate request = source.request(1);
    CHECK_FALSE(request.ignore_eos);
    CHECK(request.deadline_ms == 250);
    CHECK(request.priority == -3);
    CHECK(RequestSource({}).request(1).ignore_eos);
  }

  TEST_CASE("a file's requests come in order and start over, what it leaves open is drawn") {
    std::vector<RequestRecord> records(2);
    records[0].prompt = "Once";
    records[1].input_tokens = 200;
    records[1].output_tokens = 30;
    const RequestSource source({.vocab = 10, .output_tokens = {5, 5}, .length_scale = 0.1}, records);
    CHECK(source.request(0).prompt == Prompt(std::string("Once")));
    CHECK(source.request(0).max_tokens == 5);
    CHECK(source.request(2).prompt == Prompt(std::string("Once")));
    CHECK(ids_of(source.request(1)).size() == 20);
    CHECK(source.request(1).max_tokens == 3);
    CHECK_FALSE(source.request(1).prompt == source.request(3).prompt);
    const RequestSource tiny({.vocab = 10, .length_scale = 1e-6}, records);
    CHECK(ids_of(tiny.request(1)).size() == 1);
    CHECK(tiny.request(1).max_tokens == 1);
  }

  TEST_CASE("equal block ids are equal tokens, the rest is each request's own") {
    std::vector<RequestRecord> records(2);
    records[0].input_tokens = 1100;
    records[0].blocks = {4, 9};
    records[1].input_tokens = 1100;
    records[1].blocks = {4, 10};
    const RequestSource source({.vocab = 1000}, records);
    const auto first = ids_of(source.request(0));
    const auto second = ids_of(source.request(1));
    const auto first_again = ids_of(source.request(2));
    const auto equal_between = [](const auto& a, const auto& b, std::ptrdiff_t from, std::ptrdiff_t to) {
      return std::equal(a.begin() + from, a.begin() + to, b.begin() + from);
    };
    CHECK(equal_between(first, second, 0, 512));
    CHECK_FALSE(equal_between(first, second, 512, 1024));
    CHECK(equal_between(first, first_again, 0, 1024));
    CHECK_FALSE(equal_between(first, first_again, 1024, 1100));
  }

  TEST_CASE("ranges are read from LEAST..MOST") {
    const auto range = parse_length_range("32..128");
    REQUIRE(range.ok());
    CHECK(*range == LengthRange{32, 128});
    const auto one = parse_length_range("64");
    REQUIRE(one.ok());
    CHECK(*one == LengthRange{64, 64});
    for (const char* bad : {"", "..", "1..", "..2", "2..1", "0..1", "1..1048577", "1...2", "a..b", "-1..2"}) {
      CAPTURE(bad);
      CHECK_FALSE(parse_length_range(bad).ok());
    }
  }
}

}  // namespace
}  // namespace sluice::load
