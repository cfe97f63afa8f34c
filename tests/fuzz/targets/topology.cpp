// A topology file, and the plan for the demo model's shape that an accepted one makes.
#include "pipeline/topology/plan.h"
#include "pipeline/topology/topology_parser.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/pipeline/topology/test_model.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto topology = sluice::topology::parse_topology(sluice::fuzz::as_text(data, size), "fuzz.toml");
  if (!topology.ok()) {
    SLUICE_CHECK(topology.error().message.find("fuzz.toml") != std::string::npos);
    return 0;
  }
  if (const auto plan = sluice::topology::make_plan(*topology, sluice::test::make_model()); plan.ok()) {
    SLUICE_CHECK(!sluice::topology::render_plan(*plan).empty());
  }
  return 0;
}
