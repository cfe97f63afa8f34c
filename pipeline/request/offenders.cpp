#include "pipeline/request/offenders.h"

#include "base/check.h"

namespace sluice {

Offenders::Offenders(std::uint32_t max_garbage) : max_garbage_(max_garbage) {
  SLUICE_CHECK_GT(max_garbage, 0u);
}

bool Offenders::note_garbage(const ClientRoute& route) {
  auto at = garbage_.find(route);
  if (at == garbage_.end()) {
    if (garbage_.size() == kMaxRoutes) garbage_.erase(garbage_.begin());
    at = garbage_.emplace(route, 0).first;
  }
  if (at->second == max_garbage_) return false;
  return ++at->second == max_garbage_;
}

void Offenders::note_good(const ClientRoute& route) {
  if (garbage_.empty()) return;  // As nearly always.
  const auto at = garbage_.find(route);
  if (at != garbage_.end() && --at->second == 0) garbage_.erase(at);
}

bool Offenders::is_muted(const ClientRoute& route) const {
  if (garbage_.empty()) return false;
  const auto at = garbage_.find(route);
  return at != garbage_.end() && at->second == max_garbage_;
}

}  // namespace sluice
