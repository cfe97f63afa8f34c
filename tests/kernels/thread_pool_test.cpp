#include "kernels/cpu/thread_pool.h"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <set>

namespace sluice::kernels {
namespace {

std::unique_ptr<ThreadPool> make_pool(std::size_t threads, int nice = 0) {
  return std::move(ThreadPool::create({.threads = threads, .worker_nice = nice})).value();
}

// Runs one chunk on every thread of the pool: each waits until all have begun.
template <class Body>
void on_every_thread(ThreadPool& pool, const Body& body) {
  std::atomic<std::size_t> begun{0};
  pool.run(pool.threads(), 1, [&](std::size_t begin, std::size_t) {
    begun.fetch_add(1);
    while (begun.load() < pool.threads()) std::this_thread::yield();
    body(begin);
  });
}

TEST_SUITE("kernels/cpu/thread_pool") {
  TEST_CASE("run: every index is visited once and chunks keep to the grain") {
    for (std::size_t threads : {1, 2, 3, 5}) {
      const auto pool = make_pool(threads);
      for (std::size_t count : {0, 1, 2, 7, 64, 1009}) {
        for (std::size_t grain : {1, 3, 64, 5000}) {
          std::vector<std::atomic<int>> visits(count);
          std::atomic<bool> is_well_formed{true};

          pool->run(count, grain, [&](std::size_t begin, std::size_t end) {
            if (begin >= end || end > count || (threads > 1 && end - begin > grain)) is_well_formed = false;
            for (std::size_t i = begin; i < end; ++i) visits[i].fetch_add(1);
          });

          CHECK(is_well_formed.load());
          bool once = true;
          for (const auto& visit : visits) once = once && visit.load() == 1;
          CHECK(once);
        }
      }
    }
  }

  TEST_CASE("run: thousands of short jobs in a row lose no chunk and see each other's writes") {
    const auto pool = make_pool(3);
    std::vector<std::uint64_t> sums(10, 0);
    std::uint64_t expected = 0;

    for (std::uint64_t job = 0; job < 20000; ++job) {
      const std::size_t count = 1 + job % sums.size();
      pool->run(count, 1 + job % 2, [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) sums[i] += job;
      });
      expected += job * count;
    }

    std::uint64_t total = 0;
    for (std::uint64_t sum : sums) total += sum;
    CHECK(total == expected);
  }

  TEST_CASE("run: the caller and all workers take part and workers have their nice value") {
    const auto pool = make_pool(3, 10);
    std::vector<std::thread::id> ids(3);
    std::vector<int> nice(3);

    on_every_thread(*pool, [&](std::size_t i) {
      ids[i] = std::this_thread::get_id();
      nice[i] = getpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)));
    });

    CHECK(std::set<std::thread::id>(ids.begin(), ids.end()).size() == 3);
    for (std::size_t i = 0; i < 3; ++i) {
      if (ids[i] != std::this_thread::get_id()) CHECK(nice[i] >= 10);
    }
  }

  TEST_CASE("run: one thread stays on the calling thread in one call") {
    const auto pool = make_pool(1);
    int calls = 0;

    pool->run(100, 7, [&](std::size_t begin, std::size_t end) {
      ++calls;
      CHECK(begin == 0);
      CHECK(end == 100);
    });

    CHECK(calls == 1);
  }

  TEST_CASE("create: refuses no threads, too many, and nice values out of range") {
    CHECK(ThreadPool::create({.threads = 0}).error().code == ErrorCode::kInvalidConfig);
    CHECK(ThreadPool::create({.threads = 1025}).error().message ==
          "a thread pool of 1025 threads, allowed are 1 to 1024");
    CHECK(ThreadPool::create({.threads = 1, .worker_nice = 20}).error().code == ErrorCode::kInvalidConfig);
    CHECK(ThreadPool::create({.threads = 1, .worker_nice = -1}).error().code == ErrorCode::kInvalidConfig);
  }
}

}  // namespace
}  // namespace sluice::kernels
