#include "transport/curve/key.h"

#include <string.h>  // explicit_bzero
#include <zmq.h>

#include "base/check.h"

namespace sluice::transport {
namespace {

using Bytes = std::array<std::uint8_t, kKeyBytes>;
using Z85Text = std::array<char, kZ85KeyCharacters + 1>;

constexpr std::string_view kZ85Alphabet =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
constexpr std::string_view kHexAlphabet = "0123456789abcdef";

Error no_curve() {
  return {ErrorCode::kInternal, std::string("cannot make a key: ") + zmq_strerror(zmq_errno())};
}

std::string z85_of(const Bytes& bytes) {
  Z85Text text{};
  SLUICE_CHECK(zmq_z85_encode(text.data(), bytes.data(), bytes.size()) != nullptr);
  std::string copy(text.data());
  explicit_bzero(text.data(), text.size());
  return copy;
}

bool read_z85(std::string_view text, Bytes& bytes) {
  if (text.size() != kZ85KeyCharacters || text.find_first_not_of(kZ85Alphabet) != text.npos) return false;
  Z85Text terminated{};
  text.copy(terminated.data(), text.size());
  const bool is_read = zmq_z85_decode(bytes.data(), terminated.data()) != nullptr;
  explicit_bzero(terminated.data(), terminated.size());
  return is_read;
}

}  // namespace

SecretKey::~SecretKey() {
  explicit_bzero(bytes.data(), bytes.size());
}

Result<KeyPair> generate_key_pair() {
  Z85Text public_text{};
  Z85Text secret_text{};
  if (zmq_curve_keypair(public_text.data(), secret_text.data()) != 0) return no_curve();
  KeyPair pair;
  SLUICE_CHECK(read_z85({public_text.data(), kZ85KeyCharacters}, pair.public_key.bytes));
  SLUICE_CHECK(read_z85({secret_text.data(), kZ85KeyCharacters}, pair.secret_key.bytes));
  explicit_bzero(secret_text.data(), secret_text.size());
  return pair;
}

Result<KeyPair> key_pair_of(const SecretKey& secret_key) {
  Z85Text public_text{};
  std::string secret_text = to_z85(secret_key);
  const bool is_derived = zmq_curve_public(public_text.data(), secret_text.c_str()) == 0;
  explicit_bzero(secret_text.data(), secret_text.size());
  if (!is_derived) return no_curve();
  KeyPair pair{{}, secret_key};
  SLUICE_CHECK(read_z85({public_text.data(), kZ85KeyCharacters}, pair.public_key.bytes));
  return pair;
}

std::string to_z85(const PublicKey& key) {
  return z85_of(key.bytes);
}
std::string to_z85(const SecretKey& key) {
  return z85_of(key.bytes);
}

std::string to_hex(const PublicKey& key) {
  std::string text;
  for (const std::uint8_t byte : key.bytes) {
    text += kHexAlphabet[byte >> 4];
    text += kHexAlphabet[byte & 15];
  }
  return text;
}

std::optional<PublicKey> public_key_from_z85(std::string_view text) {
  PublicKey key;
  return read_z85(text, key.bytes) ? std::optional(key) : std::nullopt;
}

std::optional<SecretKey> secret_key_from_z85(std::string_view text) {
  SecretKey key;
  return read_z85(text, key.bytes) ? std::optional(key) : std::nullopt;
}

std::optional<PublicKey> public_key_from_hex(std::string_view text) {
  if (text.size() != kHexKeyCharacters) return std::nullopt;
  PublicKey key;
  for (std::size_t i = 0; i < kKeyBytes; ++i) {
    const std::size_t high = kHexAlphabet.find(text[2 * i]);
    const std::size_t low = kHexAlphabet.find(text[2 * i + 1]);
    if (high == kHexAlphabet.npos || low == kHexAlphabet.npos) return std::nullopt;
    key.bytes[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return key;
}

}  // namespace sluice::transport
