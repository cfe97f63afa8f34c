#include "transport/recording/recorder.h"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "base/random.h"
#include "tests/support/temp_directory.h"
#include "tests/transport/recording/support.h"

namespace sluice::transport {
namespace {

TimePoint at_us(std::uint64_t time_us) {
  return TimePoint{std::chrono::microseconds(time_us)};
}

std::unique_ptr<Recorder> start(const std::string& path, const RecorderLimits& limits = {}) {
  auto recorder = Recorder::start(path, known_header(), limits, {});
  REQUIRE(recorder.ok());
  return *std::move(recorder);
}

void put(Recorder& recorder, const KnownMessage& message) {
  recorder.message(message.link, message.connection, message.frame, at_us(message.time_us));
}

ReadResult read_file(const std::string& path) {
  auto reader = RecordingReader::open(path);
  REQUIRE(reader.ok());
  return read_all(*reader);
}

// Waits until `is_so`: a message more at a time makes the writing thread look again.
template <class Condition>
RecorderStats wait_until(const Recorder& recorder, Condition is_so) {
  for (;;) {
    const RecorderStats stats = recorder.stats();
    if (is_so(stats)) return stats;
    sched_yield();
  }
}

// In a child: records message after message without an end, and tells each on the pipe.
[[noreturn]] void record_until_killed(const std::string& path, std::uint64_t seed, int progress) {
  RecorderLimits limits;
  limits.queue_messages = std::size_t{1} << 18;  // None is dropped.
  auto recorder = Recorder::start(path, known_header(), limits, {});
  if (!recorder.ok()) _exit(1);
  for (std::uint64_t i = 0; i < limits.queue_messages; ++i) {
    put(**recorder, known_message(seed, i));
    const char one = 'x';
    if (write(progress, &one, 1) != 1) break;
  }
  for (;;) pause();
}

// Kills a recording process after `num_messages` of its messages, or a little later.
void record_and_kill(const std::string& path, std::uint64_t seed, std::uint64_t num_messages) {
  int pipe_ends[2];
  REQUIRE(pipe(pipe_ends) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    close(pipe_ends[0]);
    record_until_killed(path, seed, pipe_ends[1]);
  }
  close(pipe_ends[1]);
  char byte = 0;
  for (std::uint64_t i = 0; i < num_messages; ++i) REQUIRE(read(pipe_ends[0], &byte, 1) == 1);
  CHECK(kill(child, SIGKILL) == 0);
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status));
  close(pipe_ends[0]);
}

