#include "metrics/endpoint.h"

#include <prometheus/collectable.h>
#include <prometheus/exposer.h>

#include <atomic>
#include <exception>
#include <string_view>
#include <utility>

#include "metrics/render.h"

namespace sluice::metrics {

namespace {

constexpr std::string_view kScheme = "http://";
constexpr const char* kServerThreads = "2";
constexpr const char* kRequestTimeout_ms = "5000";

class LatestSnapshot final : public prometheus::Collectable {
 public:
  void publish(EngineSnapshot snapshot) {
    latest_.store(std::make_shared<const EngineSnapshot>(std::move(snapshot)), std::memory_order_release);
  }

  std::vector<prometheus::MetricFamily> Collect() const override {
    const auto latest = latest_.load(std::memory_order_acquire);
    if (latest == nullptr) return {};
    return render(*latest);
  }

 private:
  std::atomic<std::shared_ptr<const EngineSnapshot>> latest_;
};

}  // namespace

struct Endpoint::Parts {
  std::shared_ptr<LatestSnapshot> latest = std::make_shared<LatestSnapshot>();
  std::unique_ptr<prometheus::Exposer> exposer;  // Above: it reads what `latest` holds.
  std::string url;
};

Result<std::shared_ptr<Endpoint>> Endpoint::start(const std::string& bind) {
  const std::string address = bind.starts_with(kScheme) ? bind.substr(kScheme.size()) : bind;
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos) return Error{ErrorCode::kInvalidConfig, "metrics address '" + bind + "' has no port"};
  const std::string host = address.substr(0, colon);
  const std::string port = address.substr(colon + 1);
  auto parts = std::make_unique<Parts>();
  try {
    parts->exposer = std::make_unique<prometheus::Exposer>(std::vector<std::string>{
        "listening_ports", host + ":" + (port == "*" ? "0" : port), "num_threads", kServerThreads,
        "request_timeout_ms", kRequestTimeout_ms});
    parts->exposer->RegisterCollectable(parts->latest);
  } catch (const std::exception& exception) {
    // The server says no more than that it could not be made.
    return Error{ErrorCode::kAddressInUse, "cannot bind " + bind + " for metrics: another program has it, or it is "
                                           "no address of this machine"};
  }
  const std::vector<int> ports = parts->exposer->GetListeningPorts();
  parts->url = std::string(kScheme) + host + ":" + (ports.empty() ? port : std::to_string(ports.front())) + "/metrics";
  return std::shared_ptr<Endpoint>(new Endpoint(std::move(parts)));
}

Endpoint::Endpoint(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Endpoint::~Endpoint() = default;

const std::string& Endpoint::url() const {
  return parts_->url;
}

void Endpoint::publish(EngineSnapshot snapshot) {
  parts_->latest->publish(std::move(snapshot));
}

}  // namespace sluice::metrics
