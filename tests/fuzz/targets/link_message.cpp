// What our own actors send each other: messages of one frame, and a StageBatch whose hidden states follow as a second.
// The first two bytes say how many of the others are the tensor.
#include "tests/fuzz/fuzz_target.h"
#include "transport/codec/link_codec.h"

using namespace sluice::transport;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::size_t tensor_bytes = std::min<std::size_t>(data[0] + 256u * data[1], size - 2);
  Message frames{sluice::fuzz::as_frame(data + 2, size - 2 - tensor_bytes)};
  if (tensor_bytes > 0) frames.push_back(sluice::fuzz::as_frame(data + size - tensor_bytes, tensor_bytes));
  if (const auto message = decode_link_message(frames); message.ok()) {
    SLUICE_CHECK(decode_link_message(encode(*message)).ok());
  }
  return 0;
}
