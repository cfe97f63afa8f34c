#include "base/process_usage.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

namespace sluice {
namespace {

TEST_SUITE("base/process_usage") {
  TEST_CASE("an open file is one descriptor more") {
    const ProcessUsage before = read_process_usage();
    CHECK(before.resident_bytes > 0);
    const int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    REQUIRE(file >= 0);
    CHECK(read_process_usage().open_descriptors == before.open_descriptors + 1);
    close(file);
    CHECK(read_process_usage().open_descriptors == before.open_descriptors);
  }
}

}  // namespace
}  // namespace sluice
