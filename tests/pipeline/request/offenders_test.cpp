#include "pipeline/request/offenders.h"

#include <doctest/doctest.h>

#include <string>

namespace sluice {
namespace {

TEST_SUITE("pipeline/request/offenders") {
  TEST_CASE("a connection is muted by its last piece of garbage, told once, and nobody else is") {
    Offenders offenders(3);
    CHECK_FALSE(offenders.note_garbage({"a"}));
    CHECK_FALSE(offenders.note_garbage({"a"}));
    CHECK_FALSE(offenders.note_garbage({"b"}));
    CHECK_FALSE(offenders.is_muted({"a"}));
    CHECK(offenders.note_garbage({"a"}));
    CHECK(offenders.is_muted({"a"}));
    CHECK_FALSE(offenders.note_garbage({"a"}));
    CHECK(offenders.is_muted({"a"}));
    CHECK_FALSE(offenders.is_muted({"b"}));
    CHECK_FALSE(offenders.is_muted({"c"}));
  }

  TEST_CASE("a good message makes up for one of garbage, and none for those to come") {
    Offenders offenders(2);
    for (int i = 0; i < 100; ++i) {
      CHECK_FALSE(offenders.note_garbage({"a"}));
      offenders.note_good({"a"});
      offenders.note_good({"a"});
    }
    CHECK(offenders.size() == 0);
    offenders.note_garbage({"a"});
    CHECK(offenders.note_garbage({"a"}));
  }

  TEST_CASE("who comes back on a new connection is another") {
    Offenders offenders(1);
    CHECK(offenders.note_garbage({"a"}));
    offenders.forget({"a"});
    CHECK_FALSE(offenders.is_muted({"a"}));
    CHECK(offenders.note_garbage({"a"}));
  }

  TEST_CASE("more connections than can be watched: the number stays bounded, the newest is watched") {
    Offenders offenders(2);
    for (std::size_t n = 0; n < Offenders::kMaxRoutes + 10; ++n) offenders.note_garbage({std::to_string(n)});
    CHECK(offenders.size() == Offenders::kMaxRoutes);
    CHECK(offenders.note_garbage({std::to_string(Offenders::kMaxRoutes + 9)}));
  }
}

}  // namespace
}  // namespace sluice
