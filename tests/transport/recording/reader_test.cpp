#include "transport/recording/reader.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "base/random.h"
#include "tests/support/temp_directory.h"
#include "tests/transport/recording/support.h"

namespace sluice::transport {
namespace {

ReadResult require_read(const Bytes& bytes) {
  auto result = read_bytes(bytes);
  REQUIRE(result.has_value());
  return *std::move(result);
}

Error open_error(const Bytes& bytes) {
  const auto reader = RecordingReader::open(std::make_unique<MemorySource>(bytes));
  REQUIRE_FALSE(reader.ok());
  return reader.error();
}

std::size_t header_size() {
  Bytes header;
  append_recording_header(known_header(), header);
  return header.size();
}

// Every message that came out is one that went in, in their order.
bool is_subsequence(const std::vector<RecordedMessage>& read, const std::vector<KnownMessage>& written) {
  std::size_t at = 0;
  for (const RecordedMessage& message : read) {
    while (at < written.size() && !written[at].is(message)) ++at;
    if (at++ == written.size()) return false;
  }
  return true;
}

TEST_SUITE("transport/recording/reader") {
  TEST_CASE("what was recorded is read: 20 seeds of random messages, header, closed end") {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      const auto written = known_messages(seed, 200);
      const ReadResult read = require_read(encode_recording(written));
      REQUIRE(read.messages.size() == written.size());
      for (std::size_t i = 0; i < written.size(); ++i) CHECK(written[i].is(read.messages[i]));
      CHECK(read.is_whole());
    }
    const Bytes bytes = encode_recording({});
    const auto reader = RecordingReader::open(std::make_unique<MemorySource>(bytes));
    REQUIRE(reader.ok());
    CHECK(reader->header() == known_header());
  }

  TEST_CASE("losses and gaps stand where they were written") {
    RecordingEncoder encoder(known_header());
    encoder.begin();
    encoder.lost(5, 3);
    encoder.gap(6, 17);
    encoder.end(7);
    auto reader = RecordingReader::open(std::make_unique<MemorySource>(encoder.bytes()));
    REQUIRE(reader.ok());
    auto item = reader->next();
    REQUIRE(item.has_value());
    CHECK(std::get<RecordedLoss>(*item).time_us == 5);
    CHECK(std::get<RecordedLoss>(*item).connection == 3);
    item = reader->next();
    REQUIRE(item.has_value());
    CHECK(std::get<RecordedGap>(*item).time_us == 6);
    CHECK(std::get<RecordedGap>(*item).num_messages == 17);
    CHECK_FALSE(reader->next().has_value());
    CHECK(reader->end().is_closed);
  }

  TEST_CASE("a batch that was rolled back has never been") {
    const auto written = known_messages(1, 3);
    RecordingEncoder encoder(known_header());
    Bytes file;
    for (const KnownMessage& message : written) {
      encoder.begin();
      encoder.gap(1, 5);
      encoder.rollback();
      encoder.begin();
      encoder.message(message.time_us, message.link, message.connection, message.frame.bytes());
      file.insert(file.end(), encoder.bytes().begin(), encoder.bytes().end());
      encoder.commit();
      CHECK(encoder.offset() == file.size());
    }
    encoder.begin();
    encoder.end(9);
    file.insert(file.end(), encoder.bytes().begin(), encoder.bytes().end());
    const ReadResult read = require_read(file);
    CHECK(read.messages.size() == 3);
    CHECK(read.gap_messages == 0);
    CHECK(read.is_whole());
  }

