// The log's word of handshakes that failed on a socket that binds: no key, a wrong one, or one that is not on the list.
// Strangers cause them at will: a line a second.
//
// Confined: to the actor that owns the socket.
#pragma once

#include <cstdint>
#include <string_view>

#include "actors/log.h"
#include "pipeline/log/line_rate.h"

namespace sluice::actors {

class FailedHandshakes {
 public:
  explicit FailedHandshakes(std::string_view actor) : actor_(actor) {}

  // `total`: of the socket, so far.
  void note(std::uint64_t total, TimePoint now) {
    std::uint64_t lines = 0;
    for (; total_ < total; ++total_) lines += lines_.take(now) ? 1 : 0;
    if (const std::uint64_t count = lines + lines_.take_counted(now)) {
      write_log(LogEvent(LogLevel::kWarn, actor_, "handshake failed").with("count", count));
    }
  }
  TimePoint next_timer() const { return lines_.next_timer(); }

 private:
  std::string_view actor_;
  std::uint64_t total_ = 0;
  LineRate lines_{1};
};

}  // namespace sluice::actors
