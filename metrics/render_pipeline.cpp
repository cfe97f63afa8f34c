// What batcher and stages tell: queues, batches, blocks, tokens, the time of stages.
#include <algorithm>
#include <string>
#include <utility>

#include "metrics/render_parts.h"

namespace sluice::metrics {

namespace {

using prometheus::MetricType;

// One family of all batchers that have reported: a series of each, labelled where there are several replicas.
class BatcherFamilies {
 public:
  BatcherFamilies(const EngineSnapshot& snapshot, Families& out) : snapshot_(snapshot), out_(out) {}

  template <class ValueOf>
  void counter(const char* name, const char* help, const ValueOf& value_of) {
    add(name, help, MetricType::Counter,
        [&](Labels labels, const BatcherSnapshot& batcher) { out_.add(std::move(labels), value_of(batcher)); });
  }
  template <class ValueOf>
  void gauge(const char* name, const char* help, const ValueOf& value_of) {
    add(name, help, MetricType::Gauge,
        [&](Labels labels, const BatcherSnapshot& batcher) { out_.add(std::move(labels), value_of(batcher)); });
  }
  template <class HistogramOf>
  void histogram(const char* name, const char* help, const HistogramOf& histogram_of) {
    add(name, help, MetricType::Histogram,
        [&](Labels labels, const BatcherSnapshot& batcher) { out_.add(std::move(labels), histogram_of(batcher)); });
  }
  template <class Add>
  void add(const char* name, const char* help, MetricType type, const Add& add_series) {
    out_.begin(name, help, type);
    for (const auto& batcher : snapshot_.batchers) {
      if (batcher) add_series(replica_labels(snapshot_.facts, batcher->replica), *batcher);
    }
  }

 private:
  const EngineSnapshot& snapshot_;
  Families& out_;
};

void render_queues(const EngineSnapshot& snapshot, BatcherFamilies& families, Families& out) {
  using B = BatcherSnapshot;
  families.gauge("sluice_sequences_waiting", "Sequences that wait for a place.",
                 [](const B& batcher) { return batcher.scheduler.waiting; });
  families.gauge("sluice_sequences_running", "Sequences that hold blocks and are scheduled.",
                 [](const B& batcher) { return batcher.scheduler.running; });
  families.gauge("sluice_sequences_draining", "Ended or preempted, with steps in flight.",
                 [](const B& batcher) { return batcher.scheduler.draining; });
  families.gauge("sluice_sequences_paused", "Of the waiting and running ones, those whose client grants no credit.",
                 [](const B& batcher) { return batcher.sequences_paused; });
  families.histogram(
      "sluice_queue_wait_seconds", "From a sequence's arrival to its first place in a micro-batch.",
      [](const B& batcher) -> const auto& { return batcher.counts.queue_wait_us; });
  families.counter("sluice_steps_total", "Micro-batches sent to the first stage.",
                   [](const B& batcher) { return batcher.scheduler.steps_total; });
  families.gauge("sluice_steps_in_flight", "Micro-batches in the pipeline.",
                 [](const B& batcher) { return batcher.scheduler.steps_in_flight; });
  families.gauge("sluice_pipeline_depth", "Micro-batches that may be in flight.",
                 [&](const B& batcher) { return snapshot.facts.replicas[batcher.replica].pipeline_depth; });
  families.histogram(
      "sluice_step_tokens", "Tokens of a micro-batch.",
      [](const B& batcher) -> const auto& { return batcher.counts.step_tokens; });
  families.histogram(
      "sluice_step_sequences", "Sequences of a micro-batch.",
      [](const B& batcher) -> const auto& { return batcher.counts.step_sequences; });
  families.add("sluice_idle_seconds_total", "Nothing was in flight and nothing was there to run.", MetricType::Counter,
               [&](Labels labels, const B& batcher) { out.add_seconds(std::move(labels), batcher.idle_us_total); });
}

// One family of all stages that have reported.
template <class Add>
void for_each_stage(const EngineSnapshot& snapshot, const Add& add) {
  for (std::size_t i = 0; i < snapshot.stages.size(); ++i) {
    if (snapshot.stages[i]) add(Labels{{"stage", snapshot.facts.stages[i].name}}, *snapshot.stages[i]);
  }
}

}  // namespace

Labels replica_labels(const EngineFacts& facts, std::uint32_t replica) {
  if (facts.replicas.size() == 1) return {};
  return {{"replica", std::to_string(replica)}};
}

void render_batchers(const EngineSnapshot& snapshot, Families& out) {
  const auto has_reported = [](const auto& batcher) { return batcher.has_value(); };
  if (std::none_of(snapshot.batchers.begin(), snapshot.batchers.end(), has_reported)) return;
  using B = BatcherSnapshot;
  BatcherFamilies families(snapshot, out);
  families.gauge("sluice_epoch", "Incarnation of the pipeline.", [](const B& batcher) { return batcher.epoch.value; });
  render_queues(snapshot, families, out);
  families.counter("sluice_preemptions_total", "Sequences that had to give up their blocks.",
                   [](const B& batcher) { return batcher.scheduler.preempted_total; });
  families.add("sluice_kv_blocks", "KV blocks; the states add up to the capacity.", MetricType::Gauge,
               [&](const Labels& labels, const B& batcher) {
                 const SchedulerStats& scheduler = batcher.scheduler;
                 const auto add = [&](const char* state, std::uint32_t blocks) {
                   Labels of_state = labels;
                   of_state.push_back({"state", state});
                   out.add(std::move(of_state), blocks);
                 };
                 add("free", scheduler.blocks_free);
                 add("used", scheduler.blocks_total - scheduler.blocks_free - scheduler.blocks_cached);
                 add("cached", scheduler.blocks_cached);
               });
  families.gauge("sluice_kv_blocks_capacity", "KV blocks in all.",
                 [](const B& batcher) { return batcher.scheduler.blocks_total; });
  families.counter("sluice_prompt_tokens_computed_total", "Tokens computed in prompt chunks.",
                   [](const B& batcher) { return batcher.counts.prompt_tokens_total; });
  families.counter("sluice_output_tokens_total", "Output tokens sampled and sent on.",
                   [](const B& batcher) { return batcher.counts.output_tokens_total; });
  families.counter("sluice_prefix_lookup_tokens_total", "Tokens of sequences that looked into the prefix cache.",
                   [](const B& batcher) { return batcher.counts.lookup_tokens_total; });
  families.counter("sluice_prefix_hit_tokens_total", "Tokens that were found in the prefix cache.",
                   [](const B& batcher) { return batcher.scheduler.cached_tokens_total; });
}

void render_stages(const EngineSnapshot& snapshot, Families& out) {
  out.begin("sluice_stage_info", "Always 1.", MetricType::Gauge);
  for (std::size_t i = 0; i < snapshot.facts.stages.size(); ++i) {
    const StageFacts& facts = snapshot.facts.stages[i];
    Labels labels = replica_labels(snapshot.facts, facts.replica);
    labels.insert(
        labels.end(),
        {{"stage", facts.name}, {"layers", facts.layers}, {"place", facts.place}, {"process", facts.process}});
    out.add(std::move(labels), 1);
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
