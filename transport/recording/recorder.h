// Writes a recording beside the one who has the messages: that one puts frames into a bounded ring, a thread of the
// recorder's own writes them to the file. Nothing that happens to the file is ever waited for.
//
// What finds the ring full, or cannot be written, is dropped and counted, and a gap record stands where it is missing.
// After a failed write the file is cut back to its last whole record, and the next attempt comes after retry_interval;
// what comes in between is missing too. What was written when the process dies is in the file; a machine that loses
// its power may lose the last seconds (nothing is synced).
//
// Owns:    the file (mode 0600: it has clients' texts and session tokens), the ring, the thread.
// Thread:  one thread calls message() and lost(); stats() any.
// Errors:  start(): kInvalidConfig. Later ones are in the stats.
// Bound:   the ring's entries and bytes; a batch of 1 MiB and one message; the file's size, but for the index.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "transport/frame.h"
#include "transport/recording/encoder.h"

namespace sluice::transport {

struct RecorderLimits {
  std::size_t queue_messages = 16'384;                     // A power of two.
  std::size_t queue_bytes = std::size_t{64} << 20;         // Of frames, plus one.
  std::uint64_t file_bytes_max = std::uint64_t{64} << 30;  // Beyond it everything is missing but the index.
  Duration retry_interval = std::chrono::seconds(1);
};

struct RecorderStats {
  std::uint64_t ingress_total = 0;  // Messages in the file, by link.
  std::uint64_t responses_total = 0;
  std::uint64_t bytes_total = 0;          // Of the file.
  std::uint64_t dropped_queue_total = 0;  // Messages that found the ring full;
  std::uint64_t dropped_write_total = 0;  // that could not be written.
  std::optional<Error> error;             // Why nothing is being written at the moment.
};

class Recorder {
 public:
  // `path`: a file that does not exist yet (or a device); or a folder, which gets a file named after the time. The
  // recording's time starts at `now`. The salt and the time of the header are filled in.
  static Result<std::unique_ptr<Recorder>> start(const std::string& path, RecordingHeader header,
                                                 const RecorderLimits& limits, TimePoint now);
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;
  ~Recorder();  // Writes what is in the ring, and the index.

  const std::string& path() const { return path_; }

  void message(RecordedLink link, std::uint32_t connection, const Frame& frame, TimePoint now);
  void lost(std::uint32_t connection, TimePoint now);

  RecorderStats stats() const;

 private:
  struct Entry {
    std::uint64_t time_us = 0;
    std::uint64_t dropped_before = 0;  // Messages between the last entry and this one.
    std::uint32_t connection = 0;
    RecordedLink link = RecordedLink::kNone;  // None: the connection was lost.
    Frame frame;
  };

  Recorder(std::string path, int fd, RecordingHeader header, const RecorderLimits& limits, TimePoint start);

  void push(Entry entry);
  void wake();

  // The writing thread's.
  void run();
  std::uint64_t encode_batch(std::uint64_t head, std::uint64_t tail);
  void write_batch(std::uint64_t num_messages);
  void finish();
  bool write_all(std::uint64_t file_bytes_max);
  void note_failure(int error_number);

  const std::string path_;
  const int fd_;
  const RecorderLimits limits_;
  const TimePoint start_;
  const SteadyClock clock_;

  std::vector<Entry> ring_;
  std::uint64_t dropped_before_ = 0;  // The caller's.
  std::atomic<std::uint64_t> tail_{0};
  std::atomic<std::uint64_t> head_{0};
  std::atomic<std::uint64_t> queued_bytes_{0};
  std::atomic<std::uint32_t> wakes_{0};
  std::atomic<bool> is_stopping_{false};

  RecordingEncoder encoder_;   // The writing thread's, as what follows.
  std::uint64_t missing_ = 0;  // Messages, before the next one.
  std::uint64_t batch_ingress_ = 0;
  std::uint64_t batch_responses_ = 0;
  std::uint64_t last_time_us_ = 0;
  TimePoint retry_at_;
  bool is_broken_ = false;

  std::atomic<std::uint64_t> ingress_total_{0};
  std::atomic<std::uint64_t> responses_total_{0};
  std::atomic<std::uint64_t> bytes_total_{0};
  std::atomic<std::uint64_t> dropped_queue_total_{0};
  std::atomic<std::uint64_t> dropped_write_total_{0};
  std::atomic<int> error_number_{0};  // 0: none.
  std::thread thread_;
};

}  // namespace sluice::transport
