#include "pipeline/status/status_table.h"

#include <doctest/doctest.h>

#include "tests/pipeline/status/status_samples.h"

namespace sluice {
namespace {

using test::kStatusTime;
using test::sample_status;

TEST_SUITE("pipeline/status/status_table") {
  TEST_CASE("facts, then replicas, stages and standbys") {
    CHECK("\n" + render_status_table(sample_status(), kStatusTime) == R"(
model     storyteller-llama
requests  3 of 64
up        1 of 2 replicas
as of     1 s ago

replica  state  for         epoch  losses  lacks
0        up     2 h 07 min  1      0       -
1        down   3 min 05 s  3      2       stage 3 (layers 3-5) waits for any worker

stage  layers  rank            worker     state                       for         weights  KV cache  losses  failures
0      0-2     head/cpu:0      head       up                          2 h 07 min  4.6 MiB  1.0 MiB   0       0
1.0    3-5     spawn/cpu:0     stage-1.0  up                          2 h 07 min  -        -         0       0
1.1    3-5     worker-a/cpu:0  worker-a   up                          2 h 07 min  -        -         0       0
2      0-2     worker-b/cpu:0  worker-b   loading 1.0 MiB of 4.0 MiB  7 s         -        -         0       0
3      3-5     any/cpu:0       nobody     waiting                     3 min 05 s  -        -         2       1

standby  devices
gpu-box  cuda:0, cpu:0
)");
  }

  TEST_CASE("a worker's words stay in their row") {
    EngineStatus status = sample_status();
    status.replicas[1].lacks = "a\nb\033[2J\x7f";
    const std::string text = render_status_table(status, kStatusTime);
    CHECK(text.find("  a?b?[2J?\n") != std::string::npos);
  }

  TEST_CASE("an engine that has not begun has facts alone, and times never lie in the future") {
    const EngineStatus status{.model = "m", .as_of = kStatusTime + std::chrono::seconds(9), .requests_max = 8};
    CHECK(render_status_table(status, kStatusTime) ==
          "model     m\nrequests  0 of 8, new ones are refused\nup        0 of 0 replicas\nas of     0 s ago\n");
  }
}

}  // namespace
}  // namespace sluice
