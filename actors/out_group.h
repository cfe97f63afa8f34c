// The links into one stage: one to each of its ranks, and every message goes to all of them.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "actors/ports.h"

namespace sluice::actors {

class OutGroup {
 public:
  OutGroup() = default;
  // Errors: as LinkOut::connect.
  static Result<OutGroup> connect(const transport::Context& context, const std::vector<std::string>& addresses,
                                  const transport::LinkIdentity& identity, const transport::LinkLimits& limits,
                                  TimePoint now);

  bool empty() const { return ports_.empty(); }
  bool has_room() const;
  template <class T>
  void send(const T& message, TimePoint now) {
    const transport::Message encoded = transport::encode(message);
    for (OutPort& port : ports_) port.send_encoded(encoded, now);
  }

  // As OutPort::advance, of any of them.
  std::optional<std::string> advance(TimePoint now);
  void watch(transport::Poller& poller) const;
  LinkSenderStats stats(TimePoint now) const;  // Of rank 0; totals over all ranks.

 private:
  std::vector<OutPort> ports_;
};

}  // namespace sluice::actors
