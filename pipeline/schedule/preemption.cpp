#include "pipeline/schedule/preemption.h"

#include <unordered_map>

namespace sluice {

bool has_blocks_without(std::span<Sequence* const> running, const Sequence& waiting, const BlockPool& pool,
                        const SchedulerConfig& config) {
  std::unordered_map<BlockId, std::uint32_t> users_less;
  std::uint32_t available = pool.num_available();
  for (const Sequence* sequence : running) {
    for (const BlockId block : sequence->blocks.all()) {
      if (++users_less[block] == pool.num_users(block)) ++available;
    }
  }
  for (const BlockId block : waiting.blocks.find_shared(waiting.reusable_tokens(config), waiting.spec.tenant)) {
    const auto less = users_less.find(block);
    if (pool.num_users(block) > (less == users_less.end() ? 0 : less->second)) ++available;  // Used, and stays so.
  }
  return pool.blocks_for(waiting.tokens_to_admit()) <= available;
}

}  // namespace sluice
