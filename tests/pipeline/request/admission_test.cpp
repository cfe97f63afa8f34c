#include "pipeline/request/admission.h"

#include <doctest/doctest.h>

#include <chrono>

namespace sluice {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_SUITE("pipeline/request/admission") {
  TEST_CASE("admission: gives out exactly its credits, and again those that came back") {
    Admission admission(2);

    CHECK(admission.take());
    CHECK(admission.take());
    CHECK_FALSE(admission.take());
    admission.give_back({});
    CHECK(admission.take());
    CHECK_FALSE(admission.take());
    CHECK(admission.taken() == 2);
  }

  TEST_CASE("admission: the retry hint is the mean time between completions, once more for each refused") {
    Admission admission(8);
    CHECK(admission.refuse({}) == Admission::kRetryUnknown_ms);
    for (int i = 0; i < 8; ++i) CHECK(admission.take());
    TimePoint now{};
    for (int i = 0; i < 4; ++i) {
      admission.give_back(now);
      now = now + milliseconds(200);
    }

    CHECK(admission.refuse(now) == 200);
    CHECK(admission.refuse(now) == 400);
    admission.give_back(now);
    CHECK(admission.refuse(now) == 160);  // Five completions in 800 ms.
  }

  TEST_CASE("admission: the retry hint stays between 50 ms and 30 s") {
    Admission admission(64);
    for (int i = 0; i < 64; ++i) CHECK(admission.take());
    for (int i = 0; i < 40; ++i) admission.give_back({});

    CHECK(admission.refuse({}) == 50);
    CHECK(admission.refuse({seconds(100'000)}) == 30'000);
    admission.give_back({seconds(100'000)});
    CHECK(admission.refuse({}) == 50);  // A clock that seems to go back does no harm.
  }
}

}  // namespace
}  // namespace sluice
