#include "transport/curve/authorized_keys.h"

#include <doctest/doctest.h>

#include "base/random.h"
#include "tests/support/temp_directory.h"

using namespace sluice;
using namespace sluice::transport;

namespace {

PublicKey key_number(std::uint8_t number) {
  PublicKey key;
  key.bytes.fill(number);
  return key;
}

std::string line(const std::string& role, std::uint8_t number, const std::string& name) {
  return role + " public " + to_z85(key_number(number)) + " " + name + "\n";
}

}  // namespace

TEST_SUITE("transport/curve/authorized_keys") {
  TEST_CASE("roles, names, comments and empty lines") {
    const auto keys = parse_authorized_keys(
        "# people\n" + line("client", 1, "alice") + "\n  # and\r\n" + line("worker", 2, "worker-a"), "list");
    REQUIRE(keys.ok());
    CHECK(*keys == AuthorizedKeys{{key_number(1), {KeyRole::kClient, "alice"}},
                                  {key_number(2), {KeyRole::kWorker, "worker-a"}}});
    CHECK(parse_authorized_keys("", "list")->empty());
  }

  TEST_CASE("a name may have two keys, a key has one line") {
    CHECK(parse_authorized_keys(line("worker", 1, "a") + line("worker", 2, "a"), "list")->size() == 2);
    const auto twice = parse_authorized_keys(line("worker", 1, "a") + line("client", 1, "b"), "list");
    REQUIRE_FALSE(twice.ok());
    CHECK(twice.error().message == "list:2: the key is in an earlier line, too");
  }

  TEST_CASE("one bad line is no list: the sentence has file and line") {
    const std::string key = to_z85(key_number(9));
    const std::string good = line("client", 1, "alice");
    const auto complaint = [&](const std::string& bad) {
      const auto keys = parse_authorized_keys(good + "# 2\n" + bad, "list");
      REQUIRE_FALSE(keys.ok());
      CHECK(keys.error().code == ErrorCode::kInvalidConfig);
      CHECK(keys.error().message.find(key) == std::string::npos);
      return keys.error().message;
    };
    CHECK(complaint("admin public " + key + " a") == "list:3: begins with neither 'client' nor 'worker'");
    CHECK(complaint(key + " a") == "list:3: begins with neither 'client' nor 'worker'");
    CHECK(complaint("client " + key + " a") == "list:3: is not 'client public KEY NAME'");
    CHECK(complaint("worker public " + key) == "list:3: is not 'worker public KEY NAME'");
    CHECK(complaint("worker public " + key + " a b") == "list:3: is not 'worker public KEY NAME'");
    CHECK(complaint("client secret " + key + " a") == "list:3: is a secret key: take it out, and make a new pair");
    CHECK(complaint("client public " + key.substr(1) + " a") ==
          "list:3: the key is no Z85 of 40 characters (it has 39)");
    CHECK(complaint("client public " + key + " /a") == "list:3: the name is not 1 to 64 characters of [A-Za-z0-9._-]");
    CHECK(complaint(std::string("client\0public", 13)) == "list:3: begins with neither 'client' nor 'worker'");
  }

  TEST_CASE("too many keys and too large files are refused") {
    std::string text;
    for (std::uint32_t i = 0; i <= kAuthorizedKeysMax; ++i) {
      PublicKey key;
      key.bytes[0] = static_cast<std::uint8_t>(i);
      key.bytes[1] = static_cast<std::uint8_t>(i >> 8);
      text += "client public " + to_z85(key) + " c\n";
    }
    const auto many = parse_authorized_keys(text, "list");
    REQUIRE_FALSE(many.ok());
    CHECK(many.error().message == "list:4097: is key 4097, limit 4096");
    const test::TempDirectory folder;
    const auto large = read_authorized_keys(folder.write("list", std::string(kAuthorizedKeysBytesMax + 1, '#')));
    REQUIRE_FALSE(large.ok());
    CHECK(large.error().message.ends_with("list has more than 524288 bytes, the limit"));
    CHECK_FALSE(read_authorized_keys(folder.path() / "nothing").ok());
  }

  TEST_CASE("hostile bytes: a flipped byte gives an error or a list that differs in nothing but that line") {
    const std::string good = line("client", 1, "alice") + line("worker", 2, "bob") + line("worker", 3, "carol");
    const auto whole = parse_authorized_keys(good, "list");
    SplitMix64 random(17);
    for (int round = 0; round < 20'000; ++round) {
      std::string text = good;
      text[random.below(text.size())] = static_cast<char>(random.below(256));
      const auto keys = parse_authorized_keys(text, "list");
      if (!keys.ok()) continue;
      std::size_t kept = 0;
      for (const auto& [key, owner] : *keys) {
        const auto before = whole->find(key);
        if (before != whole->end() && before->second == owner) ++kept;
      }
      CHECK(kept >= 2);
      CHECK(keys->size() <= 3);
    }
  }
}
