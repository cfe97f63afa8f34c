#include "pipeline/topology/value_syntax.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "pipeline/topology/spelling.h"

namespace sluice::topology {
namespace {

constexpr std::size_t kHostBytesMax = 64;
constexpr std::size_t kIpcPathBytesMax = 100;  // sockaddr_un holds 107 and a zero.

// The whole text as a decimal number; signs and blanks are no digits.
template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (text.empty() || text.front() == '-' || error != std::errc{} || rest != end) return std::nullopt;
  return number;
}

Error invalid(std::string message) {
  return {ErrorCode::kInvalidConfig, std::move(message)};
}

std::optional<Host> parse_host(std::string_view text) {
  if (text == "head") return Host{Host::Kind::kHead, ""};
  if (text == "any") return Host{Host::Kind::kAny, ""};
  if (text == "spawn") return Host{Host::Kind::kSpawn, ""};
  if (text.starts_with("spawn:")) {
    const std::string_view name = text.substr(6);
    if (!is_host_name(name)) return std::nullopt;
    return Host{Host::Kind::kSpawn, std::string(name)};
  }
  if (!is_host_name(text)) return std::nullopt;
  return Host{Host::Kind::kWorker, std::string(text)};
}

std::optional<Device> parse_device(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const std::optional<std::uint32_t> index = parse_number<std::uint32_t>(text.substr(colon + 1));
  if (!index) return std::nullopt;
  if (text.substr(0, colon) == "cpu") return Device{Device::Kind::kCpu, *index};
  if (text.substr(0, colon) == "cuda") return Device{Device::Kind::kCuda, *index};
  return std::nullopt;
}

bool is_loopback(std::string_view host) {
  // All of 127.0.0.0/8 is loopback, but 127.example.org is not.
  const bool is_numeric = host.find_first_not_of("0123456789.") == std::string_view::npos;
  return host == "localhost" || host == "[::1]" || (host.starts_with("127.") && is_numeric);
}

}  // namespace

