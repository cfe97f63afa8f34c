// What every CPU kernel is given first: how to compute and on which threads.
#pragma once

#include "kernels/cpu/isa_path.h"
#include "kernels/cpu/thread_pool.h"

namespace sluice::kernels {

struct CpuContext {
  IsaPath path = IsaPath::kScalar;  // Must be available on this machine.
  ThreadPool* pool = nullptr;       // Null: the calling thread alone. Not owned.

  // Calls body(begin, end) over [0, count) on the pool's threads (see ThreadPool::run).
  template <class Body>
  void parallel(std::size_t count, std::size_t grain, const Body& body) const {
    if (count == 0) return;
    if (pool == nullptr) return body(std::size_t{0}, count);
    pool->run(count, grain, body);
  }
};

}  // namespace sluice::kernels
