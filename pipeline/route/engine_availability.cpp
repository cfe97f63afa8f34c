#include "pipeline/route/engine_availability.h"

#include <algorithm>

#include "base/check.h"

namespace sluice {

Error lacking(const std::vector<Error>& lacks) {
  SLUICE_CHECK(!lacks.empty());
  if (lacks.size() == 1) return lacks.front();
  Error error = lacks.front();
  error.message.clear();
  for (std::size_t i = 0; i < lacks.size(); ++i) {
    error.message += (i == 0 ? "replica " : "; replica ") + std::to_string(i) + ": " + lacks[i].message;
  }
  return error;
}

EngineAvailability::EngineAvailability(std::uint32_t num_replicas) : replicas_(num_replicas) {
  SLUICE_CHECK_GT(num_replicas, 0u);
  SLUICE_CHECK_LE(num_replicas, kReplicasMax);
}

std::optional<AvailabilityNews> EngineAvailability::on_news(std::uint32_t replica, const AvailabilityNews& news) {
  Replica& about = replicas_[replica];
  const bool was_available = up_.any();
  if (news.error) {
    about.ended = std::max(about.ended, Epoch{news.epoch.value - 1});
    about.lacks = *news.error;
    up_.reset(replica);
  } else if (news.epoch > about.ended) {
    up_.set(replica);
  } else {
    return std::nullopt;
  }
  if (up_.any()) return AvailabilityNews{epoch_, std::nullopt, std::nullopt};
  if (was_available) ++epoch_.value;
  std::vector<Error> lacks;
  for (const Replica& each : replicas_) lacks.push_back(each.lacks);
  return AvailabilityNews{epoch_, lacking(lacks), news.loss};
}

}  // namespace sluice
