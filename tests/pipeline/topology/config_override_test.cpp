#include "pipeline/topology/config_override.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "pipeline/topology/topology_parser.h"

namespace sluice::topology {
namespace {

constexpr const char* kFile = R"([model]
path = "m"
[batcher]
kv_cache = "64MiB"
[[stage]]
layers = "0-2"
[[stage]]
layers = "3-5"
)";

Topology with(const std::vector<std::string>& overrides) {
  const auto topology = parse_topology(kFile, "t.toml", overrides);
  INFO((topology.ok() ? "" : topology.error().message));
  REQUIRE(topology.ok());
  return *topology;
}

std::string error_with(const std::vector<std::string>& overrides) {
  const auto topology = parse_topology(kFile, "t.toml", overrides);
  REQUIRE_FALSE(topology.ok());
  return topology.error().message;
}

}  // namespace

TEST_SUITE("pipeline/topology/config_override") {
  TEST_CASE("values are said anew, in tables that are there or not, the last one counts") {
    const Topology topology = with({"stage.0.layers=0-3", "stage.1.layers=4-5", "ingress.max_requests=8",
                                    "ingress.max_requests=9", "batcher.kv_cache=1MiB", "batcher.prefix_cache=false",
                                    "stage.1.ranks=['head/cpu:0', 'head/cpu:0']", "kernels.path=scalar"});
    CHECK(topology.stages[0].num_layers == 4);
    CHECK(topology.stages[1].first_layer == 4);
    CHECK(topology.stages[1].ranks.size() == 2);
    CHECK(topology.ingress.max_requests == 9);
    CHECK(topology.batcher.kv_cache_bytes == 1'048'576);
    CHECK_FALSE(topology.batcher.prefix_cache);
    CHECK(topology.kernels.path == "scalar");
  }

  TEST_CASE("a list grows by its next place, a text stays one even if it looks like a number") {
    const Topology topology = with({"stage.1.layers=3", "stage.2.layers='4-5'"});
    REQUIRE(topology.stages.size() == 3);
    CHECK(topology.stages[1].num_layers == 1);
    CHECK(topology.stages[2].num_layers == 2);
  }

  TEST_CASE("mistakes name the --set that made them") {
    CHECK(error_with({"batcher.max_sequences=8", "batcher.max_seqences=8"}) ==
          "t.toml:--set 2: unknown key 'max_seqences' in [batcher]; the nearest known key is 'max_sequences'");
    CHECK(error_with({"batcher.max_sequences=0"}) ==
          "t.toml:--set 1: [batcher] max_sequences is 0, allowed are 1 to 65536");
    CHECK(error_with({"stage.7.layers=0"}) == "t.toml:--set 1: there is no place 'stage.7'");
    CHECK(error_with({"model.path.x=1"}) == "t.toml:--set 1: there is no place 'model.path.x'");
    CHECK(error_with({"batcher..x=1"}).starts_with("t.toml:--set 1: there is no place 'batcher.'"));
    CHECK(error_with({"max_sequences"}) ==
          "t.toml:--set 1: 'max_sequences' is not KEY=VALUE, such as 'batcher.max_sequences=8'");
    CHECK(error_with({"a.b.c.d.e.f.g.h.i=1"}) == "t.toml:--set 1: no key has so many parts");
    CHECK(error_with({"=1"}).starts_with("t.toml:--set 1: there is no place"));
  }

  TEST_CASE("a value cannot smuggle in further keys") {
    CHECK(error_with({"batcher.max_sequences=8\n[ingress]\nmax_requests=1"}).starts_with("t.toml:--set 1: [batcher]"));
  }
}

}  // namespace sluice::topology
