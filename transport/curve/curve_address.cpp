#include "transport/curve/curve_address.h"

namespace sluice::transport {
namespace {

constexpr std::string_view kMark = "#curve";

}  // namespace

Result<CurveAddress> parse_curve_address(std::string_view text) {
  const std::size_t mark = text.rfind(kMark);
  if (mark == text.npos) return CurveAddress{std::string(text), false, std::nullopt};
  CurveAddress address{std::string(text.substr(0, mark)), true, std::nullopt};
  if (address.endpoint.starts_with("inproc://")) {
    return Error{ErrorCode::kInvalidConfig,
                 "address '" + address.endpoint + "': connections within a process are not encrypted"};
  }
  const std::string_view rest = text.substr(mark + kMark.size());
  if (rest.empty()) return address;
  if (rest.front() == '=') address.server_key = public_key_from_hex(rest.substr(1));
  if (!address.server_key) {
    return Error{ErrorCode::kInvalidConfig,
                 "address '" + address.endpoint + "': #curve= takes a public key of 64 hexadecimal digits"};
  }
  return address;
}

std::string to_string(const CurveAddress& address) {
  if (!address.is_encrypted) return address.endpoint;
  return address.endpoint + std::string(kMark) + (address.server_key ? "=" + to_hex(*address.server_key) : "");
}

std::string bind_address(const std::string& endpoint, bool is_encrypted) {
  return to_string(CurveAddress{endpoint, is_encrypted, std::nullopt});
}

std::string address_of_server(const std::string& address, const PublicKey& key) {
  return to_string(CurveAddress{address.substr(0, address.rfind(kMark)), true, key});
}

}  // namespace sluice::transport
