#include "pipeline/text/normalizer.h"

#include <doctest/doctest.h>

namespace sluice {
namespace {

TEST_SUITE("pipeline/text/normalizer") {
  TEST_CASE("apply: NFC composes, orders marks, and leaves compatibility characters alone") {
    const Normalizer nfc({Normalization::kNfc});
    CHECK(*nfc.apply("cafe\u0301") == "caf\u00e9");
    CHECK(*nfc.apply("\u1112\u1161\u11ab") == "\ud55c");
    CHECK(*nfc.apply("a\u0301\u0323") == "\u1ea1\u0301");
    CHECK(*nfc.apply("\ufb01") == "\ufb01");
    CHECK(*nfc.apply("\u212b") == "\u00c5");
    CHECK(*nfc.apply(std::string("a\0e\u0301", 5)) == std::string("a\0\u00e9", 4));
    CHECK(nfc.apply("")->empty());
  }

  TEST_CASE("apply: no step changes nothing") {
    const Normalizer none;
    CHECK(none.is_identity());
    CHECK(*none.apply("cafe\u0301") == "cafe\u0301");
  }
}

}  // namespace
}  // namespace sluice
