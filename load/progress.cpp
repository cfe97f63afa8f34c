#include "load/progress.h"

#include <cmath>

namespace sluice::load {

std::string ProgressLine::next(const Outcomes& outcomes, std::size_t in_flight, Duration elapsed) {
  const double since_s = std::chrono::duration<double>(elapsed - last_).count();
  const auto rate = [&](std::uint64_t& last, std::uint64_t now) {
    const double per_s = since_s > 0 ? static_cast<double>(now - last) / since_s : 0;
    last = now;
    return std::to_string(std::llround(per_s)) + "/s";
  };
  const auto whole_s = std::chrono::round<std::chrono::seconds>(elapsed).count();
  std::string line = std::to_string(whole_s) + " s: offered " + std::to_string(outcomes.offered) + " (" +
                     rate(offered_, outcomes.offered) + "), in flight " + std::to_string(in_flight) + ", finished " +
                     std::to_string(outcomes.finished_total()) + " (" + rate(finished_, outcomes.finished_total()) +
                     "), refused " + std::to_string(outcomes.refused) + ", failed " +
                     std::to_string(outcomes.failed_total()) + ", tokens " + rate(tokens_, outcomes.output_tokens);
  last_ = elapsed;
  return line;
}

}  // namespace sluice::load
