// A hash table from 64-bit keys to small values: one array, linear probing, no deletion. Merges and tries are looked up
// once per byte of text; node-based maps cost a cache miss more each time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sluice {

template <class Value>
class FlatMap64 {
 public:
  static constexpr std::uint64_t kNoKey = ~std::uint64_t{0};  // May not be inserted.

  // Inserts, or replaces the value.
  void insert(std::uint64_t key, Value value) {
    if ((size_ + 1) * 2 > slots_.size()) grow();
    Slot& slot = slots_[slot_of(key)];
    if (slot.key == kNoKey) ++size_;
    slot = {key, value};
  }

  void reserve(std::size_t num_keys) {
    while (slots_.size() < num_keys * 2) grow();
  }

  // Null if absent. Valid until the next insert.
  const Value* find(std::uint64_t key) const {
    if (slots_.empty()) return nullptr;
    const Slot& slot = slots_[slot_of(key)];
    return slot.key == key ? &slot.value : nullptr;
  }

  std::size_t size() const { return size_; }

 private:
  struct Slot {
    std::uint64_t key = kNoKey;
    Value value{};
  };

  // Of the key, or the free one where it would go.
  std::size_t slot_of(std::uint64_t key) const {
    const std::uint64_t mixed = (key ^ (key >> 32)) * 0x9E3779B97F4A7C15ULL;
    std::size_t i = static_cast<std::size_t>(mixed >> 20) & (slots_.size() - 1);
    while (slots_[i].key != key && slots_[i].key != kNoKey) i = (i + 1) & (slots_.size() - 1);
    return i;
  }

  void grow() {
    std::vector<Slot> old(slots_.empty() ? 16 : slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.key != kNoKey) slots_[slot_of(slot.key)] = slot;
    }
  }

  std::vector<Slot> slots_;  // A power of two, at most half full.
  std::size_t size_ = 0;
};

}  // namespace sluice
