#include "metrics/endpoint.h"

#include <CivetServer.h>
#include <prometheus/text_serializer.h>

#include <atomic>
#include <exception>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "metrics/render.h"
#include "metrics/status_of.h"
#include "pipeline/status/status_json.h"

namespace sluice::metrics {

namespace {

constexpr std::string_view kScheme = "http://";
constexpr const char* kServerThreads = "2";
constexpr const char* kRequestTimeout_ms = "5000";

using Latest = std::atomic<std::shared_ptr<const EngineSnapshot>>;

std::string metrics_text(const EngineSnapshot* latest) {
  return latest == nullptr ? "" : prometheus::TextSerializer().Serialize(render(*latest));
}

std::string status_text(const EngineSnapshot* latest) {
  return render_status_json(latest == nullptr ? EngineStatus() : status_of(*latest), SteadyClock().now());
}

// Answers GET with what `Text` makes of the latest snapshot.
template <std::string (*Text)(const EngineSnapshot*)>
class Page final : public CivetHandler {
 public:
  Page(const Latest& latest, const char* media_type) : latest_(latest), media_type_(media_type) {}

  bool handleGet(CivetServer*, mg_connection* connection) override {
    const std::string text = Text(latest_.load(std::memory_order_acquire).get());
    mg_send_http_ok(connection, media_type_, static_cast<long long>(text.size()));
    mg_write(connection, text.data(), text.size());  // A reader that is gone misses nothing.
    return true;
  }

 private:
  const Latest& latest_;
  const char* media_type_;
};

}  // namespace

struct Endpoint::Parts {
  Latest latest;
  Page<metrics_text> metrics{latest, "text/plain; version=0.0.4; charset=utf-8"};
  Page<status_text> status{latest, "application/json"};
  std::string url;
  std::unique_ptr<CivetServer> server;  // Last: its threads use the others.
};

Result<std::shared_ptr<Endpoint>> Endpoint::start(const std::string& bind) {
  const std::string address = bind.starts_with(kScheme) ? bind.substr(kScheme.size()) : bind;
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos) return Error{ErrorCode::kInvalidConfig, "metrics address '" + bind + "' has no port"};
  const std::string host = address.substr(0, colon);
  const std::string port = address.substr(colon + 1);
  auto parts = std::make_unique<Parts>();
  try {
    parts->server = std::make_unique<CivetServer>(
        std::vector<std::string>{"listening_ports", host + ":" + (port == "*" ? "0" : port), "num_threads",
                                 kServerThreads, "request_timeout_ms", kRequestTimeout_ms});
  } catch (const std::exception& exception) {
    // The server says no more than that it could not be made.
    return Error{ErrorCode::kAddressInUse, "cannot bind " + bind +
                                               " for metrics: another program has it, or it is "
                                               "no address of this machine"};
  }
  const std::vector<int> ports = parts->server->getListeningPorts();
  parts->url = std::string(kScheme) + host + ":" + (ports.empty() ? port : std::to_string(ports.front())) + "/metrics";
  // Patterns: without an end they would be of every longer path, too.
  parts->server->addHandler("/metrics$", parts->metrics);
  parts->server->addHandler("/status$", parts->status);
  return std::shared_ptr<Endpoint>(new Endpoint(std::move(parts)));
}

Endpoint::Endpoint(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Endpoint::~Endpoint() = default;

const std::string& Endpoint::url() const {
  return parts_->url;
}

void Endpoint::publish(EngineSnapshot snapshot) {
  parts_->latest.store(std::make_shared<const EngineSnapshot>(std::move(snapshot)), std::memory_order_release);
}

}  // namespace sluice::metrics
