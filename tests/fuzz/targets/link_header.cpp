// The header of every message on a link.
#include "tests/fuzz/fuzz_target.h"
#include "transport/link/header_codec.h"

using namespace sluice::transport;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Frame frame = sluice::fuzz::as_frame(data, size);
  if (const auto header = decode_header(frame.bytes()); header.ok()) {
    const auto again = decode_header(encode_header(*header).bytes());
    SLUICE_CHECK(again.ok());
    SLUICE_CHECK(*again == *header);
  }
  return 0;
}
