// The limits under which a Scheduler works. Frozen once it is built; all counts are 1 or more.
#pragma once

#include <cstdint>
#include <vector>

#include "base/id.h"
#include "pipeline/kv_cache/prefix_index.h"

namespace sluice {

struct SchedulerConfig {
  std::uint32_t max_batch_tokens = 2048;  // Tokens of one micro-batch, over all its entries.
  // Tokens of history in all openings of one micro-batch, unless one alone has more: a message has a limit.
  std::uint32_t max_history_tokens = 1u << 20;
  std::uint32_t chunk_tokens_min = 64;  // A prompt is not cut smaller than this to spread it over the pipeline.
  std::uint32_t max_sequences = 64;     // Running at a time (holding blocks and being scheduled).
  std::uint32_t max_waiting = 1024;     // Beyond these, start() refuses. Preempted ones always find room.
  std::uint32_t block_tokens = 16;      // Token slots of one KV block.
  std::uint32_t num_blocks = 0;         // KV blocks of every stage.
  std::uint32_t pipeline_depth = 1;     // Micro-batches in flight: the number of stages.
  std::uint32_t context_tokens = 0;     // Prompt and output of one sequence.
  std::uint32_t vocab_size = 0;         // Token ids are in [0, vocab_size).
  std::vector<TokenId> eos_ids;         // End a sequence unless it ignores them.
  std::uint32_t ageing_ms = 1000;       // Waiting for so long makes up for one level of priority.
  bool prefix_cache = true;             // Whether sequences find the blocks of others with the same beginning.
  BlockHash block_hash = hash_block;    // Tests of collisions have a weaker one.
};

}  // namespace sluice
