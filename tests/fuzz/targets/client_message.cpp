// What clients send, and what engines answer: the codec, and the limits behind it.
#include "pipeline/request/limits.h"
#include "tests/fuzz/fuzz_target.h"
#include "transport/codec/client_codec.h"

using namespace sluice::transport;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Frame frame = sluice::fuzz::as_frame(data, size);
  if (const auto message = decode_client_frame(frame); message.ok()) {
    // Encoded again it decodes: nothing that came in can fail to go out.
    SLUICE_CHECK(decode_client_message(encode(*message)).ok());
    if (const auto* generate = std::get_if<sluice::Generate>(&*message)) {
      const auto checked = sluice::check_generate(*generate, {.vocabulary_tokens = 4096});
      if (!checked.ok()) SLUICE_CHECK(!checked.error().message.empty());
    }
  }
  if (const auto message = decode_server_frame(frame); message.ok()) {
    SLUICE_CHECK(decode_server_message(encode(*message)).ok());
  }
  return 0;
}