  TEST_CASE("torn at every byte: what is whole before it is read, the torn part is told") {
    const auto written = known_messages(7, 12);
    const Bytes whole = encode_recording(written);
    std::vector<std::size_t> ends;
    for (const RecordedMessage& message : require_read(whole).messages) {
      ends.push_back(message.offset + kRecordHeadBytes + (message.frame.size() + 7) / 8 * 8);
    }
    for (std::size_t size = 0; size < whole.size(); ++size) {
      const Bytes torn(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      if (size < header_size()) {
        CHECK(open_error(torn).code == ErrorCode::kInvalidRequest);
        continue;
      }
      const ReadResult read = require_read(torn);
      const auto expected = std::upper_bound(ends.begin(), ends.end(), size) - ends.begin();
      REQUIRE(read.messages.size() == static_cast<std::size_t>(expected));
      for (std::size_t i = 0; i < read.messages.size(); ++i) REQUIRE(written[i].is(read.messages[i]));
      CHECK(read.damages == 0);
      const std::size_t last = expected == 0 ? header_size() : ends[static_cast<std::size_t>(expected) - 1];
      if (!read.end.is_closed) CHECK(read.end.torn_bytes == size - last);
      // Nothing is lost with the trailer alone: the index is found without it.
      CHECK(read.is_whole() == (size == whole.size() - kTrailerBytes));
    }
  }

  TEST_CASE("every flipped bit is found, costs one message at most, and makes none") {
    const auto written = known_messages(11, 8);
    const Bytes whole = encode_recording(written);
    for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
      Bytes bytes = whole;
      bytes[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
      const auto read = read_bytes(bytes);
      if (bit / 8 < header_size()) {
        REQUIRE_FALSE(read.has_value());
        continue;
      }
      REQUIRE(read.has_value());
      REQUIRE(is_subsequence(read->messages, written));
      REQUIRE(read->messages.size() + 1 >= written.size());
      REQUIRE_FALSE(read->is_whole());
    }
  }

  TEST_CASE("many flipped bits, 500 seeds: nothing is invented, and what is missing is told") {
    const auto written = known_messages(13, 60);
    const Bytes whole = encode_recording(written);
    for (std::uint64_t seed = 0; seed < 500; ++seed) {
      SplitMix64 random(seed);
      Bytes bytes = whole;
      for (std::uint64_t flips = 1 + random.below(30); flips > 0; --flips) {
        const std::uint64_t bit = header_size() * 8 + random.below((whole.size() - header_size()) * 8);
        bytes[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
      }
      const ReadResult read = require_read(bytes);
      REQUIRE(is_subsequence(read.messages, written));
      if (read.end.torn_bytes == 0) REQUIRE(read.messages.size() + read.damaged_records >= written.size());
      if (read.messages.size() < written.size()) REQUIRE_FALSE(read.is_whole());
    }
  }

  TEST_CASE("a recording inside a message, of this file or of another, is no recording") {
    const auto inner = known_messages(17, 5);
    const Bytes inside = encode_recording(inner);  // With the very salt of the outer one.
    FrameBuilder builder(inside.size());
    std::copy(inside.begin(), inside.end(), builder.bytes().begin());
    KnownMessage outer = known_message(17, 0);
    outer.frame = std::move(builder).freeze();
    Bytes bytes = encode_recording({outer, known_message(17, 1)});
    bytes[header_size() + 5] ^= std::byte{1};  // The head of the outer message: the reader has to search.
    const ReadResult read = require_read(bytes);
    REQUIRE(read.messages.size() == 1);
    CHECK(known_message(17, 1).is(read.messages[0]));
    CHECK(read.damaged_records == 1);
  }

  TEST_CASE("another version and other files are refused with a sentence") {
    Bytes bytes = encode_recording({});
    bytes[8] = std::byte{7};
    const Error version = open_error(bytes);
    CHECK(version.code == ErrorCode::kUnsupportedVersion);
    CHECK(version.message == "the recording has format version 7, this program reads 1");
    CHECK(open_error(Bytes(100, std::byte{'x'})).message == "the file is no recording");
    CHECK(open_error({}).message == "the file is no recording");
    const auto missing = RecordingReader::open("no/such.rec");
    REQUIRE_FALSE(missing.ok());
    CHECK(missing.error().code == ErrorCode::kNotFound);
    CHECK_FALSE(RecordingReader::open(".").ok());
  }

  TEST_CASE("seek: the same places with the file's index as with one made of a file that lost it") {
    std::vector<KnownMessage> written;
    for (std::uint64_t i = 0; i < 400; ++i) {
      KnownMessage message = known_message(19, i);
      FrameBuilder builder(8192);
      std::fill(builder.bytes().begin(), builder.bytes().end(), static_cast<std::byte>(i));
      message.frame = std::move(builder).freeze();
      written.push_back(std::move(message));
    }
    const Bytes whole = encode_recording(written);
    const Bytes torn(whole.begin(), whole.end() - 1);
    const test::TempDirectory folder;
    const auto path = folder.write("a.rec", {reinterpret_cast<const char*>(whole.data()), whole.size()});
    auto from_file = RecordingReader::open(path.string());
    auto from_torn = RecordingReader::open(std::make_unique<MemorySource>(torn));
    REQUIRE(from_file.ok());
    REQUIRE(from_torn.ok());
    for (const std::size_t first : {0u, 1u, 31u, 32u, 200u, 399u}) {
      from_file->seek(written[first].time_us);
      from_torn->seek(written[first].time_us);
      const ReadResult read = read_all(*from_file);
      CHECK(read.messages.size() >= written.size() - first);
      CHECK(read.messages.size() <= written.size() - first + 2 * kIndexBlockBytes / 8192);
      CHECK(written.back().is(read.messages.back()));
      CHECK(read_all(*from_torn).messages.size() == read.messages.size());
      const auto again = from_file->read_message(read.messages.front().offset);
      REQUIRE(again.has_value());
      CHECK(again->time_us == read.messages.front().time_us);
      CHECK_FALSE(from_file->read_message(read.messages.front().offset + 8).has_value());
    }
  }
}

}  // namespace
}  // namespace sluice::transport
