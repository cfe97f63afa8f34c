// Fork and join for kernels: the calling thread and its workers share out the indices of one range.
//
// Owns:      the worker threads, which live as long as the pool. threads = 1 starts none and runs everything inline.
// Confined:  run() belongs to one thread at a time (the stage that owns the pool) and must not be nested.
// Sharing:   chunks are claimed as threads come free, so a thread that the system put aside delays nobody. Which thread
//            runs which chunk is left to chance; kernels make sure that no result depends on it.
// Waiting:   workers spin for some tens of microseconds after a job, then sleep. No allocation in run().
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <type_traits>
#include <vector>

#include "base/error.h"

namespace sluice::kernels {

struct ThreadPoolOptions {
  std::size_t threads = 1;  // Including the caller. 1 or more.
  // The workers' nice value (0 to 19), unless they inherit a higher one; the caller sets its own. I/O threads then get
  // ahead of compute.
  int worker_nice = 0;
};

class ThreadPool {
 public:
  // Errors: kInvalidConfig (no threads or more than kMaxThreads, nice out of range), kInternal (the system gives no
  // more threads).
  static Result<std::unique_ptr<ThreadPool>> create(const ThreadPoolOptions& options);

  static constexpr std::size_t kMaxThreads = 1024;

  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool();

  std::size_t threads() const { return workers_.size() + 1; }

  // Calls body(begin, end) for disjoint ranges that cover [0, count), each but the last a multiple of `grain` long.
  // Returns when all have returned; their writes are visible to the caller. `body` must not throw.
  template <class Body>
  void run(std::size_t count, std::size_t grain, const Body& body) {
    static_assert(std::is_invocable_v<const Body&, std::size_t, std::size_t>);
    if (count == 0) return;
    if (workers_.empty() || count <= grain) return body(std::size_t{0}, count);
    run_shared(
        count, grain,
        [](const void* context, std::size_t begin, std::size_t end) {
          (*static_cast<const Body*>(context))(begin, end);
        },
        &body);
  }

 private:
  using Call = void (*)(const void* context, std::size_t begin, std::size_t end);

  ThreadPool() = default;
  void run_shared(std::size_t count, std::size_t grain, Call call, const void* context);
  void worker_loop();
  // Claims and runs chunks of job `generation` until none is left.
  void take_chunks(std::uint32_t generation);

  // The job: written by run_shared() while claim_ is closed.
  std::atomic<Call> call_{nullptr};
  std::atomic<const void*> context_{nullptr};
  std::atomic<std::size_t> count_{0};
  std::atomic<std::size_t> grain_{1};

  // Upper half: generation of the job. Lower half: next unclaimed chunk, or kClosed.
  alignas(64) std::atomic<std::uint64_t> claim_;
  alignas(64) std::atomic<std::uint32_t> chunks_left_{0};
  // The generation again, as a word that sleepers can wait on.
  alignas(64) std::atomic<std::uint32_t> generation_{0};
  std::atomic<bool> stopping_{false};
  std::vector<std::thread> workers_;
};

}  // namespace sluice::kernels
