// Texts made during one encoding call, in blocks that never move: views of them stay valid as long as the arena.
#pragma once

#include <deque>
#include <string>
#include <string_view>

namespace sluice {

class TextArena {
 public:
  std::string_view add(std::string_view first, std::string_view second = {}) {
    const std::size_t size_bytes = first.size() + second.size();
    if (blocks_.empty() || blocks_.back().capacity() - blocks_.back().size() < size_bytes) {
      blocks_.emplace_back().reserve(size_bytes < kBlockBytes ? kBlockBytes : size_bytes);
    }
    std::string& block = blocks_.back();
    const std::size_t begin = block.size();
    block += first;
    block += second;
    return std::string_view(block).substr(begin);
  }

 private:
  static constexpr std::size_t kBlockBytes = std::size_t{16} << 10;

  std::deque<std::string> blocks_;
};

}  // namespace sluice
