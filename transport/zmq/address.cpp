#include "transport/zmq/address.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string>

namespace sluice::transport {
namespace {

constexpr std::string_view kInproc = "inproc://";
constexpr std::string_view kIpc = "ipc://";
constexpr std::string_view kTcp = "tcp://";
constexpr std::size_t kMaxInprocName = 255;
// sun_path ends with a zero byte.
constexpr std::size_t kMaxIpcPath = sizeof(sockaddr_un{}.sun_path) - 1;

Error invalid(std::string_view address, const std::string& why) {
  return Error{ErrorCode::kInvalidConfig, "address '" + std::string(address) + "': " + why};
}

bool is_port(std::string_view text) {
  if (text == "*") return true;
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port <= 65535;
}

// Host of "tcp://HOST:PORT", which was checked.
std::string_view host_of(std::string_view address) {
  const std::string_view rest = address.substr(kTcp.size());
  return rest.substr(0, rest.rfind(':'));
}

bool is_loopback(std::string_view host) {
  return host == "localhost" || host == "[::1]" ||
         (host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string_view::npos);
}

}  // namespace

bool is_inproc(std::string_view address) {
  return address.starts_with(kInproc);
}

bool is_ipv6(std::string_view address) {
  return address.starts_with(kTcp) && address.find('[') != address.npos;
}

bool is_ipc_path_in_use(std::string_view address) {
  if (!address.starts_with(kIpc)) return false;
  const std::string_view path = address.substr(kIpc.size());
  // Abstract names (@) and wildcards (*) cannot be taken away.
  if (path.empty() || path.size() > kMaxIpcPath || path[0] == '@' || path == "*") return false;
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, path.data(), path.size());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return false;
  const bool accepts = ::connect(fd, reinterpret_cast<const sockaddr*>(&name), sizeof(name)) == 0 || errno == EAGAIN;
  ::close(fd);
  return accepts;
}

Result<void> check_address(std::string_view address) {
  if (address.find('\0') != std::string_view::npos) return invalid(address.substr(0, 64), "has a zero byte");
  if (address.starts_with(kInproc)) {
    const std::size_t length = address.size() - kInproc.size();
    if (length == 0 || length > kMaxInprocName) return invalid(address, "the name needs 1 to 255 characters");
    return {};
  }
  if (address.starts_with(kIpc)) {
    const std::size_t length = address.size() - kIpc.size();
    if (length == 0) return invalid(address, "the path is empty");
    if (length > kMaxIpcPath) {
      return invalid(address, "the path has " + std::to_string(length) + " characters, the system's limit is " +
                                  std::to_string(kMaxIpcPath));
    }
    return {};
  }
  if (address.starts_with(kTcp)) {
    const std::size_t colon = address.rfind(':');
    if (colon < kTcp.size() || host_of(address).empty()) return invalid(address, "expected tcp://HOST:PORT");
    if (!is_port(address.substr(colon + 1))) return invalid(address, "the port is none (0 to 65535, or *)");
    return {};
  }
  return invalid(address, "expected inproc://NAME, ipc://PATH or tcp://HOST:PORT");
}

Result<void> check_bind_address(std::string_view address, bool allow_wide_bind) {
  if (auto checked = check_address(address); !checked.ok()) return checked;
  if (address.starts_with(kTcp) && !allow_wide_bind && !is_loopback(host_of(address))) {
    return invalid(address, "refuses to listen beyond loopback without keys (docs/SECURITY.md; --insecure permits it)");
  }
  return {};
}

}  // namespace sluice::transport
