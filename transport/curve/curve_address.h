// An address and how its connections are secured, as one text that travels in messages:
//
//   tcp://HOST:PORT             plain
//   tcp://HOST:PORT#curve       to bind: encrypted, with the key pair of this process
//   tcp://HOST:PORT#curve=KEY   to connect: encrypted, to whoever has this public key (64 hexadecimal digits)
//
// The same for ipc://. In-process connections are never encrypted.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "transport/curve/key.h"

namespace sluice::transport {

struct CurveAddress {
  std::string endpoint;  // What ZeroMQ knows.
  bool is_encrypted = false;
  std::optional<PublicKey> server_key;

  friend bool operator==(const CurveAddress&, const CurveAddress&) = default;
};

// Errors: kInvalidConfig for what follows "#curve" and is no key, and for inproc://. The endpoint is not looked at.
Result<CurveAddress> parse_curve_address(std::string_view text);
std::string to_string(const CurveAddress& address);

// `endpoint`, to be bound with or without encryption.
std::string bind_address(const std::string& endpoint, bool is_encrypted);
// The address of whoever has the key at `address`, in place of a key that it may name.
std::string address_of_server(const std::string& address, const PublicKey& key);

}  // namespace sluice::transport
