#include "pipeline/topology/topology_schema.h"

#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "pipeline/topology/topology_parser.h"
#include "tests/support/paths.h"

namespace sluice::topology {
namespace {

using Json = nlohmann::json;

// A key of a table at the top of the file.
struct Key {
  std::string table;  // "ingress"
  KeyShape shape;
};

std::vector<Key> keys_of_tables() {
  std::vector<Key> keys;
  for (const KeyShape& table : topology_shape().keys) {
    const auto* inner = std::get_if<TableShape>(&table.value);
    if (inner == nullptr || inner->tables_max != 0) continue;
    for (const KeyShape& key : inner->keys) keys.push_back({table.key, key});
  }
  return keys;
}

// What becomes of a file that says this of one key; the others that its table requires are there.
std::string outcome(const Key& key, const std::string& value) {
  std::vector<std::string> overrides = {"model.weights=mock"};  // Which [mock] is for.
  if (key.table == "record") overrides.push_back("record.path=r");
  if (key.table == "security") overrides.insert(overrides.end(), {"security.key=k", "security.allow=a"});
  overrides.push_back(key.table + "." + key.shape.key + "=" + value);
  const Result<Topology> topology =
      parse_topology("[model]\npath = 'm'\n[[stage]]\nlayers = '0-5'\n", "t.toml", overrides);
  return topology.ok() ? "parsed" : topology.error().message;
}

bool is_out_of_range(const Key& key, const std::string& value) {
  return outcome(key, value).find("allowed are") != std::string::npos;
}

std::string read_file(const std::string& path) {
  std::ifstream file(test::source_path(path));
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_SUITE("pipeline/topology/topology_schema") {
  TEST_CASE("every key of the file says what it means, and only required ones and tables lack a default") {
    std::vector<TableShape> tables = {topology_shape()};
    std::size_t num_keys = 0;
    while (!tables.empty()) {
      const TableShape table = tables.back();
      tables.pop_back();
      for (const KeyShape& key : table.keys) {
        CAPTURE(table.name);
        CAPTURE(key.key);
        if (const auto* inner = std::get_if<TableShape>(&key.value)) {
          tables.push_back(*inner);
          continue;
        }
        ++num_keys;
        CHECK(key.meaning.ends_with("."));
        CHECK(key.is_required == key.default_value.empty());
      }
    }
    CHECK(num_keys > 50);
  }

  TEST_CASE("the ends of each range are allowed and what is beyond them is not") {
    std::size_t num_ranges = 0;
    for (const Key& key : keys_of_tables()) {
      CAPTURE(key.table);
      CAPTURE(key.shape.key);
      std::uint64_t min = 0;
      std::uint64_t max = 0;
      if (const auto* number = std::get_if<WholeNumberShape>(&key.shape.value)) {
        min = number->min;
        max = number->max;
      } else if (const auto* size = std::get_if<SizeShape>(&key.shape.value)) {
        min = size->min;
        max = size->max;
      } else {
        continue;
      }
      if (min == max) continue;  // Others are refused as not supported yet.
      ++num_ranges;
      CHECK_FALSE(is_out_of_range(key, std::to_string(min)));
      CHECK_FALSE(is_out_of_range(key, std::to_string(max)));
      CHECK(is_out_of_range(key, std::to_string(max + 1)));
      if (min > 0) CHECK(is_out_of_range(key, std::to_string(min - 1)));
    }
    CHECK(num_ranges > 20);
  }

  TEST_CASE("each name that the schema offers is read, and so is each default") {
    for (const Key& key : keys_of_tables()) {
      CAPTURE(key.table);
      CAPTURE(key.shape.key);
      if (const auto* choice = std::get_if<ChoiceShape>(&key.shape.value)) {
        for (const std::string& name : choice->names) {
          CHECK(outcome(key, "'" + name + "'") == "parsed");
        }
      }
      if (key.shape.default_value.empty()) continue;
      CHECK(outcome(key, key.shape.default_value) == "parsed");
    }
  }

  TEST_CASE("the JSON Schema has types, ranges, defaults and what is required") {
    const Json schema = Json::parse(render_json_schema(topology_shape()));

    CHECK(schema["$schema"] == "https://json-schema.org/draft/2020-12/schema");
    CHECK(schema["required"] == Json({"model"}));
    CHECK(schema["additionalProperties"] == false);
    CHECK(schema["oneOf"].size() == 2);
    const Json& ingress = schema["properties"]["ingress"]["properties"];
    CHECK(ingress["max_requests"]["type"] == "integer");
    CHECK(ingress["max_requests"]["minimum"] == 1);
    CHECK(ingress["max_requests"]["maximum"] == 65'536);
    CHECK(ingress["max_requests"]["default"] == 256);
    CHECK(ingress["message_bytes_max"]["default"] == "1MiB");
    CHECK(ingress["message_bytes_max"]["anyOf"].size() == 2);
    CHECK(schema["properties"]["model"]["properties"]["dtype"]["enum"] == Json({"f32", "bf16"}));
    CHECK(schema["properties"]["router"]["properties"]["alpha"]["default"] == 0.6);
    CHECK(schema["properties"]["stage"]["items"]["required"] == Json({"layers"}));
    CHECK(schema["properties"]["stage"]["maxItems"] == 256);
    CHECK(schema["properties"]["replica"]["items"]["properties"]["stage"]["type"] == "array");
    CHECK(schema["properties"]["security"]["properties"]["links"]["anyOf"][0]["const"] == "all");
  }

  TEST_CASE("docs/TOPOLOGY.md has the table of keys as it is rendered") {
    const std::string table = render_key_table(topology_shape());
    const std::string document = read_file("docs/TOPOLOGY.md");

    const std::size_t begin = document.find(table.substr(0, table.find('\n')));
    REQUIRE(begin != std::string::npos);
    const std::size_t end = document.find("\n\n", begin);
    REQUIRE(end != std::string::npos);
    CHECK(document.substr(begin, end + 1 - begin) == table);
  }
}

}  // namespace sluice::topology
