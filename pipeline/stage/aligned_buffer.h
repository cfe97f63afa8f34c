// Memory that is allocated once and used for the life of a stage: scratch of the layers, keys and values.
//
// Owns:   the memory, aligned to 64 bytes, not initialised.
// Errors: allocate() -> kInvalidConfig where the machine has not that much. More than its physical memory is refused at
//         once: the system would promise it, and kill the process when it is touched.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/process_usage.h"

namespace sluice {

template <class T>
class AlignedBuffer {
 public:
  static constexpr std::size_t kAlignmentBytes = 64;

  AlignedBuffer() = default;

  // `what` names the purpose in the error.
  static Result<AlignedBuffer> allocate(const char* what, std::size_t rows, std::size_t columns) {
    std::size_t bytes = 0;
    void* memory = nullptr;
    if (!__builtin_mul_overflow(rows, columns, &bytes) && !__builtin_mul_overflow(bytes, sizeof(T), &bytes) &&
        bytes <= physical_memory_bytes()) {
      memory = std::aligned_alloc(kAlignmentBytes, (bytes / kAlignmentBytes + 1) * kAlignmentBytes);
    }
    if (memory == nullptr) {
      return Error{ErrorCode::kInvalidConfig, "no memory for " + std::string(what) + ": " + std::to_string(rows) +
                                                  " x " + std::to_string(columns) + " elements of " +
                                                  std::to_string(sizeof(T)) + " bytes"};
    }
    AlignedBuffer buffer;
    buffer.memory_.reset(static_cast<T*>(memory));
    return buffer;
  }

  T* data() const { return memory_.get(); }

 private:
  struct Free {
    void operator()(T* memory) const { std::free(memory); }
  };
  std::unique_ptr<T, Free> memory_;
};

}  // namespace sluice
