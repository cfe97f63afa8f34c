// Frame: immutable bytes with shared ownership, the currency between codec, links and sockets.
//
// One ZeroMQ message part is one Frame; a Message is the parts of one multipart message: the first is a Cap'n Proto
// message, the others are tensors. A Frame may own an allocation, or adopt a received zmq_msg_t: nobody needs to know.
// Copying a Frame shares its bytes. Thread-safe like shared_ptr<const T>.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace sluice::transport {

class Frame {
 public:
  static constexpr std::size_t kAlignment = 64;

  Frame() = default;

  // Bytes that somebody else owns, kept alive by `owner`.
  Frame(std::shared_ptr<const void> owner, std::span<const std::byte> bytes)
      : owner_(std::move(owner)), bytes_(bytes) {}

  std::span<const std::byte> bytes() const { return bytes_; }
  std::size_t size() const { return bytes_.size(); }
  const std::shared_ptr<const void>& owner() const { return owner_; }
  bool is_aligned(std::size_t alignment) const {
    return reinterpret_cast<std::uintptr_t>(bytes_.data()) % alignment == 0;
  }

 private:
  std::shared_ptr<const void> owner_;
  std::span<const std::byte> bytes_;
};

// Memory for one Frame, uninitialised, to be filled and then frozen: one allocation, its reference count included.
// Aligned to 64 bytes where it may be a tensor, to 16 where it is small.
class FrameBuilder {
 public:
  explicit FrameBuilder(std::size_t size_bytes)
      : memory_(size_bytes < kSmallBytes ? allocate<16>(size_bytes) : allocate<Frame::kAlignment>(size_bytes)),
        size_bytes_(size_bytes) {}

  std::span<std::byte> bytes() { return {memory_.get(), size_bytes_}; }
  Frame freeze() && {
    const std::span<const std::byte> bytes{memory_.get(), size_bytes_};
    return Frame(std::shared_ptr<const void>(std::move(memory_)), bytes);
  }

 private:
  static constexpr std::size_t kSmallBytes = 1024;

  template <std::size_t alignment>
  static std::shared_ptr<std::byte> allocate(std::size_t size_bytes) {
    struct alignas(alignment) Line {
      std::byte bytes[alignment];
    };
    const auto lines = std::make_shared_for_overwrite<Line[]>(size_bytes / alignment + 1);
    return {lines, lines[0].bytes};
  }

  std::shared_ptr<std::byte> memory_;
  std::size_t size_bytes_;
};

using Message = std::vector<Frame>;

inline std::size_t size_bytes(const Message& message) {
  std::size_t total = 0;
  for (const Frame& frame : message) total += frame.size();
  return total;
}

}  // namespace sluice::transport