std::optional<std::uint64_t> parse_size_bytes(std::string_view text) {
  struct Unit {
    std::string_view name;
    unsigned shift;
  };
  static constexpr std::array<Unit, 4> kUnits = {{{"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}}};
  for (const Unit& unit : kUnits) {
    if (!text.ends_with(unit.name)) continue;
    const auto count = parse_number<std::uint64_t>(text.substr(0, text.size() - unit.name.size()));
    if (!count || *count > (UINT64_MAX >> unit.shift)) return std::nullopt;
    return *count << unit.shift;
  }
  return std::nullopt;
}

std::string size_to_string(std::uint64_t bytes) {
  static constexpr std::array<std::string_view, 5> kUnits = {" bytes", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  while (unit + 1 < kUnits.size() && bytes != 0 && bytes % 1024 == 0) {
    bytes /= 1024;
    ++unit;
  }
  return std::to_string(bytes) + std::string(kUnits[unit]);
}

std::string shortest_decimal(double number) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
  return {text.data(), end};
}

Result<LayerRange> parse_layers(std::string_view text) {
  const std::size_t dash = text.find('-');
  const auto first = parse_number<std::uint32_t>(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : parse_number<std::uint32_t>(text.substr(dash + 1));
  if (!first || !last) return invalid("is " + in_quotes(text) + ", not layers such as '0-2' or '3'");
  if (*first > *last) return invalid("is " + in_quotes(text) + ": the first layer comes after the last");
  if (*last >= kLayerCountMax) {
    return invalid("is " + in_quotes(text) + ": the last layer is beyond " + std::to_string(kLayerCountMax - 1));
  }
  return LayerRange{*first, *last - *first + 1};
}

Result<RankPlace> parse_rank_place(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos)
    return invalid("has " + in_quotes(text) + ", not HOST/DEVICE such as 'head/cpu:0'");
  const std::optional<Host> host = parse_host(text.substr(0, slash));
  if (!host) {
    return invalid("has the host " + in_quotes(text.substr(0, slash)) +
                   "; a host is 'head', 'spawn', 'spawn:NAME', 'any' or a worker's name of [a-z0-9-]");
  }
  const std::string_view device_text = text.substr(slash + 1);
  const std::optional<Device> device = parse_device(device_text);
  if (!device) return invalid("has the device " + in_quotes(device_text) + "; a device is 'cpu:0' or 'cuda:N'");
  if (device->kind == Device::Kind::kCuda)
    return invalid("has " + in_quotes(text) + ": CUDA devices are not supported yet");
  if (device->index != 0) return invalid("has " + in_quotes(text) + ": the only CPU device is 'cpu:0'");
  return RankPlace{*host, *device};
}

std::optional<std::string> bind_complaint(std::string_view address) {
  const std::string is = "is " + in_quotes(address);
  if (address.starts_with("ipc://")) {
    const std::string_view path = address.substr(6);
    if (path.empty()) return is + ", an ipc:// address without a path";
    if (path.size() > kIpcPathBytesMax) {
      return is + ": the socket's path has " + std::to_string(path.size()) + " bytes, limit " +
             std::to_string(kIpcPathBytesMax);
    }
    return std::nullopt;
  }
  const std::size_t colon = address.rfind(':');
  if (!address.starts_with("tcp://") || colon < 6) return is + ", not 'tcp://HOST:PORT' or 'ipc://PATH'";
  const std::string_view port = address.substr(colon + 1);
  if (port != "*" && !parse_number<std::uint16_t>(port))
    return is + ": the port is 0 to 65535, or '*' for any free one";
  // Whether it may lie beyond loopback is decided where it is bound: that takes keys, or --insecure.
  if (colon == 6) return is + ", without a host";
  return std::nullopt;
}

std::optional<std::string> supervisor_bind_complaint(std::string_view address) {
  if (const auto complaint = bind_complaint(address)) return complaint;
  for (const std::string_view every : {"tcp://0.0.0.0:", "tcp://*:", "tcp://[::]:"}) {
    if (!address.starts_with(every)) continue;
    return "is " + in_quotes(address) + ": name one address of this host, at which workers reach its links as well";
  }
  return std::nullopt;
}

std::string_view tcp_host(std::string_view address) {
  const std::size_t colon = address.rfind(':');
  return address.starts_with("tcp://") && colon > 6 ? address.substr(6, colon - 6) : std::string_view();
}

bool is_beyond_loopback(std::string_view address) {
  const std::string_view host = tcp_host(address);
  return !host.empty() && !is_loopback(host);
}

std::optional<std::string> metrics_bind_complaint(std::string_view address) {
  if (address == "off") return std::nullopt;
  const std::string is = "is " + in_quotes(address);
  const std::size_t colon = address.rfind(':');
  if (!address.starts_with("http://") || colon < 7) return is + ", not 'http://127.0.0.1:PORT' or 'off'";
  const std::string_view port = address.substr(colon + 1);
  if (port != "*" && !parse_number<std::uint16_t>(port))
    return is + ": the port is 0 to 65535, or '*' for any free one";
  const std::string_view host = address.substr(7, colon - 7);
  if (!is_loopback(host)) return is + ": metrics listen on loopback only";
  if (host.starts_with('[')) return is + ": metrics listen on IPv4 only";
  return std::nullopt;
}

std::optional<std::string> path_complaint(std::string_view path) {
  constexpr std::size_t kPathBytesMax = 4096;
  if (path.empty()) return "is empty";
  if (path.size() > kPathBytesMax)
    return "has " + std::to_string(path.size()) + " bytes, limit " + std::to_string(kPathBytesMax);
  if (path.find('\0') != std::string_view::npos) return "contains a zero byte";
  return std::nullopt;
}

bool is_host_name(std::string_view name) {
  return !name.empty() && name.size() <= kHostBytesMax && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

}  // namespace sluice::topology
