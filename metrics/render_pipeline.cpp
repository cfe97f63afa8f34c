// What batcher and stages tell: queues, batches, blocks, tokens, the time of stages.
#include <string>

#include "metrics/render_parts.h"

namespace sluice::metrics {

namespace {

using prometheus::MetricType;

void render_queues(const BatcherSnapshot& batcher, const EngineFacts& facts, Families& out) {
  const SchedulerStats& scheduler = batcher.scheduler;
  out.gauge("sluice_sequences_waiting", "Sequences that wait for a place.", scheduler.waiting);
  out.gauge("sluice_sequences_running", "Sequences that hold blocks and are scheduled.", scheduler.running);
  out.gauge("sluice_sequences_draining", "Ended or preempted, with steps in flight.", scheduler.draining);
  out.gauge("sluice_sequences_paused", "Of the waiting and running ones, those whose client grants no credit.",
            batcher.sequences_paused);
  out.histogram("sluice_queue_wait_seconds", "From a sequence's arrival to its first place in a micro-batch.",
                batcher.counts.queue_wait_us);
  out.counter("sluice_steps_total", "Micro-batches sent to the first stage.", scheduler.steps_total);
  out.gauge("sluice_steps_in_flight", "Micro-batches in the pipeline.", scheduler.steps_in_flight);
  out.gauge("sluice_pipeline_depth", "Micro-batches that may be in flight.", facts.pipeline_depth);
  out.histogram("sluice_step_tokens", "Tokens of a micro-batch.", batcher.counts.step_tokens);
  out.histogram("sluice_step_sequences", "Sequences of a micro-batch.", batcher.counts.step_sequences);
  out.seconds("sluice_idle_seconds_total", "Nothing was in flight and nothing was there to run.",
              batcher.idle_us_total);
}

// One family of all stages that have reported.
template <class Add>
void for_each_stage(const EngineSnapshot& snapshot, const Add& add) {
  for (std::size_t i = 0; i < snapshot.stages.size(); ++i) {
    if (snapshot.stages[i]) add(Labels{{"stage", snapshot.facts.stages[i].name}}, *snapshot.stages[i]);
  }
}

}  // namespace

void render_batcher(const BatcherSnapshot& batcher, const EngineFacts& facts, Families& out) {
  const SchedulerStats& scheduler = batcher.scheduler;
  out.gauge("sluice_epoch", "Incarnation of the pipeline.", batcher.epoch.value);
  render_queues(batcher, facts, out);
  out.counter("sluice_preemptions_total", "Sequences that had to give up their blocks.", scheduler.preempted_total);
  out.begin("sluice_kv_blocks", "KV blocks; the states add up to the capacity.", MetricType::Gauge);
  out.add({{"state", "free"}}, scheduler.blocks_free);
  out.add({{"state", "used"}}, scheduler.blocks_total - scheduler.blocks_free - scheduler.blocks_cached);
  out.add({{"state", "cached"}}, scheduler.blocks_cached);
  out.gauge("sluice_kv_blocks_capacity", "KV blocks in all.", scheduler.blocks_total);
  out.counter("sluice_prompt_tokens_computed_total", "Tokens computed in prompt chunks.",
              batcher.counts.prompt_tokens_total);
  out.counter("sluice_output_tokens_total", "Output tokens sampled and sent on.", batcher.counts.output_tokens_total);
  out.counter("sluice_prefix_lookup_tokens_total", "Tokens of sequences that looked into the prefix cache.",
              batcher.counts.lookup_tokens_total);
  out.counter("sluice_prefix_hit_tokens_total", "Tokens that were found in the prefix cache.",
              scheduler.cached_tokens_total);
}

void render_stages(const EngineSnapshot& snapshot, Families& out) {
  out.begin("sluice_stage_info", "Always 1.", MetricType::Gauge);
  for (std::size_t i = 0; i < snapshot.facts.stages.size(); ++i) {
    const StageFacts& facts = snapshot.facts.stages[i];
    out.add({{"stage", facts.name}, {"layers", facts.layers}, {"place", facts.place}, {"process", facts.process}}, 1);
  }
  const auto family = [&](const char* name, const char* help, MetricType type, auto value_of) {
    out.begin(name, help, type);
    for_each_stage(snapshot, [&](Labels labels, const StageStats& stage) { out.add(labels, value_of(stage)); });
  };
  const auto seconds_family = [&](const char* name, const char* help, auto us_of) {
    out.begin(name, help, MetricType::Counter);
    for_each_stage(snapshot, [&](Labels labels, const StageStats& stage) { out.add_seconds(labels, us_of(stage)); });
  };
  family("sluice_stage_steps_total", "Micro-batches computed.", MetricType::Counter,
         [](const StageStats& stage) { return stage.times.steps_total; });
  family("sluice_stage_tokens_total", "Tokens of micro-batches computed.", MetricType::Counter,
         [](const StageStats& stage) { return stage.times.tokens_total; });
  seconds_family("sluice_stage_busy_seconds_total", "From taking a micro-batch to having sent its result.",
                 [](const StageStats& stage) { return stage.times.busy_us_total; });
  seconds_family("sluice_stage_bubble_seconds_total", "Without a micro-batch while the engine had work.",
                 [](const StageStats& stage) { return stage.times.bubble_us_total; });
  family("sluice_stage_step_seconds", "Busy time per micro-batch.", MetricType::Histogram,
         [](const StageStats& stage) { return stage.times.step_us; });
  family("sluice_stage_weights_bytes", "Weights in memory.", MetricType::Gauge,
         [](const StageStats& stage) { return stage.weights_bytes; });
  family("sluice_stage_kv_cache_bytes", "KV cache in memory.", MetricType::Gauge,
         [](const StageStats& stage) { return stage.kv_cache_bytes; });
}

}  // namespace sluice::metrics
