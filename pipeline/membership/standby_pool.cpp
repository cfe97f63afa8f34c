#include "pipeline/membership/standby_pool.h"

#include "pipeline/membership/membership.h"

namespace sluice {

namespace {

constexpr std::size_t kNameBytesMax = 64;

bool is_name(const std::string& name) {
  return !name.empty() && name.size() <= kNameBytesMax && name != "head" &&
         std::ranges::all_of(name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

}  // namespace

Result<void> StandbyPool::admit(const WorkerHello& hello) {
  if (Result<void> version = check_version(hello); !version.ok()) return version;
  if (!is_name(hello.name)) {
    return Error{ErrorCode::kInvalidConfig, "a worker's name is 1 to 64 characters of [a-z0-9-], and not 'head'"};
  }
  const auto has = [&](const std::string& device) { return has_device(hello, device); };
  if (std::ranges::none_of(devices_, has)) return missing_device(hello, devices_.front(), "every place for any worker");
  if (const auto found = find(hello.name); found != standbys_.end()) {
    if (found->incarnation == hello.incarnation) return {};
    return taken_name(hello.name);
  }
  if (standbys_.size() >= limits_.standbys_max) {
    return Error{ErrorCode::kUnavailable,
                 std::to_string(standbys_.size()) + " workers stand by already, as many as there may be", 1000};
  }
  standbys_.push_back(hello);
  return {};
}

std::vector<StandbyStatus> StandbyPool::status() const {
  std::vector<StandbyStatus> status;
  for (const WorkerHello& standby : standbys_) {
    status.push_back({standby.name, {}});
    for (const std::string& device : standby.devices) {
      if (status.back().devices.size() == kStatusDevicesMax) break;
      status.back().devices.push_back(device.substr(0, kNameBytesMax));
    }
  }
  return status;
}

void StandbyPool::put_back(const WorkerHello& hello) {
  standbys_.push_back(hello);
}

}  // namespace sluice
