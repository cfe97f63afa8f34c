// What workers and heads send each other.
#include "tests/fuzz/fuzz_target.h"
#include "transport/codec/control_codec.h"

using namespace sluice::transport;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Message frames{sluice::fuzz::as_frame(data, size)};
  if (const auto message = decode_worker_message(frames); message.ok()) {
    SLUICE_CHECK(decode_worker_message(encode(*message)).ok());
  }
  if (const auto message = decode_head_message(frames); message.ok()) {
    SLUICE_CHECK(decode_head_message(encode(*message)).ok());
  }
  return 0;
}
