#include "cli/generation_stats.h"

#include <chrono>
#include <iomanip>
#include <sstream>

namespace sluice::cli {
namespace {

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

void GenerationStats::on_tokens(TimePoint now) {
  if (!first_) first_ = now;
  last_ = now;
}

std::string GenerationStats::line(const Finished& finished, std::uint64_t seed) const {
  const std::uint32_t output_tokens = finished.usage.output_tokens;
  std::ostringstream out;
  out << output_tokens << (output_tokens == 1 ? " token (" : " tokens (") << to_string(finished.reason) << ") after "
      << finished.usage.prompt_tokens << " of prompt";
  if (first_) {
    out << ", first token after " << std::fixed << std::setprecision(0) << seconds(*first_ - sent_) * 1e3 << " ms";
    const double decode_s = seconds(last_ - *first_);
    if (output_tokens > 1 && decode_s > 0)
      out << ", " << std::setprecision(1) << (output_tokens - 1) / decode_s << " tokens/s";
  }
  out << ", seed " << seed;
  return out.str();
}

}  // namespace sluice::cli
