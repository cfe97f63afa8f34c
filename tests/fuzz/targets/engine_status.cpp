// A status as the endpoint serves it: an accepted one is written and read again as the same, and has a table.
#include "pipeline/status/status_json.h"
#include "pipeline/status/status_table.h"
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const sluice::TimePoint now{std::chrono::seconds(1)};
  const auto status = sluice::parse_status_json(sluice::fuzz::as_text(data, size), now);
  if (!status.ok()) return 0;
  const auto again = sluice::parse_status_json(sluice::render_status_json(*status, now), now);
  SLUICE_CHECK(again.ok());
  SLUICE_CHECK(*again == *status);
  SLUICE_CHECK(!sluice::render_status_table(*status, now).empty());
  return 0;
}
