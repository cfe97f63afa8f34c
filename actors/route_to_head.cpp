#include "actors/route_to_head.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>

namespace sluice::actors {

namespace {

constexpr std::string_view kTcp = "tcp://";

Error no_route(const std::string& host, const std::string& reason) {
  return {ErrorCode::kInvalidConfig,
          "cannot find by which address this host reaches " + host + " (" + reason + "): say it with --host"};
}

}  // namespace

Result<std::string> own_address_toward(const std::string& endpoint) {
  const std::size_t colon = endpoint.rfind(':');
  if (!endpoint.starts_with(kTcp) || colon <= kTcp.size()) return no_route(endpoint, "no tcp address");
  std::string host = endpoint.substr(kTcp.size(), colon - kTcp.size());
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  if (const int failure = getaddrinfo(host.c_str(), "9", &hints, &found); failure != 0) {
    return no_route(host, gai_strerror(failure));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, &freeaddrinfo);
  const int fd = ::socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return no_route(host, std::strerror(errno));
  sockaddr_storage own{};
  socklen_t size = sizeof own;
  const bool is_routed = ::connect(fd, found->ai_addr, found->ai_addrlen) == 0 &&
                         ::getsockname(fd, reinterpret_cast<sockaddr*>(&own), &size) == 0;
  const int error = errno;
  ::close(fd);
  if (!is_routed) return no_route(host, std::strerror(error));
  std::array<char, NI_MAXHOST> text{};
  if (const int failure = getnameinfo(reinterpret_cast<const sockaddr*>(&own), size, text.data(), text.size(), nullptr,
                                      0, NI_NUMERICHOST);
      failure != 0) {
    return no_route(host, gai_strerror(failure));
  }
  const std::string address = text.data();
  return own.ss_family == AF_INET6 ? "[" + address + "]" : address;
}

}  // namespace sluice::actors
