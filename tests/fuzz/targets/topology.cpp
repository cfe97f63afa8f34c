// A topology file, and the plan for the demo model's shape that an accepted one makes.
#include "pipeline/topology/plan.h"
#include "pipeline/topology/topology_parser.h"
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto topology = sluice::topology::parse_topology(sluice::fuzz::as_text(data, size), "fuzz.toml");
  if (!topology.ok()) {
    SLUICE_CHECK(topology.error().message.find("fuzz.toml") != std::string::npos);
    return 0;
  }
  sluice::ModelConfig model;
  model.vocab_size = 4096;
  model.hidden_size = 256;
  model.num_hidden_layers = 6;
  model.max_position_embeddings = 1024;
  model.attention = {.num_attention_heads = 4, .num_key_value_heads = 2, .head_dim = 64};
  model.feed_forward.intermediate_size = 704;
  if (const auto plan = sluice::topology::make_plan(*topology, model); plan.ok()) {
    SLUICE_CHECK(!sluice::topology::render_plan(*plan).empty());
  }
  return 0;
}
