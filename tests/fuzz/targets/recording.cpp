// A recording: whole, torn, or anything else. What is read can be read again by its place, and seeking finds no more.
#include "tests/fuzz/fuzz_target.h"
#include "transport/recording/reader.h"

using namespace sluice::transport;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Frame bytes = sluice::fuzz::as_frame(data, size);
  auto reader = RecordingReader::open(std::make_unique<MemorySource>(bytes.bytes()));
  if (!reader.ok()) return 0;
  std::uint64_t num_messages = 0;
  std::uint64_t read_bytes = 0;
  while (const auto item = reader->next()) {
    const auto* message = std::get_if<RecordedMessage>(&*item);
    if (message == nullptr) continue;
    ++num_messages;
    read_bytes += message->frame.size();
    SLUICE_CHECK(reader->read_message(message->offset).has_value());
  }
  SLUICE_CHECK_LE(read_bytes, size);
  SLUICE_CHECK_LE(reader->end().torn_bytes, size);
  auto again = RecordingReader::open(std::make_unique<MemorySource>(bytes.bytes()));
  again->seek(0);
  std::uint64_t num_again = 0;
  while (const auto item = again->next()) num_again += std::holds_alternative<RecordedMessage>(*item) ? 1 : 0;
  SLUICE_CHECK_LE(num_again, num_messages);
  return 0;
}
