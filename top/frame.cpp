#include "top/frame.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "top/figures.h"
#include "top/tables.h"

namespace sluice::top {

namespace {

constexpr std::size_t kHeadingColumns = 11;

std::size_t bar_columns(std::size_t columns) {
  return columns < 100 ? 10 : 24;
}

// Beyond this share a figure stands out.
constexpr double kBlocksWarning = 0.95;

Line heading(const char* text) {
  return {{left(text, kHeadingColumns), Style::kStrong}};
}

// Adds "  name figure".
void say(Line& line, const char* name, const std::string& figure, Style style = Style::kPlain) {
  line.push_back({(line.size() > 1 ? "   " : "") + std::string(name) + (*name == '\0' ? "" : " "), Style::kFaint});
  line.push_back({figure, style});
}

// "length 12.5, stop 5.00".
std::string parts_text(const std::vector<Rate>& parts) {
  std::string text;
  for (const Rate& part : parts) {
    text += (text.empty() ? "" : ", ") + part.name;
    if (parts.size() > 1) text += " " + rate_text(part.per_s);
  }
  return text;
}

// "19.8/s", with what it is made of.
std::string rate_with_parts(const Figure& rate, const std::vector<Rate>& parts) {
  const std::string text = rate_text(rate) + "/s";
  return parts.empty() ? text : text + " (" + parts_text(parts) + ")";
}

Line title(const View& view, const std::string& source) {
  const EngineView& engine = view.engine;
  Line line = {{"sluice top", Style::kStrong}};
  if (!engine.model.empty()) line.push_back({"   " + engine.model});
  if (engine.up) {
    const bool is_up = *engine.up > 0;
    line.push_back({"   "});
    line.push_back({is_up ? "up" : "TAKES NO REQUESTS", is_up ? Style::kGood : Style::kBad});
  }
  const double seconds = std::chrono::duration<double>(view.window).count();
  line.push_back({seconds > 0 ? "   last " + seconds_text(seconds) : "   first look, no rates yet", Style::kFaint});
  say(line, "epoch", count_text(engine.epoch), is_above(engine.epoch, 1) ? Style::kWarning : Style::kPlain);
  if (!engine.kernels.empty()) say(line, "kernels", engine.kernels);
  line.push_back({"   " + source, Style::kFaint});
  return line;
}

std::vector<Line> request_lines(const View& view, std::size_t columns) {
  const RequestsView& requests = view.requests;
  Line in_flight = heading("requests");
  const double share = requests.max.value_or(0) > 0 ? requests.running.value_or(0) / *requests.max : 0;
  in_flight.push_back({bar(share, 0, bar_columns(columns))});
  say(in_flight, "running", count_text(requests.running) + " of " + count_text(requests.max));
  say(in_flight, "connections", count_text(requests.connections));
  say(in_flight, "queued tokens", count_text(requests.queued_prompt_tokens));
  if (is_above(requests.clients_cut, 0)) {
    say(in_flight, "clients cut", rate_text(requests.clients_cut) + "/s", Style::kWarning);
  }
  if (is_above(requests.connections_muted, 0)) {
    say(in_flight, "muted", rate_text(requests.connections_muted) + "/s", Style::kWarning);
  }
  Line taken = heading("");
  say(taken, "accepted", rate_text(requests.accepted) + "/s");
  say(taken, "refused", rate_with_parts(requests.refused, requests.refused_by_code),
      if_above_zero(requests.refused, Style::kWarning));
  if (!requests.refused_by_lack.empty()) say(taken, "lacking", parts_text(requests.refused_by_lack));
  Line ended = heading("");
  say(ended, "finished", rate_with_parts(requests.finished, requests.finished_by_reason));
  say(ended, "failed", rate_with_parts(requests.failed, requests.failed_by_code),
      if_above_zero(requests.failed, Style::kBad));
  return {in_flight, taken, ended};
}

Line token_line(const TokensView& tokens) {
  Line line = heading("tokens");
  say(line, "output", rate_text(tokens.output) + "/s", Style::kStrong);
  say(line, "prompt", rate_text(tokens.prompt) + "/s");
  say(line, "prefix hits", share_text(tokens.prefix_hit_share));
  say(line, "tokenizer busy", share_text(tokens.tokenizer_busy_share));
  return line;
}

std::vector<Line> batcher_lines(const BatcherView& batcher, const Figure& unread_tokens, std::size_t columns) {
  Line sequences = heading("sequences");
  say(sequences, "running", count_text(batcher.running));
  say(sequences, "waiting", count_text(batcher.waiting));
  say(sequences, "paused", count_text(batcher.paused));
  say(sequences, "preempted", rate_text(batcher.preemptions) + "/s",
      if_above_zero(batcher.preemptions, Style::kWarning));
  say(sequences, "unread", count_text(unread_tokens));
  Line steps = heading("steps");
  say(steps, "",
      rate_text(batcher.steps) + "/s of " + rate_text(batcher.sequences_per_step) + " sequences, " +
          rate_text(batcher.tokens_per_step) + " tokens");
  say(steps, "in flight", count_text(batcher.steps_in_flight) + " of " + count_text(batcher.pipeline_depth));
  say(steps, "idle", share_text(batcher.idle_share));
  Line blocks = heading("blocks");
  const double capacity = batcher.blocks_capacity.value_or(0);
  const double used = capacity > 0 ? batcher.blocks_used.value_or(0) / capacity : 0;
  const double cached = capacity > 0 ? batcher.blocks_cached.value_or(0) / capacity : 0;
  blocks.push_back({bar(used, cached, bar_columns(columns)), used > kBlocksWarning ? Style::kWarning : Style::kPlain});
  say(blocks, "used |", count_text(batcher.blocks_used));
  say(blocks, "cached .", count_text(batcher.blocks_cached));
  say(blocks, "of", count_text(batcher.blocks_capacity));
  return {sequences, steps, blocks};
}

Line process_line(const std::vector<ProcessView>& processes) {
  Line line = heading("memory");
  for (const ProcessView& process : processes) {
    say(line, process.name.c_str(),
        bytes_text(process.resident_bytes) + ", " + count_text(process.open_descriptors) + " descriptors");
  }
  return line;
}

// A table with its heading, in at most `rows`: the last one then tells how many are missing. Nothing at all where there
// is no room for more than that.
std::vector<Line> cut(std::vector<Line> table, std::size_t rows) {
  if (table.size() <= rows) return table;
  if (rows < 3) return {};
  const std::size_t missing = table.size() - (rows - 1);
  table.resize(rows - 1);
  table.push_back({{"... " + std::to_string(missing) + " more", Style::kFaint}});
  return table;
}

void append(std::vector<Line>& lines, std::vector<Line> more) {
  lines.insert(lines.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

}  // namespace

std::vector<Line> make_frame(const View& view, const std::string& source, const std::string& trouble,
                             const FrameSize& size) {
  std::vector<Line> lines = {title(view, source)};
  if (!trouble.empty()) lines.push_back({{trouble, Style::kBad}});
  append(lines, request_lines(view, size.columns));
  lines.push_back(token_line(view.tokens));
  append(lines, batcher_lines(view.batcher, view.tokens.streams_backlog, size.columns));
  lines.push_back(process_line(view.processes));

  std::vector<Line> latencies = latency_table(view.latencies);
  std::vector<Line> stages = stage_table(view.stages, size.columns);
  std::vector<Line> links = link_table(view.links, size.columns);
  const std::size_t fixed = lines.size() + latencies.size();
  constexpr std::size_t kGaps = 3;
  const bool is_endless = size.rows == 0;
  const bool has_gaps = is_endless || fixed + kGaps + std::min<std::size_t>(stages.size(), 5) + 5 <= size.rows;
  if (!is_endless) {
    const std::size_t taken = fixed + (has_gaps ? kGaps : 0);
    const std::size_t left_over = size.rows > taken ? size.rows - taken : 0;
    // Links leave stages what they need, and take no less than a third.
    const std::size_t for_links = std::max(left_over / 3, left_over - std::min(left_over, stages.size()));
    links = cut(std::move(links), for_links);
    stages = cut(std::move(stages), left_over - std::min(left_over, links.size()));
  }
  for (std::vector<Line>* table : {&latencies, &stages, &links}) {
    if (has_gaps) lines.push_back({});
    append(lines, std::move(*table));
  }
  if (!is_endless && lines.size() > size.rows) lines.resize(size.rows);
  return lines;
}

}  // namespace sluice::top
