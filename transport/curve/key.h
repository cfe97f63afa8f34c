// Keys of CURVE (Curve25519): 32 bytes each, written as Z85 (40 characters) in files, as hexadecimal digits in
// addresses.
//
// Owns:    its bytes; a SecretKey wipes them when it goes. Any thread may use its own copy.
// Errors:  generate_key_pair(), public_key_of() -> kInternal where libzmq was built without CURVE.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace sluice::transport {

inline constexpr std::size_t kKeyBytes = 32;
inline constexpr std::size_t kZ85KeyCharacters = 40;
inline constexpr std::size_t kHexKeyCharacters = 64;

struct PublicKey {
  std::array<std::uint8_t, kKeyBytes> bytes{};

  friend auto operator<=>(const PublicKey&, const PublicKey&) = default;
};

struct SecretKey {
  std::array<std::uint8_t, kKeyBytes> bytes{};

  SecretKey() = default;
  SecretKey(const SecretKey&) = default;
  SecretKey& operator=(const SecretKey&) = default;
  ~SecretKey();
};

struct KeyPair {
  PublicKey public_key;
  SecretKey secret_key;
};

Result<KeyPair> generate_key_pair();
Result<KeyPair> key_pair_of(const SecretKey& secret_key);

std::string to_z85(const PublicKey& key);
std::string to_z85(const SecretKey& key);
std::string to_hex(const PublicKey& key);

// Absent: not 40 characters of Z85 (64 hexadecimal digits), or a group that is no 32-bit number.
std::optional<PublicKey> public_key_from_z85(std::string_view text);
std::optional<SecretKey> secret_key_from_z85(std::string_view text);
std::optional<PublicKey> public_key_from_hex(std::string_view text);

}  // namespace sluice::transport
