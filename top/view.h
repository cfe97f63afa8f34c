// What `sluice top` tells of an engine: figures drawn from a window of its metrics (docs/METRICS.md). Pure; strings are
// the engine's, with any bytes. A figure is missing where its metric is, and a rate also before the second scrape.
// Units: seconds, bytes, per second; shares from 0 to 1.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "top/scrape.h"

namespace sluice::top {

using Figure = std::optional<double>;

// By a label's value: only what happened in the window, the most frequent first.
struct Rate {
  std::string name;
  double per_s = 0;
};

struct EngineView {
  std::string model;
  std::string kernels;
  std::string version;
  Figure up;
  Figure epoch;
};

struct ProcessView {
  std::string name;
  Figure resident_bytes;
  Figure open_descriptors;
};

struct RequestsView {
  Figure running, max;
  Figure accepted, finished, failed, refused;
  std::vector<Rate> finished_by_reason, failed_by_code, refused_by_code;
  std::vector<Rate> refused_by_lack;  // Of the overloaded ones.
  Figure queued_prompt_tokens;
  Figure connections;
  Figure clients_cut, connections_muted;
};

struct TokensView {
  Figure prompt, output;
  Figure prefix_hit_share;
  Figure tokenizer_busy_share;
  Figure streams_backlog;
};

struct BatcherView {
  Figure running, waiting, paused;
  Figure steps, steps_in_flight, pipeline_depth;
  Figure tokens_per_step, sequences_per_step;  // Means.
  Figure idle_share;
  Figure preemptions;
  Figure blocks_used, blocks_cached, blocks_capacity;
};

struct LatencyView {
  const char* name = "";
  Figure count;  // Per second.
  Figure p50, p90, p99;
};

struct StageView {
  std::string stage, layers, place;
  Figure busy_share, bubble_share;
  Figure steps, tokens;
  Figure step_p50, step_p99;
};

struct LinkView {
  std::string from, to;
  Figure messages, bytes;
  Figure stalled_share;
  Figure resent;
  Figure unsent, held;  // Messages.
  Figure credit_messages, credit_bytes;
};

struct View {
  Duration window{};  // Zero: one scrape only.
  EngineView engine;
  std::vector<ProcessView> processes;
  RequestsView requests;
  TokensView tokens;
  BatcherView batcher;
  std::vector<LatencyView> latencies;
  std::vector<StageView> stages;  // In the order of the pipeline.
  std::vector<LinkView> links;    // Those that stalled first, then in the order of a request.
};

View make_view(const Window& window);

}  // namespace sluice::top
