// Attention over entries cut into items that threads take one at a time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

#include "kernels/attention/attention_entry.h"

namespace sluice::kernels {

// A run of tokens of one entry, for one of `parts` groups of heads.
struct EntryItem {
  const AttentionEntry* entry = nullptr;
  std::size_t first_row = 0;  // Of the entry's first token in the batch.
  std::size_t part = 0;
  // Tokens of the entry.
  std::size_t begin = 0;
  std::size_t end = 0;
};

class EntryItems {
 public:
  EntryItems(std::span<const AttentionEntry> entries, std::size_t parts, std::size_t tokens_per_item)
      : entries_(entries), parts_(parts), tokens_per_item_(tokens_per_item) {
    for (const AttentionEntry& entry : entries) count_ += items_of(entry);
  }

  std::size_t count() const { return count_; }
  std::size_t parts() const { return parts_; }

  // Item `index` < count(). Of an entry the tokens of later positions, which cost most, come first.
  EntryItem at(std::size_t index) const {
    EntryItem item{.entry = entries_.data()};
    for (; index >= items_of(*item.entry); ++item.entry) {
      index -= items_of(*item.entry);
      item.first_row += item.entry->num_tokens;
    }
    const std::size_t last_run = items_of(*item.entry) / parts_ - 1;
    item.part = index % parts_;
    item.begin = (last_run - index / parts_) * tokens_per_item_;
    item.end = std::min<std::size_t>(item.begin + tokens_per_item_, item.entry->num_tokens);
    return item;
  }

 private:
  std::size_t items_of(const AttentionEntry& entry) const {
    return parts_ * ((entry.num_tokens + tokens_per_item_ - 1) / tokens_per_item_);
  }

  std::span<const AttentionEntry> entries_;
  std::size_t parts_;
  std::size_t tokens_per_item_;
  std::size_t count_ = 0;
};

}  // namespace sluice::kernels
