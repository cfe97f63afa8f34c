#include "transport/curve/key_file.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "tests/support/temp_directory.h"

using namespace sluice;
using namespace sluice::transport;
using std::filesystem::perms;

namespace {

std::filesystem::path private_file(const test::TempDirectory& folder, std::string_view name, std::string_view text) {
  const auto path = folder.write(name, text);
  std::filesystem::permissions(path, perms::owner_read | perms::owner_write);
  return path;
}

}  // namespace

TEST_SUITE("transport/curve/key_file") {
  TEST_CASE("a pair that was written is read back, the secret is for its owner alone") {
    const test::TempDirectory folder;
    const auto pair = write_new_key_files(folder.path(), "worker-a");
    REQUIRE(pair.ok());
    CHECK(std::filesystem::status(folder.path() / "worker-a.key").permissions() ==
          (perms::owner_read | perms::owner_write));
    const auto secret = read_key_file(folder.path() / "worker-a.key");
    REQUIRE(secret.ok());
    CHECK(secret->public_key == pair->public_key);
    CHECK(to_z85(secret->secret_key) == to_z85(pair->secret_key));
    const auto read = read_public_key_file(folder.path() / "worker-a.pub");
    REQUIRE(read.ok());
    CHECK(*read == pair->public_key);
  }

  TEST_CASE("files that exist are not overwritten, and no half of a pair is left") {
    const test::TempDirectory folder;
    REQUIRE(write_new_key_files(folder.path(), "a").ok());
    const auto before = read_key_file(folder.path() / "a.key");
    CHECK_FALSE(write_new_key_files(folder.path(), "a").ok());
    CHECK(read_key_file(folder.path() / "a.key")->public_key == before->public_key);
    folder.write("b.pub", "mine");
    CHECK_FALSE(write_new_key_files(folder.path(), "b").ok());
    CHECK_FALSE(std::filesystem::exists(folder.path() / "b.key"));
  }

  TEST_CASE("names that are paths, hidden, empty or too long are refused") {
    const test::TempDirectory folder;
    for (const std::string& name : {std::string(), std::string("../a"), std::string("a/b"), std::string(".a"),
                                    std::string("-a"), std::string("a b"), std::string(65, 'a')}) {
      CAPTURE(name);
      CHECK_FALSE(write_new_key_files(folder.path(), name).ok());
    }
    CHECK(write_new_key_files(folder.path(), std::string(64, 'a')).ok());
  }

  TEST_CASE("a secret key that others may read is refused") {
    const test::TempDirectory folder;
    REQUIRE(write_new_key_files(folder.path(), "a").ok());
    const auto path = folder.path() / "a.key";
    for (const perms open : {perms::group_read, perms::others_read, perms::group_write}) {
      std::filesystem::permissions(path, perms::owner_read | perms::owner_write | open);
      const auto read = read_key_file(path);
      REQUIRE_FALSE(read.ok());
      CHECK(read.error().code == ErrorCode::kInvalidConfig);
      CHECK(read.error().message == "the secret key " + path.string() +
                                        " is open to others than its owner: chmod 600 "
                                        "it");
    }
  }

  TEST_CASE("malformed key files: a sentence with the line, and never the key") {
    const test::TempDirectory folder;
    const std::string key = to_z85(generate_key_pair()->secret_key);
    struct Case {
      std::string text;
      std::string sentence;
    };
    for (const Case& one : {
             Case{"", "has no key: it takes a line 'secret KEY NAME'"},
             Case{"# only\n\n  # comments\n", "has no key: it takes a line 'secret KEY NAME'"},
             Case{"\n" + key + " a\n", ":2: is not 'secret KEY NAME'"},
             Case{"public " + key + " a\n", ":1: is a public key, not a secret one"},
             Case{"secret " + key + "\n", ":1: is not 'secret KEY NAME'"},
             Case{"secret " + key + " a b\n", ":1: is not 'secret KEY NAME'"},
             Case{"secret " + key + " ../a\n", ":1: the name has characters beyond [A-Za-z0-9._-]"},
             Case{"secret " + key.substr(3) + " a\n", ": the key is no Z85 of 40 characters (it has 37)"},
             Case{"secret " + key + " a\n\nsecret " + key + " b\n", ":3: is a second key: the file takes one"},
             Case{std::string("secret \0\xff\x80 a\n", 13), ": the key is no Z85 of 40 characters (it has 3)"},
             Case{std::string(5000, '\n'), "has more than 4096 bytes, the limit"},
         }) {
      CAPTURE(one.text);
      const auto read = read_key_file(private_file(folder, "bad.key", one.text));
      REQUIRE_FALSE(read.ok());
      CHECK(read.error().code == ErrorCode::kInvalidConfig);
      CHECK(read.error().message.ends_with(one.sentence));
      CHECK(read.error().message.find("bad.key") != std::string::npos);
      CHECK(read.error().message.find(key) == std::string::npos);
    }
  }

  TEST_CASE("files that are none are refused with their name: absent, a folder, a secret in place of a public key") {
    const test::TempDirectory folder;
    REQUIRE(write_new_key_files(folder.path(), "a").ok());
    CHECK_FALSE(read_key_file(folder.path() / "nothing.key").ok());
    CHECK_FALSE(read_key_file(folder.path()).ok());
    const auto read = read_public_key_file(folder.path() / "a.key");
    REQUIRE_FALSE(read.ok());
    CHECK(read.error().message.ends_with("a.key:2: is a secret key, not a public one"));
  }

  TEST_CASE("blanks, tabs, carriage returns and a missing end of line do not matter") {
    const test::TempDirectory folder;
    const auto pair = generate_key_pair();
    const auto path =
        private_file(folder, "a.key", "# a\r\n\r\n \tsecret\t" + to_z85(pair->secret_key) + "   a\r\n#end");
    REQUIRE(read_key_file(path).ok());
    CHECK(read_key_file(path)->public_key == pair->public_key);
  }
}
