#include "actors/out_group.h"

#include <algorithm>

namespace sluice::actors {

Result<OutGroup> OutGroup::connect(const transport::Context& context, const std::vector<std::string>& addresses,
                                   const transport::LinkIdentity& identity, const transport::LinkLimits& limits,
                                   TimePoint now) {
  OutGroup group;
  for (const std::string& address : addresses) {
    auto link = transport::LinkOut::connect(context, address, identity, limits, now);
    if (!link.ok()) return std::move(link).error();
    group.ports_.emplace_back(std::move(*link));
  }
  return group;
}

bool OutGroup::has_room() const {
  return std::ranges::all_of(ports_, [](const OutPort& port) { return port.has_room(); });
}

std::optional<std::string> OutGroup::advance(TimePoint now) {
  std::optional<std::string> lost;
  for (OutPort& port : ports_) {
    if (auto reason = port.advance(now)) lost = std::move(reason);
  }
  return lost;
}

void OutGroup::watch(transport::Poller& poller) const {
  for (const OutPort& port : ports_) poller.add(port);
}

LinkSenderStats OutGroup::stats(TimePoint now) const {
  if (ports_.empty()) return {};
  LinkSenderStats stats = ports_.front().stats(now);
  for (std::size_t i = 1; i < ports_.size(); ++i) stats.add_totals(ports_[i].stats(now));
  return stats;
}

}  // namespace sluice::actors
