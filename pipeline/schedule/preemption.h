// Whether preempting helps.
#pragma once

#include <span>

#include "pipeline/kv_cache/block_pool.h"
#include "pipeline/schedule/scheduler_config.h"
#include "pipeline/schedule/sequence.h"

namespace sluice {

// Whether a waiting sequence would find its blocks once all of `running` had let go of theirs. Blocks that they share
// with others stay used, which does not matter where the waiting one would use them too.
bool has_blocks_without(std::span<Sequence* const> running, const Sequence& waiting, const BlockPool& pool,
                        const SchedulerConfig& config);

}  // namespace sluice
