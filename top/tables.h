// The tables of the picture, headings first, and when a figure stands out. Pure.
#pragma once

#include <cstddef>
#include <vector>

#include "top/paint.h"
#include "top/view.h"

namespace sluice::top {

inline bool is_above(const Figure& figure, double limit) {
  return figure.value_or(0) > limit;
}
inline Style if_above_zero(const Figure& figure, Style style) {
  return is_above(figure, 0) ? style : Style::kPlain;
}

std::vector<Line> latency_table(const std::vector<LatencyView>& latencies);
// 80 columns carry both; more give longer bars and further columns.
std::vector<Line> stage_table(const std::vector<StageView>& stages, std::size_t columns);
std::vector<Line> link_table(const std::vector<LinkView>& links, std::size_t columns);

}  // namespace sluice::top
