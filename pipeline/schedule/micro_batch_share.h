// How much of the work one micro-batch takes, so that all slots of the pipeline cost about the same. The unit of cost
// is a token: of a prompt or of a decode.
#pragma once

#include <algorithm>
#include <cstdint>

#include "pipeline/schedule/scheduler_config.h"

namespace sluice {

struct ScheduledWork {
  std::uint32_t decoding = 0;     // Sequences that decode, those in flight included.
  std::uint32_t ready = 0;        // Of these, not in flight.
  std::uint32_t prompt_left = 0;  // Prompt tokens of running sequences, not planned yet.
  std::uint32_t prompt_in_flight = 0;
  std::uint32_t free_slots = 1;  // Micro-batches that can be sent now.
};

inline std::uint32_t divided_rounded_up(std::uint32_t number, std::uint32_t by) {
  return number / by + (number % by != 0 ? 1 : 0);
}

// Decodes of one micro-batch: its share of all that decode. While prompt chunks are in flight, none is held back for
// the sake of balance, if there is no free slot for it: it would wait for a chunk. The chunks then make up for it.
inline std::uint32_t decode_share(const ScheduledWork& work, const SchedulerConfig& config) {
  const std::uint32_t share = divided_rounded_up(work.decoding, config.pipeline_depth);
  if (work.prompt_in_flight == 0) return share;
  return std::max(share, divided_rounded_up(work.ready, work.free_slots));
}

// Prompt tokens of a micro-batch that has `num_tokens` of decodes: what its share of all work leaves, and at least
// chunk_tokens_min, below which a chunk costs no less time.
inline std::uint32_t prompt_share(const ScheduledWork& work, std::uint32_t num_tokens, const SchedulerConfig& config) {
  const std::uint32_t all = work.decoding + work.prompt_left + work.prompt_in_flight;
  const std::uint32_t share = divided_rounded_up(all, config.pipeline_depth);
  return std::max(config.chunk_tokens_min, share > num_tokens ? share - num_tokens : 0);
}

}  // namespace sluice
