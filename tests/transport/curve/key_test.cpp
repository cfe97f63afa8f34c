#include "transport/curve/key.h"

#include <doctest/doctest.h>

using namespace sluice;
using namespace sluice::transport;

TEST_SUITE("transport/curve/key") {
  TEST_CASE("a pair survives its texts, and the secret key gives the public one") {
    const auto pair = generate_key_pair();
    REQUIRE(pair.ok());
    const std::string secret = to_z85(pair->secret_key);
    CHECK(secret.size() == kZ85KeyCharacters);
    CHECK(public_key_from_z85(to_z85(pair->public_key)) == pair->public_key);
    CHECK(public_key_from_hex(to_hex(pair->public_key)) == pair->public_key);
    const auto read = secret_key_from_z85(secret);
    REQUIRE(read.has_value());
    const auto again = key_pair_of(*read);
    REQUIRE(again.ok());
    CHECK(again->public_key == pair->public_key);
    CHECK(to_z85(again->secret_key) == secret);
  }

  TEST_CASE("the example of ZeroMQ's RFC 32 reads as its bytes") {
    // Of test vectors: "HelloWorld" is 86 4F D2 6F B5 59 F7 5B.
    std::string text = "HelloWorld";
    text += std::string(30, '0');
    const auto key = public_key_from_z85(text);
    REQUIRE(key.has_value());
    CHECK(to_hex(*key).substr(0, 20) == "864fd26fb559f75b0000");
  }

  TEST_CASE("two pairs differ") {
    CHECK(generate_key_pair()->public_key != generate_key_pair()->public_key);
  }

  TEST_CASE("what is no key is none: length, alphabet, groups beyond 32 bits") {
    const std::string good = to_z85(generate_key_pair()->public_key);
    CHECK_FALSE(public_key_from_z85("").has_value());
    CHECK_FALSE(public_key_from_z85(good.substr(1)).has_value());
    CHECK_FALSE(public_key_from_z85(good + "0").has_value());
    CHECK_FALSE(public_key_from_z85(std::string(40, '#')).has_value());
    for (const char bad : {'"', ' ', '\0', '\x80', '\xff', '~', ',', ';', '\n'}) {
      std::string text = good;
      text[7] = bad;
      CHECK_FALSE(public_key_from_z85(text).has_value());
    }
    const std::string hex = to_hex(generate_key_pair()->public_key);
    CHECK_FALSE(public_key_from_hex(hex.substr(2)).has_value());
    CHECK_FALSE(public_key_from_hex(hex + "00").has_value());
    CHECK_FALSE(public_key_from_hex(std::string(64, 'g')).has_value());
    CHECK_FALSE(public_key_from_hex(std::string(64, 'A')).has_value());
  }
}
