#include "kernels/cpu/isa_path.h"

#include <doctest/doctest.h>

namespace sluice::kernels {
namespace {

TEST_SUITE("kernels/cpu/isa_path") {
  TEST_CASE("parse_isa_path: auto is the best path and the best path is available") {
    CHECK(parse_isa_path("auto").value() == best_isa_path());
    CHECK(is_available(best_isa_path()));
    CHECK(available_isa_paths().front() == IsaPath::kScalar);
  }

  TEST_CASE("parse_isa_path: reads what to_string writes and refuses what the machine lacks") {
    for (IsaPath path : {IsaPath::kScalar, IsaPath::kAvx2, IsaPath::kAvx512}) {
      const Result<IsaPath> parsed = parse_isa_path(to_string(path));
      CHECK(parsed.ok() == is_available(path));
      if (parsed.ok()) CHECK(parsed.value() == path);
      if (!parsed.ok()) CHECK(parsed.error().message.find("not available") != std::string::npos);
    }
  }

  TEST_CASE("parse_isa_path: an unknown name is an invalid config that lists the known ones") {
    const Result<IsaPath> parsed = parse_isa_path("neon");
    REQUIRE_FALSE(parsed.ok());
    CHECK(parsed.error().code == ErrorCode::kInvalidConfig);
    CHECK(parsed.error().message == "unknown kernel path \"neon\", known are auto, avx512, avx2 and scalar");
  }
}

}  // namespace
}  // namespace sluice::kernels
