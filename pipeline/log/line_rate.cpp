#include "pipeline/log/line_rate.h"

#include <utility>

#include "base/check.h"

namespace sluice {
namespace {

constexpr Duration kWindow = std::chrono::seconds(1);

}  // namespace

LineRate::LineRate(std::uint32_t lines_per_second) : lines_per_second_(lines_per_second) {
  SLUICE_CHECK_GE(lines_per_second, 1u);
}

bool LineRate::take(TimePoint now) {
  if (lines_ == 0 || (now >= window_end_ && counted_ == 0)) {
    window_end_ = now + kWindow;
    lines_ = 1;
    return true;
  }
  if (counted_ == 0 && lines_ < lines_per_second_) {
    ++lines_;
    return true;
  }
  ++counted_;
  return false;
}

std::uint64_t LineRate::take_counted(TimePoint now) {
  if (counted_ == 0 || now < window_end_) return 0;
  window_end_ = now + kWindow;
  lines_ = 1;
  return std::exchange(counted_, 0);
}

}  // namespace sluice
