// The picture of `sluice top`: a view as lines that fit a window. Pure.
//
// Where the window is too low, the tables of links and stages end early and say how much is missing; where it is lower
// still, the end of the picture is.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "top/paint.h"
#include "top/view.h"

namespace sluice::top {

struct FrameSize {
  std::size_t columns = 100;
  std::size_t rows = 0;  // 0: as many as there are.
};

// `source`: where the metrics are from. `trouble`, unless empty: why the view is not of now.
std::vector<Line> make_frame(const View& view, const std::string& source, const std::string& trouble,
                             const FrameSize& size);

}  // namespace sluice::top
