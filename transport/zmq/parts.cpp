#include "transport/zmq/parts.h"

#include <cstring>
#include <memory>
#include <utility>

#include "base/check.h"

namespace sluice::transport {
namespace {

// Cap'n Proto reads 8-byte words.
constexpr std::size_t kAlignment = 8;
// Below this, a copy is cheaper than a reference count shared with another thread.
constexpr std::size_t kCopyBytes = 256;

// A received part. Its bytes may lie inside zmq_msg_t itself, so it never moves once its address was given away.
struct ReceivedPart {
  zmq_msg_t part;

  explicit ReceivedPart(zmq_msg_t& source) {
    zmq_msg_init(&part);
    SLUICE_CHECK_EQ(zmq_msg_move(&part, &source), 0);
  }
  ReceivedPart(const ReceivedPart&) = delete;
  ReceivedPart& operator=(const ReceivedPart&) = delete;
  ~ReceivedPart() { zmq_msg_close(&part); }
};

void release_owner(void*, void* hint) {
  delete static_cast<std::shared_ptr<const void>*>(hint);
}

}  // namespace

Frame adopt_part(zmq_msg_t& part) {
  const std::size_t size = zmq_msg_size(&part);
  if (size == 0) return Frame{};
  if (reinterpret_cast<std::uintptr_t>(zmq_msg_data(&part)) % kAlignment != 0 || size < kCopyBytes) {
    FrameBuilder copy(size);
    std::memcpy(copy.bytes().data(), zmq_msg_data(&part), size);
    return std::move(copy).freeze();
  }
  auto received = std::make_shared<ReceivedPart>(part);
  const auto* data = static_cast<const std::byte*>(zmq_msg_data(&received->part));
  return Frame(std::move(received), {data, size});
}

void make_part(zmq_msg_t& part, const Frame& frame) {
  if (frame.size() < kCopyBytes) {
    SLUICE_CHECK_EQ(zmq_msg_init_size(&part, frame.size()), 0);
    if (frame.size() > 0) std::memcpy(zmq_msg_data(&part), frame.bytes().data(), frame.size());
    return;
  }
  auto owner = std::make_unique<std::shared_ptr<const void>>(frame.owner());
  // ZeroMQ wants a mutable pointer and does not write to it.
  auto* data = const_cast<std::byte*>(frame.bytes().data());
  SLUICE_CHECK_EQ(zmq_msg_init_data(&part, data, frame.size(), &release_owner, owner.get()), 0);
  static_cast<void>(owner.release());  // Now release_owner's.
}

}  // namespace sluice::transport