TEST_SUITE("transport/recording/recorder") {
  TEST_CASE("what it is given is in the file, which is closed and private") {
    const test::TempDirectory folder;
    const std::string path = folder.path() / "a.rec";
    const auto written = known_messages(3, 2000);
    {
      const auto recorder = start(path);
      for (const KnownMessage& message : written) put(*recorder, message);
      recorder->lost(4, at_us(7));
    }
    const ReadResult read = read_file(path);
    REQUIRE(read.messages.size() == written.size());
    for (std::size_t i = 0; i < written.size(); ++i) CHECK(written[i].is(read.messages[i]));
    CHECK(read.losses == 1);
    CHECK(read.is_whole());
    CHECK(std::filesystem::status(path).permissions() ==
          (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
  }

  TEST_CASE("a folder gets a new file each time, a file that exists is refused") {
    const test::TempDirectory folder;
    std::string first;
    {
      const auto recorder = start(folder.path());
      first = recorder->path();
      CHECK(std::filesystem::path(first).parent_path() == folder.path());
      CHECK(start(folder.path())->path() != first);
    }
    const auto again = Recorder::start(first, known_header(), {}, {});
    REQUIRE_FALSE(again.ok());
    CHECK(again.error().code == ErrorCode::kInvalidConfig);
    CHECK(again.error().message == "cannot record to '" + first + "': it exists, and a recording is never overwritten");
    CHECK_FALSE(Recorder::start(folder.path() / "none" / "a.rec", known_header(), {}, {}).ok());
    CHECK(read_file(first).is_whole());
  }

  TEST_CASE("kill -9 at random points, 100 seeds: every message that is complete is read, and none else") {
    const test::TempDirectory folder;
    std::size_t num_read = 0;
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
      const std::string path = folder.path() / (std::to_string(seed) + ".rec");
      record_and_kill(path, seed, 1 + SplitMix64(seed).below(400));
      auto reader = RecordingReader::open(path);
      if (!reader.ok()) {  // Not even the header.
        CHECK(std::filesystem::file_size(path) < 200);
        continue;
      }
      const ReadResult read = read_all(*reader);
      for (std::size_t i = 0; i < read.messages.size(); ++i) REQUIRE(known_message(seed, i).is(read.messages[i]));
      CHECK(read.damages == 0);
      CHECK(read.gap_messages == 0);
      CHECK_FALSE(read.end.is_closed);
      num_read += read.messages.size();
      // What is left is no whole record: it is shorter than the next one.
      const std::uint64_t next_bytes = known_message(seed, read.messages.size()).frame.size();
      CHECK(read.end.torn_bytes < kRecordHeadBytes + (next_bytes + 7) / 8 * 8);
    }
    CHECK(num_read > 0);
  }

  TEST_CASE("what finds the ring full is dropped, counted, and told by the file") {
    const test::TempDirectory folder;
    const std::string path = folder.path() / "a.rec";
    const auto written = known_messages(5, 20'000);
    RecorderLimits limits;
    limits.queue_messages = 4;
    RecorderStats stats;
    {
      const auto recorder = start(path, limits);
      for (const KnownMessage& message : written) put(*recorder, message);
      stats = wait_until(*recorder, [&](const RecorderStats& now) {
        return now.ingress_total + now.responses_total + now.dropped_queue_total == written.size();
      });
    }
    const ReadResult read = read_file(path);
    CHECK(read.gap_messages == stats.dropped_queue_total);
    CHECK(read.messages.size() + read.gap_messages == written.size());
    CHECK(read.is_whole());
  }

  TEST_CASE("a device that is always full: all is counted, nothing waits") {
    RecorderLimits limits;
    limits.retry_interval = Duration::zero();
    const auto recorder = start("/dev/full", limits);
    const auto written = known_messages(5, 100);
    for (const KnownMessage& message : written) put(*recorder, message);
    const RecorderStats stats =
        wait_until(*recorder, [&](const RecorderStats& now) { return now.dropped_write_total == written.size(); });
    CHECK(stats.bytes_total == 0);
    REQUIRE(stats.error.has_value());
    CHECK(stats.error->message == "cannot write '/dev/full': No space left on device");
  }

  TEST_CASE("a disk that is full for a while: the file says what is missing, and goes on when there is room") {
    const test::TempDirectory folder;
    const std::string path = folder.path() / "a.rec";
    rlimit before{};
    REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
    const auto written = known_messages(9, 300);
    RecorderLimits limits;
    limits.retry_interval = Duration::zero();
    RecorderStats stats;
    {
      const auto recorder = start(path, limits);
      const auto total = [](const RecorderStats& now) {
        return now.ingress_total + now.responses_total + now.dropped_write_total;
      };
      for (std::size_t i = 0; i < written.size(); ++i) {
        const rlimit small{20'000, before.rlim_max};
        if (i == 100) REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
        if (i == 200) REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0);
        put(*recorder, written[i]);
        stats = wait_until(*recorder, [&](const RecorderStats& now) { return total(now) == i + 1; });
        if (i == 199) CHECK(stats.error.has_value());
      }
      CHECK_FALSE(stats.error.has_value());
    }
    const ReadResult read = read_file(path);
    CHECK(stats.dropped_write_total > 0);
    CHECK(read.gap_messages == stats.dropped_write_total);
    CHECK(read.messages.size() + read.gap_messages == written.size());
    CHECK(known_message(9, 299).is(read.messages.back()));
    CHECK(read.is_whole());
  }

  TEST_CASE("a file at its size limit is closed all the same") {
    const test::TempDirectory folder;
    const std::string path = folder.path() / "a.rec";
    RecorderLimits limits;
    limits.file_bytes_max = 30'000;
    limits.retry_interval = Duration::zero();
    const auto written = known_messages(9, 1000);
    {
      const auto recorder = start(path, limits);
      for (const KnownMessage& message : written) put(*recorder, message);
    }
    const ReadResult read = read_file(path);
    CHECK(std::filesystem::file_size(path) < 31'000);
    CHECK(read.messages.size() + read.gap_messages == written.size());
    CHECK(read.is_whole());
  }
}

}  // namespace
}  // namespace sluice::transport
