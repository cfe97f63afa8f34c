#include "pipeline/topology/security_section.h"

#include <doctest/doctest.h>

#include "pipeline/topology/topology_parser.h"

namespace sluice::topology {
namespace {

Result<SecurityTopology> parse(const std::string& keys) {
  const auto topology = parse_topology("[model]\npath = 'm'\n[[stage]]\nlayers = '0-5'\n[security]\n" + keys, "t.toml");
  if (!topology.ok()) return topology.error();
  return topology->security;
}

std::string complaint(const std::string& keys) {
  const auto parsed = parse(keys);
  REQUIRE_FALSE(parsed.ok());
  CHECK(parsed.error().code == ErrorCode::kInvalidConfig);
  return parsed.error().message;
}

const std::string kFiles = "key = 'head.key'\nallow = 'authorized_keys'\n";

TEST_SUITE("pipeline/topology/security_section") {
  TEST_CASE("without the table nothing is encrypted, with it, all that leaves this host") {
    CHECK_FALSE(SecurityTopology{}.is_on());
    const auto security = parse(kFiles);
    REQUIRE(security.ok());
    CHECK(security->is_on());
    CHECK(security->key == "head.key");
    CHECK(security->allow == "authorized_keys");
    CHECK((security->ingress && security->control && security->stages && !security->local));
  }

  TEST_CASE("links: all of them, or those that are named") {
    CHECK(parse(kFiles + "links = 'all'\n")->local);
    const auto clients = parse(kFiles + "links = ['ingress']\n");
    CHECK((clients->ingress && !clients->control && !clients->stages && !clients->local));
    const auto workers = parse(kFiles + "links = ['stages', 'control']\n");
    CHECK((!workers->ingress && workers->control && workers->stages));
  }

  TEST_CASE("what is wrong: line, column and what would be right") {
    CHECK(complaint("allow = 'a'\n") == "t.toml:5:1: [security] lacks 'key'");
    CHECK(complaint("key = 'k'\n") == "t.toml:5:1: [security] lacks 'allow'");
    CHECK(complaint("key = ''\n") == "t.toml:6:7: [security] key is empty");
    CHECK(complaint("keys = 'k'\n") == "t.toml:6:1: unknown key 'keys' in [security]; the nearest known key is 'key'");
    CHECK(complaint(kFiles + "links = 'none'\n") ==
          "t.toml:8:9: [security] links takes \"all\" or a list such as [\"ingress\", \"control\"], not a string");
    CHECK(complaint(kFiles + "links = []\n") ==
          "t.toml:8:9: [security] links is empty: leave [security] out to encrypt nothing");
    CHECK(complaint(kFiles + "links = ['stage']\n") ==
          "t.toml:8:10: [security] links has the unknown value 'stage'; the nearest known one is 'stages'");
    CHECK(complaint(kFiles + "links = [1]\n") == "t.toml:8:10: [security] links takes strings, not a whole number");
    CHECK(complaint(kFiles + "links = ['stages']\n") ==
          "t.toml:8:9: [security] links has 'stages' without 'control', over which the keys of stages travel");
  }

  TEST_CASE("paths are relative to the topology file, absolute ones stay") {
    SecurityTopology security;
    resolve_paths("configs", security);
    CHECK(security == SecurityTopology{});
    security.key = "head.key";
    security.allow = "/etc/sluice/keys";
    resolve_paths("configs", security);
    CHECK(security.key == "configs/head.key");
    CHECK(security.allow == "/etc/sluice/keys");
  }
}

}  // namespace
}  // namespace sluice::topology
