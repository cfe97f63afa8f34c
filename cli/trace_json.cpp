#include "cli/trace_json.h"

#include <algorithm>
#include <compare>
#include <map>
#include <vector>

#include <nlohmann/json.hpp>

namespace sluice::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kProcess = 1;  // The format wants one.

// In the order in which they are shown.
enum class TrackKind { kRequest, kBatcher, kStage, kResponder };

struct Track {
  TrackKind kind = TrackKind::kRequest;
  std::uint16_t stage = 0;

  friend auto operator<=>(const Track&, const Track&) = default;
};

Track track_of(const TraceSpan& span) {
  switch (span.kind) {
    case TraceKind::kPrefillStep:
    case TraceKind::kDecodeStep: return {TrackKind::kBatcher, 0};
    case TraceKind::kReceive:
    case TraceKind::kCompute: return {TrackKind::kStage, span.stage};
    case TraceKind::kSend: return {TrackKind::kResponder, 0};
    default: return {TrackKind::kRequest, 0};
  }
}

std::string name_of(const Track& track) {
  switch (track.kind) {
    case TrackKind::kRequest: return "request";
    case TrackKind::kBatcher: return "batcher";
    case TrackKind::kStage: return "stage " + std::to_string(track.stage);
    case TrackKind::kResponder: return "responder";
  }
  return {};
}

Json event_of(const TraceSpan& span, int thread) {
  Json args = Json::object();
  if (span.step != 0) args["step"] = span.step;
  if (span.tokens != 0) args["tokens"] = span.tokens;
  if (span.batch_tokens != 0) args["batch_tokens"] = span.batch_tokens;
  return {{"name", to_string(span.kind)}, {"ph", "X"},       {"ts", span.start_us},
          {"dur", span.duration_us},      {"pid", kProcess}, {"tid", thread},
          {"args", std::move(args)}};
}

Json name_event(const char* what, int thread, const std::string& name) {
  return {{"name", what}, {"ph", "M"}, {"pid", kProcess}, {"tid", thread}, {"args", {{"name", name}}}};
}

// The spans of one track, by start, on as few lanes as leave none overlapping.
std::vector<std::vector<TraceSpan>> lanes_of(std::vector<TraceSpan> spans) {
  std::stable_sort(spans.begin(), spans.end(),
                   [](const TraceSpan& a, const TraceSpan& b) { return a.start_us < b.start_us; });
  std::vector<std::vector<TraceSpan>> lanes;
  for (const TraceSpan& span : spans) {
    const auto free = std::find_if(lanes.begin(), lanes.end(), [&](const std::vector<TraceSpan>& lane) {
      return lane.back().duration_us <= span.start_us - lane.back().start_us;
    });
    if (free == lanes.end()) {
      lanes.push_back({span});
    } else {
      free->push_back(span);
    }
  }
  return lanes;
}

}  // namespace

std::string trace_json(const Finished& finished) {
  std::map<Track, std::vector<TraceSpan>> tracks;
  for (const TraceSpan& span : finished.trace.spans) tracks[track_of(span)].push_back(span);

  Json events = Json::array();
  events.push_back(name_event("process_name", 0, "request " + finished.request_id));
  int thread = 0;
  for (const auto& [track, spans] : tracks) {
    const auto lanes = lanes_of(spans);
    for (std::size_t lane = 0; lane < lanes.size(); ++lane) {
      ++thread;
      const std::string suffix = lane == 0 ? "" : " (" + std::to_string(lane + 1) + ")";
      events.push_back(name_event("thread_name", thread, name_of(track) + suffix));
      Json order = name_event("thread_sort_index", thread, "");
      order["args"] = {{"sort_index", thread}};
      events.push_back(std::move(order));
      for (const TraceSpan& span : lanes[lane]) events.push_back(event_of(span, thread));
    }
  }
  const Json json = {{"displayTimeUnit", "ms"},
                     {"otherData",
                      {{"request_id", finished.request_id},
                       {"reason", to_string(finished.reason)},
                       {"dropped_spans", finished.trace.num_dropped}}},
                     {"traceEvents", std::move(events)}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace sluice::cli
