#include "top/view.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <set>
#include <tuple>

namespace sluice::top {

namespace {

// The one series of an info metric that has all of `filter`: its labels.
Labels info(const Window& window, std::string_view name, const Labels& filter = {}) {
  return window.labels(name, filter).value_or(Labels{});
}

std::string label(const Labels& labels, std::string_view name) {
  const auto found = labels.find(name);
  return found == labels.end() ? std::string() : found->second;
}

// Of the window's length; a snapshot more or less in it may give a little more than all.
Figure share_of_time(const Window& window, std::string_view seconds_total, const Labels& filter = {}) {
  const Figure rate = window.rate(seconds_total, filter);
  return rate ? Figure(std::clamp(*rate, 0.0, 1.0)) : Figure();
}

std::vector<Rate> rates_by(const Window& window, std::string_view name, const std::string& by) {
  std::vector<Rate> rates;
  for (const std::string& value : window.label_values(name, by)) {
    const double per_s = window.rate(name, {{by, value}}).value_or(0);
    if (per_s > 0) rates.push_back({value, per_s});
  }
  std::stable_sort(rates.begin(), rates.end(), [](const Rate& a, const Rate& b) { return a.per_s > b.per_s; });
  return rates;
}

// Empty where there is only one.
std::set<std::string> replicas_in(const Window& window) {
  return window.label_values("sluice_epoch", "replica");
}

// Of several replicas that of the one that was lost the most often.
Figure largest_epoch(const Window& window) {
  Figure largest = window.value("sluice_epoch");
  const std::set<std::string> replicas = replicas_in(window);
  if (!replicas.empty()) largest = 0;
  for (const std::string& replica : replicas) {
    largest = std::max(largest, window.value("sluice_epoch", {{"replica", replica}}));
  }
  return largest;
}

EngineView engine_view(const Window& window) {
  const Labels build = info(window, "sluice_build_info");
  return {.model = label(build, "model"),
          .kernels = label(build, "kernels"),
          .version = label(build, "version"),
          .up = window.value("sluice_up"),
          .epoch = largest_epoch(window)};
}

std::vector<ProcessView> process_views(const Window& window) {
  std::vector<ProcessView> views;
  for (const std::string& name : window.label_values("sluice_process_resident_bytes", "process")) {
    const Labels one = {{"process", name}};
    views.push_back({name, window.value("sluice_process_resident_bytes", one),
                     window.value("sluice_process_open_descriptors", one)});
  }
  return views;
}

RequestsView requests_view(const Window& window) {
  return {.running = window.value("sluice_requests_running"),
          .max = window.value("sluice_requests_max"),
          .accepted = window.rate("sluice_requests_accepted_total"),
          .finished = window.rate("sluice_requests_finished_total"),
          .failed = window.rate("sluice_requests_failed_total"),
          .refused = window.rate("sluice_requests_refused_total"),
          .finished_by_reason = rates_by(window, "sluice_requests_finished_total", "reason"),
          .failed_by_code = rates_by(window, "sluice_requests_failed_total", "code"),
          .refused_by_code = rates_by(window, "sluice_requests_refused_total", "code"),
          .refused_by_lack = rates_by(window, "sluice_admission_refused_total", "lack"),
          .queued_prompt_tokens = window.value("sluice_admission_queued_prompt_tokens"),
          .connections = window.value("sluice_ingress_connections"),
          .clients_cut = window.rate("sluice_ingress_clients_cut_total"),
          .connections_muted = window.rate("sluice_ingress_connections_muted_total")};
}

TokensView tokens_view(const Window& window) {
  const Figure looked_up = window.increase("sluice_prefix_lookup_tokens_total");
  const Figure hit = window.increase("sluice_prefix_hit_tokens_total");
  return {.prompt = window.rate("sluice_prompt_tokens_computed_total"),
          .output = window.rate("sluice_output_tokens_total"),
          .prefix_hit_share = looked_up && hit && *looked_up > 0 ? Figure(*hit / *looked_up) : Figure(),
          .tokenizer_busy_share = share_of_time(window, "sluice_tokenizer_busy_seconds_total"),
          .streams_backlog = window.value("sluice_streams_backlog_tokens")};
}

// Of the time of all replicas.
Figure idle_share(const Window& window) {
  const Figure rate = window.rate("sluice_idle_seconds_total");
  const double replicas = std::max(1.0, static_cast<double>(replicas_in(window).size()));
  return rate ? Figure(std::clamp(*rate / replicas, 0.0, 1.0)) : Figure();
}

BatcherView batcher_view(const Window& window) {
  return {.running = window.value("sluice_sequences_running"),
          .waiting = window.value("sluice_sequences_waiting"),
          .paused = window.value("sluice_sequences_paused"),
          .steps = window.rate("sluice_steps_total"),
          .steps_in_flight = window.value("sluice_steps_in_flight"),
          .pipeline_depth = window.value("sluice_pipeline_depth"),
          .tokens_per_step = window.observed("sluice_step_tokens").mean(),
          .sequences_per_step = window.observed("sluice_step_sequences").mean(),
          .idle_share = idle_share(window),
          .preemptions = window.rate("sluice_preemptions_total"),
          .blocks_used = window.value("sluice_kv_blocks", {{"state", "used"}}),
          .blocks_cached = window.value("sluice_kv_blocks", {{"state", "cached"}}),
          .blocks_capacity = window.value("sluice_kv_blocks_capacity")};
}

LatencyView latency_view(const Window& window, const char* name, std::string_view metric) {
  const Distribution observed = window.observed(metric);
  return {.name = name,
          .count = window.rate(metric),
          .p50 = observed.quantile(0.5),
          .p90 = observed.quantile(0.9),
          .p99 = observed.quantile(0.99)};
}

StageView stage_view(const Window& window, const std::string& stage) {
  const Labels one = {{"stage", stage}};
  const Labels about = info(window, "sluice_stage_info", one);
  const Distribution step = window.observed("sluice_stage_step_seconds", one);
  return {.stage = stage,
          .layers = label(about, "layers"),
          .place = label(about, "place"),
          .busy_share = share_of_time(window, "sluice_stage_busy_seconds_total", one),
          .bubble_share = share_of_time(window, "sluice_stage_bubble_seconds_total", one),
          .steps = window.rate("sluice_stage_steps_total", one),
          .tokens = window.rate("sluice_stage_tokens_total", one),
          .step_p50 = step.quantile(0.5),
          .step_p99 = step.quantile(0.99)};
}

std::vector<StageView> stage_views(const Window& window) {
  std::vector<StageView> views;
  for (const std::string& stage : window.label_values("sluice_stage_info", "stage")) {
    views.push_back(stage_view(window, stage));
  }
  // "10" comes after "9".
  std::stable_sort(views.begin(), views.end(), [](const StageView& a, const StageView& b) {
    return std::tuple(a.stage.size(), a.stage) < std::tuple(b.stage.size(), b.stage);
  });
  return views;
}

// Actors in the order in which a request meets them; "stage-10" comes after "stage-9".
auto rank(const std::string& actor) {
  constexpr std::string_view kOrder[] = {"ingress", "tokenizer", "router", "batcher", "stage-", "responder"};
  const auto place = std::find_if(std::begin(kOrder), std::end(kOrder),
                                  [&](std::string_view prefix) { return actor.starts_with(prefix); });
  return std::tuple(place - std::begin(kOrder), actor.size(), actor);
}

// Lines keep their places from picture to picture, unless a link stalls noticeably more or less.
auto rank(const LinkView& link) {
  return std::tuple(-std::floor(10 * link.stalled_share.value_or(0)), rank(link.from), rank(link.to));
}

std::vector<LinkView> link_views(const Window& window) {
  std::vector<LinkView> views;
  for (const std::string& from : window.label_values("sluice_link_sent_messages_total", "from")) {
    for (const std::string& to : window.label_values("sluice_link_sent_messages_total", "to", {{"from", from}})) {
      if (views.size() == Window::kLabelValuesMax) break;
      const Labels one = {{"from", from}, {"to", to}};
      views.push_back({.from = from,
                       .to = to,
                       .messages = window.rate("sluice_link_sent_messages_total", one),
                       .bytes = window.rate("sluice_link_sent_bytes_total", one),
                       .stalled_share = share_of_time(window, "sluice_link_stalled_seconds_total", one),
                       .resent = window.rate("sluice_link_resent_messages_total", one),
                       .unsent = window.value("sluice_link_unsent_messages", one),
                       .held = window.value("sluice_link_held_messages", one),
                       .credit_messages = window.value("sluice_link_credit_messages", one),
                       .credit_bytes = window.value("sluice_link_credit_bytes", one)});
    }
  }
  std::stable_sort(views.begin(), views.end(), [](const LinkView& a, const LinkView& b) { return rank(a) < rank(b); });
  return views;
}

}  // namespace

View make_view(const Window& window) {
  return {.window = window.length(),
          .engine = engine_view(window),
          .processes = process_views(window),
          .requests = requests_view(window),
          .tokens = tokens_view(window),
          .batcher = batcher_view(window),
          .latencies = {latency_view(window, "queue wait", "sluice_queue_wait_seconds"),
                        latency_view(window, "first token", "sluice_time_to_first_token_seconds"),
                        latency_view(window, "between tokens", "sluice_time_between_tokens_seconds"),
                        latency_view(window, "end to end", "sluice_request_seconds")},
          .stages = stage_views(window),
          .links = link_views(window)};
}

}  // namespace sluice::top
