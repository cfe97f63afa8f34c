// How a stage's time rides along with a micro-batch that is traced: from stage to stage, and with the result to the
// batcher. What a stage computes does not know of it.
#pragma once

#include <utility>

#include "base/messages/pipeline.h"

namespace sluice {

// `out`: what the stage made of `batch`, a StageBatch or a StepResult. Takes the times out of `batch`.
template <class Output>
void add_stage_time(StageBatch& batch, const StageTime& time, Output& out) {
  if (!batch.is_traced) return;
  if constexpr (requires { out.is_traced; }) out.is_traced = true;
  out.stage_times = std::move(batch.stage_times);
  if (out.stage_times.size() < kStageTimesMax) out.stage_times.push_back(time);
}

}  // namespace sluice
