#include "top/metrics_address.h"

#include <algorithm>
#include <charconv>

namespace sluice::top {

namespace {

constexpr std::size_t kAddressBytesMax = 1024;

Error bad_address(std::string_view text, const std::string& reason) {
  return {ErrorCode::kInvalidConfig, "'" + std::string(text.substr(0, kAddressBytesMax)) +
                                         "' is no address of metrics (http://HOST:PORT/metrics): " + reason};
}

// A request line and a Host field are made of it.
bool is_plain(char c) {
  return c > ' ' && c < 0x7f;
}

}  // namespace

std::string MetricsAddress::to_string() const {
  const bool is_ipv6 = host.find(':') != std::string::npos;
  return "http://" + (is_ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port) + path;
}

MetricsAddress MetricsAddress::of_status() const {
  constexpr std::string_view kMetrics = "/metrics";
  MetricsAddress status = *this;
  if (path.ends_with(kMetrics)) status.path.replace(path.size() - kMetrics.size(), kMetrics.size(), "/status");
  return status;
}

Result<MetricsAddress> parse_metrics_address(std::string_view text) {
  if (text.size() > kAddressBytesMax) return bad_address(text, "it is longer than 1024 bytes");
  if (!std::all_of(text.begin(), text.end(), is_plain)) return bad_address(text, "a blank or a byte beyond ASCII");
  std::string_view rest = text;
  if (const auto scheme = rest.find("://"); scheme != std::string_view::npos) {
    if (rest.substr(0, scheme) != "http") return bad_address(text, "only http is spoken");
    rest.remove_prefix(scheme + 3);
  }
  MetricsAddress address;
  if (const auto slash = rest.find('/'); slash != std::string_view::npos) {
    if (slash + 1 < rest.size()) address.path = rest.substr(slash);
    rest = rest.substr(0, slash);
  }
  const auto colon = rest.rfind(':');
  if (colon == std::string_view::npos) return bad_address(text, "no port");
  const std::string_view port = rest.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (error != std::errc() || end != port.data() + port.size() || address.port == 0) {
    return bad_address(text, "the port is no number from 1 to 65535");
  }
  std::string_view host = rest.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return bad_address(text, "an IPv6 address needs brackets");
  }
  if (host.empty() || host.find_first_of("[]@?#") != std::string_view::npos) return bad_address(text, "no host");
  address.host = host;
  return address;
}

}  // namespace sluice::top
