#include "top/tables.h"

#include <algorithm>
#include <initializer_list>
#include <string>
#include <utility>

#include "top/figures.h"

namespace sluice::top {

namespace {

// From this width on, tables have columns that most can do without.
constexpr std::size_t kWideColumns = 100;
// Beyond this share a figure stands out.
constexpr double kStalledBad = 0.2;

struct Column {
  const char* name;
  std::size_t columns;
};

// Adds the headings of a table's columns, or its cells.
void add_heads(Line& line, std::initializer_list<Column> columns) {
  for (const Column& column : columns) line.push_back({right(column.name, column.columns), Style::kFaint});
}
void add_cell(Line& line, const std::string& text, std::size_t columns, Style style = Style::kPlain) {
  line.push_back({right(text, columns), style});
}

}  // namespace

std::vector<Line> latency_table(const std::vector<LatencyView>& latencies) {
  std::vector<Line> lines = {{{left("latency", 16), Style::kStrong}}};
  add_heads(lines[0], {{"per s", 9}, {"p50", 10}, {"p90", 10}, {"p99", 10}});
  for (const LatencyView& latency : latencies) {
    Line line = {{left(latency.name, 16)}};
    add_cell(line, rate_text(latency.count), 9);
    for (const Figure& figure : {latency.p50, latency.p90, latency.p99}) add_cell(line, seconds_text(figure), 10);
    lines.push_back(std::move(line));
  }
  return lines;
}

namespace {

// What a stage is called: as wide as the widest, within reason.
std::vector<std::string> stage_names(const std::vector<StageView>& stages) {
  constexpr std::size_t kColumnsMax = 28;
  std::size_t columns = 16;
  std::vector<std::string> names;
  for (const StageView& stage : stages) {
    names.push_back(left(stage.stage, 3) + " " + left(stage.layers, 6) + " " + stage.place);
    columns = std::max(columns, std::min(names.back().size(), kColumnsMax));
  }
  for (std::string& name : names) name = left(name.substr(0, columns), columns + 1);
  return names;
}

}  // namespace

std::vector<Line> stage_table(const std::vector<StageView>& stages, std::size_t columns) {
  const std::vector<std::string> names = stage_names(stages);
  const std::size_t name_columns = names.empty() ? 17 : names[0].size();
  const bool is_wide = columns >= kWideColumns;
  const std::size_t taken = name_columns + (is_wide ? 55 : 45);
  // A bar takes what is left.
  const std::size_t bar_columns = std::clamp<std::size_t>(columns > taken ? columns - taken : 0, 10, 40) - 2;
  std::vector<Line> lines = {{{left("stage", name_columns), Style::kStrong}}};
  const std::string_view legend = " busy | bubble .";
  lines[0].push_back({left(legend.size() <= bar_columns ? legend : "", bar_columns + 2), Style::kFaint});
  add_heads(lines[0], {{"busy", 7}, {"bubble", 8}, {"steps/s", 9}, {"tokens/s", 10}, {"step p50", 11}});
  if (is_wide) add_heads(lines[0], {{"p99", 10}});
  for (std::size_t i = 0; i < stages.size(); ++i) {
    const StageView& stage = stages[i];
    Line line = {{names[i]}, {bar(stage.busy_share.value_or(0), stage.bubble_share.value_or(0), bar_columns)}};
    add_cell(line, share_text(stage.busy_share), 7);
    add_cell(line, share_text(stage.bubble_share), 8);
    add_cell(line, rate_text(stage.steps), 9);
    add_cell(line, rate_text(stage.tokens), 10);
    add_cell(line, seconds_text(stage.step_p50), 11);
    if (is_wide) add_cell(line, seconds_text(stage.step_p99), 10);
    lines.push_back(std::move(line));
  }
  return lines;
}

std::vector<Line> link_table(const std::vector<LinkView>& links, std::size_t columns) {
  std::vector<Line> lines = {{{left("link", 21), Style::kStrong}}};
  add_heads(
      lines[0],
      {{"msg/s", 8}, {"bytes/s", 10}, {"stalled", 9}, {"unsent", 8}, {"held", 6}, {"credit", 8}, {"in bytes", 10}});
  for (const LinkView& link : links) {
    Line line = {{left(link.from + " > " + link.to, 21)}};
    add_cell(line, rate_text(link.messages), 8);
    add_cell(line, bytes_text(link.bytes), 10);
    add_cell(
        line, share_text(link.stalled_share), 9,
        is_above(link.stalled_share, kStalledBad) ? Style::kBad : if_above_zero(link.stalled_share, Style::kWarning));
    add_cell(line, count_text(link.unsent), 8, if_above_zero(link.unsent, Style::kWarning));
    add_cell(line, count_text(link.held), 6);
    add_cell(line, count_text(link.credit_messages), 8);
    add_cell(line, bytes_text(link.credit_bytes), 10);
    if (is_above(link.resent, 0) && columns >= kWideColumns) {
      line.push_back({"  resent " + rate_text(link.resent) + "/s", Style::kBad});
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace sluice::top
