#include "pipeline/request/prompt_sizes.h"

#include <doctest/doctest.h>

#include <string>

namespace sluice {
namespace {

Prompt text(std::size_t bytes) {
  return std::string(bytes, 'x');
}

TEST_SUITE("pipeline/request/prompt_sizes") {
  TEST_CASE("token ids count exactly, whatever was learned") {
    PromptSizes sizes;
    sizes.learn(sizes.measure(std::vector<TokenId>(7)), 700);
    CHECK(sizes.measure(std::vector<TokenId>(7)).tokens == 7);
  }

  TEST_CASE("text and chat begin with two bytes per token, rounded up, never none") {
    const PromptSizes sizes;
    CHECK(sizes.measure(text(1000)).tokens == 500);
    CHECK(sizes.measure(text(1001)).tokens == 501);
    CHECK(sizes.measure(text(1)).tokens == 1);
    CHECK(sizes.measure(std::vector<ChatMessage>{{"user", std::string(96, 'x')}, {"", ""}}).tokens == 50);
    CHECK(sizes.measure(std::vector<ChatMessage>{{"", ""}}).tokens == 1);
  }

  TEST_CASE("the ratio follows the lengths that come back, of text and chat apart") {
    PromptSizes sizes;
    for (int n = 0; n < 1'000; ++n) sizes.learn(sizes.measure(text(4'000)), 1'000);
    const auto learned = sizes.measure(text(4'000)).tokens;
    CHECK(learned >= 1'000);
    CHECK(learned <= 1'005);
    CHECK(sizes.measure(std::vector<ChatMessage>{{"", std::string(4'000, 'x')}}).tokens == 2'000);

    // Another kind of text comes, and soon nothing is left of the first.
    for (int n = 0; n < 5'000; ++n) sizes.learn(sizes.measure(text(4'000)), 2'000);
    CHECK(sizes.measure(text(4'000)).tokens == 2'000);
  }

  TEST_CASE("what was not tokenized teaches nothing, no client bends the ratio beyond 1 and 16 bytes per token") {
    PromptSizes sizes;
    sizes.learn(sizes.measure(text(1'000'000)), 0);
    CHECK(sizes.measure(text(1'000)).tokens == 500);
    for (int n = 0; n < 100; ++n) sizes.learn(sizes.measure(text(1'000'000)), 1);
    CHECK(sizes.measure(text(1'600)).tokens == 100);
    for (int n = 0; n < 100; ++n) sizes.learn(sizes.measure(text(1'000)), 4'000'000'000u);
    CHECK(sizes.measure(text(1'600)).tokens == 1'600);
  }
}

}  // namespace
}  // namespace sluice
