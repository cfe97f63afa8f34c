#include "transport/curve/curve_address.h"

#include <doctest/doctest.h>

using namespace sluice;
using namespace sluice::transport;

TEST_SUITE("transport/curve/curve_address") {
  TEST_CASE("plain, to bind, and with the server's key: texts and back") {
    PublicKey key;
    key.bytes.fill(0xab);
    for (const CurveAddress& address :
         {CurveAddress{"tcp://127.0.0.1:5", false, {}}, CurveAddress{"tcp://0.0.0.0:*", true, {}},
          CurveAddress{"ipc:///tmp/a#b", true, key}, CurveAddress{"inproc://a", false, {}}}) {
      CAPTURE(to_string(address));
      const auto again = parse_curve_address(to_string(address));
      REQUIRE(again.ok());
      CHECK(*again == address);
    }
    CHECK(bind_address("tcp://a:1", true) == "tcp://a:1#curve");
    CHECK(bind_address("tcp://a:1", false) == "tcp://a:1");
    CHECK(address_of_server("tcp://a:1", key) ==
          "tcp://a:1#curve=abababababababababababababababababababababababababababababababab");
    CHECK(address_of_server(address_of_server("tcp://a:1", PublicKey{}), key) == address_of_server("tcp://a:1", key));
  }

  TEST_CASE("what follows the mark and is no key is refused, nothing within a process is encrypted") {
    for (const char* text : {"tcp://a:1#curve=", "tcp://a:1#curve=ab", "tcp://a:1#curved", "tcp://a:1#curve#curve=0",
                             "inproc://a#curve"}) {
      CAPTURE(text);
      const auto address = parse_curve_address(text);
      REQUIRE_FALSE(address.ok());
      CHECK(address.error().code == ErrorCode::kInvalidConfig);
    }
  }
}
