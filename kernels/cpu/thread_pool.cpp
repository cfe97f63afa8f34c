#include "kernels/cpu/thread_pool.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <system_error>

namespace sluice::kernels {
namespace {

// In the lower half of claim_: no chunk of the job may be claimed any more, and the job's fields may be rewritten.
constexpr std::uint32_t kClosed = 0xffffffffu;

// Tens of microseconds: longer than the serial work between two kernels of a step, shorter than a scheduler tick.
constexpr int kSpins = 1000;

std::uint64_t claim_word(std::uint32_t generation, std::uint32_t chunk) {
  return (static_cast<std::uint64_t>(generation) << 32) | chunk;
}

void spin_once() {
#if defined(SLUICE_KERNELS_X86)
  __builtin_ia32_pause();
#endif
}

// Waits until `word` differs from `seen`: spins a while, then sleeps.
void wait_for_change(const std::atomic<std::uint32_t>& word, std::uint32_t seen) {
  for (int i = 0; i < kSpins; ++i) {
    if (word.load(std::memory_order_acquire) != seen) return;
    spin_once();
  }
  word.wait(seen, std::memory_order_acquire);
}

void raise_own_nice(int nice) {
  const auto thread = static_cast<id_t>(syscall(SYS_gettid));
  if (getpriority(PRIO_PROCESS, thread) >= nice) return;
  // Raising one's own nice value is always allowed, and a failure would cost latency, not correctness.
  setpriority(PRIO_PROCESS, thread, nice);
}

}  // namespace

Result<std::unique_ptr<ThreadPool>> ThreadPool::create(const ThreadPoolOptions& options) {
  if (options.threads < 1 || options.threads > kMaxThreads) {
    return Error{ErrorCode::kInvalidConfig, "a thread pool of " + std::to_string(options.threads) +
                                                " threads, allowed are 1 to " + std::to_string(kMaxThreads)};
  }
  if (options.worker_nice < 0 || options.worker_nice > 19) {
    return Error{ErrorCode::kInvalidConfig,
                 "nice value " + std::to_string(options.worker_nice) + " for compute threads, allowed are 0 to 19"};
  }
  std::unique_ptr<ThreadPool> pool(new ThreadPool);
  pool->claim_.store(claim_word(0, kClosed), std::memory_order_relaxed);
  pool->workers_.reserve(options.threads - 1);
  try {
    for (std::size_t i = 1; i < options.threads; ++i) {
      pool->workers_.emplace_back([raw = pool.get(), nice = options.worker_nice] {
        pthread_setname_np(pthread_self(), "sluice-compute");
        raise_own_nice(nice);
        raw->worker_loop();
      });
    }
  } catch (const std::system_error& error) {
    return Error{ErrorCode::kInternal,
                 "cannot start " + std::to_string(options.threads) + " compute threads: " + error.what()};
  }
  return pool;
}

ThreadPool::~ThreadPool() {
  stopping_.store(true, std::memory_order_relaxed);
  generation_.fetch_add(1, std::memory_order_release);
  generation_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::run_shared(std::size_t count, std::size_t grain, Call call, const void* context) {
  // Chunk numbers have 32 bits, the last of them being kClosed.
  grain = std::max({grain, std::size_t{1}, count / 0x7fffffffu + 1});
  const auto chunks = static_cast<std::uint32_t>((count + grain - 1) / grain);
  const std::uint32_t generation = generation_.load(std::memory_order_relaxed) + 1;

  // claim_ is closed here. A straggler may still read these fields, in halves even; its claim then fails, for the
  // release stores order the closing of the previous job before what it has read.
  call_.store(call, std::memory_order_release);
  context_.store(context, std::memory_order_release);
  count_.store(count, std::memory_order_release);
  grain_.store(grain, std::memory_order_release);
  chunks_left_.store(chunks, std::memory_order_relaxed);
  claim_.store(claim_word(generation, 0), std::memory_order_release);
  generation_.store(generation, std::memory_order_release);
  generation_.notify_all();

  take_chunks(generation);
  for (std::uint32_t left = chunks_left_.load(std::memory_order_acquire); left != 0;
       left = chunks_left_.load(std::memory_order_acquire)) {
    wait_for_change(chunks_left_, left);
  }
  claim_.store(claim_word(generation, kClosed), std::memory_order_seq_cst);
}

void ThreadPool::worker_loop() {
  std::uint32_t seen = 0;
  while (true) {
    wait_for_change(generation_, seen);
    seen = generation_.load(std::memory_order_acquire);
    if (stopping_.load(std::memory_order_relaxed)) return;
    take_chunks(seen);
  }
}

void ThreadPool::take_chunks(std::uint32_t generation) {
  std::uint64_t claim = claim_.load(std::memory_order_acquire);
  while (true) {
    const auto chunk = static_cast<std::uint32_t>(claim);
    if (static_cast<std::uint32_t>(claim >> 32) != generation || chunk == kClosed) return;
    const Call call = call_.load(std::memory_order_acquire);
    const void* context = context_.load(std::memory_order_acquire);
    const std::size_t count = count_.load(std::memory_order_acquire);
    const std::size_t grain = grain_.load(std::memory_order_acquire);
    const std::size_t begin = chunk * grain;
    if (begin >= count) return;
    // Success proves that the job was open all the while, hence that the fields above belong together.
    if (!claim_.compare_exchange_weak(claim, claim_word(generation, chunk + 1), std::memory_order_acq_rel,
                                      std::memory_order_acquire)) {
      continue;
    }
    call(context, begin, std::min(begin + grain, count));
    if (chunks_left_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      chunks_left_.notify_all();
      return;
    }
    claim = claim_.load(std::memory_order_acquire);
  }
}

}  // namespace sluice::kernels
