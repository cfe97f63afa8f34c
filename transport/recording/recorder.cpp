#include "transport/recording/recorder.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <limits>
#include <system_error>
#include <utility>

#include "base/check.h"

namespace sluice::transport {

namespace {

constexpr std::size_t kBatchBytes = std::size_t{1} << 20;

std::uint64_t unix_us() {
  const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(since_1970).count());
}

Error cannot_record(const std::string& path, const std::string& why) {
  return {ErrorCode::kInvalidConfig, "cannot record to '" + path + "': " + why};
}

// "20260203-040506.123456.rec", UTC.
std::string file_name(std::uint64_t time_us) {
  const auto seconds = static_cast<std::time_t>(time_us / 1'000'000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  const std::size_t size = std::strftime(text, sizeof text, "%Y%m%d-%H%M%S", &parts);
  const std::string fraction = std::to_string(1'000'000 + time_us % 1'000'000).substr(1);
  return std::string(text, size) + "." + fraction + ".rec";
}

Result<int> open_new(const std::string& path) {
  struct stat status {};
  const bool is_device = stat(path.c_str(), &status) == 0 && S_ISCHR(status.st_mode);
  const int flags = O_WRONLY | O_CLOEXEC | (is_device ? 0 : O_CREAT | O_EXCL);
  const int fd = ::open(path.c_str(), flags, 0600);
  if (fd >= 0) return fd;
  if (errno == EEXIST) return cannot_record(path, "it exists, and a recording is never overwritten");
  return cannot_record(path, std::generic_category().message(errno));
}

}  // namespace

Result<std::unique_ptr<Recorder>> Recorder::start(const std::string& path, RecordingHeader header,
                                                  const RecorderLimits& limits, TimePoint now) {
  header.started_unix_us = unix_us();
  SLUICE_CHECK_EQ(getrandom(&header.salt, sizeof header.salt, 0), static_cast<ssize_t>(sizeof header.salt));
  std::error_code ignored;  // What cannot be looked at cannot be opened either.
  std::string file = path;
  if (std::filesystem::is_directory(path, ignored)) {
    file = (std::filesystem::path(path) / file_name(header.started_unix_us)).string();
  }
  const Result<int> fd = open_new(file);
  if (!fd.ok()) return fd.error();
  return std::unique_ptr<Recorder>(new Recorder(std::move(file), *fd, std::move(header), limits, now));
}

Recorder::Recorder(std::string path, int fd, RecordingHeader header, const RecorderLimits& limits, TimePoint start)
    : path_(std::move(path)),
      fd_(fd),
      limits_(limits),
      start_(start),
      ring_(limits.queue_messages),
      encoder_(std::move(header)),
      retry_at_(start) {
  SLUICE_CHECK(std::has_single_bit(ring_.size()));
  thread_ = std::thread([this] { run(); });
}

Recorder::~Recorder() {
  is_stopping_.store(true, std::memory_order_release);
  wake();
  thread_.join();
  close(fd_);
}

void Recorder::message(RecordedLink link, std::uint32_t connection, const Frame& frame, TimePoint now) {
  SLUICE_CHECK(link != RecordedLink::kNone);
  const auto time = std::chrono::duration_cast<std::chrono::microseconds>(now - start_).count();
  push({static_cast<std::uint64_t>(std::max<std::int64_t>(time, 0)), 0, connection, link, frame});
}

void Recorder::lost(std::uint32_t connection, TimePoint now) {
  const auto time = std::chrono::duration_cast<std::chrono::microseconds>(now - start_).count();
  push({static_cast<std::uint64_t>(std::max<std::int64_t>(time, 0)), 0, connection, RecordedLink::kNone, {}});
}

void Recorder::push(Entry entry) {
  const std::uint64_t tail = tail_.load(std::memory_order_relaxed);
  const std::uint64_t bytes = entry.frame.size();
  if (tail - head_.load(std::memory_order_acquire) >= ring_.size() ||
      queued_bytes_.load(std::memory_order_relaxed) > limits_.queue_bytes || bytes > kRecordPayloadBytesMax) {
    ++dropped_before_;
    dropped_queue_total_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  entry.dropped_before = std::exchange(dropped_before_, 0);
  ring_[tail & (ring_.size() - 1)] = std::move(entry);
  queued_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  tail_.store(tail + 1, std::memory_order_release);
  wake();
}

void Recorder::wake() {
  wakes_.fetch_add(1, std::memory_order_release);
  wakes_.notify_one();
}

RecorderStats Recorder::stats() const {
  RecorderStats stats;
  stats.ingress_total = ingress_total_.load(std::memory_order_relaxed);
  stats.responses_total = responses_total_.load(std::memory_order_relaxed);
  stats.bytes_total = bytes_total_.load(std::memory_order_relaxed);
  stats.dropped_queue_total = dropped_queue_total_.load(std::memory_order_relaxed);
  stats.dropped_write_total = dropped_write_total_.load(std::memory_order_relaxed);
  if (const int number = error_number_.load(std::memory_order_relaxed); number != 0) {
    stats.error =
        Error{ErrorCode::kUnavailable, "cannot write '" + path_ + "': " + std::generic_category().message(number)};
  }
  return stats;
}

// ---- the writing thread ---------------------------------------------------------------------------------------------

void Recorder::run() {
  // A limit on the file's size is an error of the write, not the end of the program; others' signals are others'.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  write_batch(0);  // The header.
  for (;;) {
    const std::uint32_t wakes = wakes_.load(std::memory_order_acquire);
    const bool is_stopping = is_stopping_.load(std::memory_order_acquire);
    const std::uint64_t head = head_.load(std::memory_order_relaxed);
    const std::uint64_t tail = tail_.load(std::memory_order_acquire);
    if (head != tail) {
      write_batch(encode_batch(head, tail));
    } else if (is_stopping) {
      break;
    } else {
      wakes_.wait(wakes, std::memory_order_acquire);
    }
  }
  finish();
}

// Takes entries from the ring into the encoder; how many messages they were.
std::uint64_t Recorder::encode_batch(std::uint64_t head, std::uint64_t tail) {
  encoder_.begin();
  batch_ingress_ = batch_responses_ = 0;
  std::uint64_t gap = missing_;
  std::uint64_t num_messages = 0;
  for (; head != tail && encoder_.bytes().size() < kBatchBytes; ++head) {
    Entry entry = std::move(ring_[head & (ring_.size() - 1)]);
    head_.store(head + 1, std::memory_order_release);
    queued_bytes_.fetch_sub(entry.frame.size(), std::memory_order_relaxed);
    last_time_us_ = entry.time_us;
    missing_ += entry.dropped_before;
    gap += entry.dropped_before;
    if (gap > 0) encoder_.gap(entry.time_us, std::exchange(gap, 0));
    if (entry.link == RecordedLink::kNone) {
      encoder_.lost(entry.time_us, entry.connection);
    } else {
      encoder_.message(entry.time_us, entry.link, entry.connection, entry.frame.bytes());
      ++(entry.link == RecordedLink::kIngress ? batch_ingress_ : batch_responses_);
    }
    ++num_messages;
  }
  return num_messages;
}

void Recorder::write_batch(std::uint64_t num_messages) {
  if (num_messages == 0) encoder_.begin();
  if (write_all(limits_.file_bytes_max)) {
    encoder_.commit();
    missing_ = 0;
    ingress_total_.fetch_add(std::exchange(batch_ingress_, 0), std::memory_order_relaxed);
    responses_total_.fetch_add(std::exchange(batch_responses_, 0), std::memory_order_relaxed);
    bytes_total_.store(encoder_.offset(), std::memory_order_relaxed);
    error_number_.store(0, std::memory_order_relaxed);
  } else {
    encoder_.rollback();
    missing_ += num_messages;
    batch_ingress_ = batch_responses_ = 0;
    dropped_write_total_.fetch_add(num_messages, std::memory_order_relaxed);
  }
}

void Recorder::finish() {
  retry_at_ = clock_.now();  // The last chance.
  encoder_.begin();
  missing_ += dropped_before_;  // The caller is gone, and has left us what was its own.
  if (missing_ > 0) encoder_.gap(last_time_us_, missing_);
  encoder_.end(last_time_us_);
  if (!write_all(std::numeric_limits<std::uint64_t>::max())) return;
  encoder_.commit();
  bytes_total_.store(encoder_.offset(), std::memory_order_relaxed);
}

bool Recorder::write_all(std::uint64_t file_bytes_max) {
  if (is_broken_ || clock_.now() < retry_at_) return false;
  std::span<const std::byte> bytes = encoder_.bytes();
  std::uint64_t offset = encoder_.offset();
  if (bytes.size() > file_bytes_max || offset > file_bytes_max - bytes.size()) {
    note_failure(EFBIG);
    return false;
  }
  while (!bytes.empty()) {
    const ssize_t written = pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      note_failure(written < 0 ? errno : ENOSPC);
      return false;
    }
    bytes = bytes.subspan(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
  return true;
}

// Cut back, so that what comes later follows the last whole record.
void Recorder::note_failure(int error_number) {
  struct stat status {};
  const bool is_file = fstat(fd_, &status) == 0 && S_ISREG(status.st_mode);
  if (is_file && ftruncate(fd_, static_cast<off_t>(encoder_.offset())) != 0) is_broken_ = true;
  error_number_.store(error_number, std::memory_order_relaxed);
  retry_at_ = clock_.now() + limits_.retry_interval;
}

}  // namespace sluice::transport
