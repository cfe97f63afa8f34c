#include "metrics/endpoint.h"

#include <prometheus/text_serializer.h>

#include <atomic>
#include <charconv>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "metrics/http_server.h"
#include "metrics/render.h"
#include "metrics/status_of.h"
#include "pipeline/status/status_json.h"

namespace sluice::metrics {

namespace {

constexpr std::string_view kScheme = "http://";

std::string metrics_text(const EngineSnapshot* latest) {
  return latest == nullptr ? "" : prometheus::TextSerializer().Serialize(render(*latest));
}

std::string status_text(const EngineSnapshot* latest) {
  return render_status_json(latest == nullptr ? EngineStatus() : status_of(*latest), SteadyClock().now());
}

}  // namespace

struct Endpoint::Parts {
  std::string text_of(std::string (*page)(const EngineSnapshot*)) const {
    return page(latest.load(std::memory_order_acquire).get());
  }

  std::atomic<std::shared_ptr<const EngineSnapshot>> latest;
  std::string url;
  std::unique_ptr<HttpServer> server;  // Last: its thread uses the others.
};

Result<std::shared_ptr<Endpoint>> Endpoint::start(const std::string& bind) {
  const std::string address = bind.starts_with(kScheme) ? bind.substr(kScheme.size()) : bind;
  const std::size_t colon = address.rfind(':');
  const std::string host = address.substr(0, colon);
  const std::string digits = colon == std::string::npos ? "" : address.substr(colon + 1);
  std::uint16_t port = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (digits != "*" && (digits.empty() || parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size())) {
    return Error{ErrorCode::kInvalidConfig, "metrics address '" + bind + "' has no port"};
  }
  auto parts = std::make_unique<Parts>();
  const bool is_bracketed = host.starts_with('[') && host.ends_with(']');  // An IPv6 address.
  auto server = HttpServer::start(
      is_bracketed ? host.substr(1, host.size() - 2) : host, port,
      {{"/metrics", {"text/plain; version=0.0.4; charset=utf-8", [&p = *parts] { return p.text_of(metrics_text); }}},
       {"/status", {"application/json", [&p = *parts] { return p.text_of(status_text); }}}});
  if (!server) return Error{server.error().code, "cannot bind " + bind + " for metrics: " + server.error().message};
  parts->server = *std::move(server);
  parts->url = std::string(kScheme) + host + ":" + std::to_string(parts->server->port()) + "/metrics";
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
