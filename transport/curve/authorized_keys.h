// The allow-list: who may connect, as what, and under which name. One line per key, as NAME.pub has it, behind a role:
//
//   # whole lines are comments
//   client public KEY NAME
//   worker public KEY NAME      NAME is the worker's name in the topology file
//
// A name may have several keys (to change one without a gap), a key one role and one name.
//
// Owns:    values; immutable. Any thread.
// Errors:  kInvalidConfig with "FILE:LINE: sentence"; a list with one bad line is no list.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "transport/curve/key.h"

namespace sluice::transport {

inline constexpr std::size_t kAuthorizedKeysBytesMax = 512u << 10;
inline constexpr std::size_t kAuthorizedKeysMax = 4096;

enum class KeyRole : std::uint8_t { kClient, kWorker };

// Whom a key speaks for.
struct KeyOwner {
  KeyRole role = KeyRole::kClient;
  std::string name;

  friend bool operator==(const KeyOwner&, const KeyOwner&) = default;
};

using AuthorizedKeys = std::map<PublicKey, KeyOwner>;

Result<AuthorizedKeys> parse_authorized_keys(std::string_view text, const std::string& file_name);
Result<AuthorizedKeys> read_authorized_keys(const std::filesystem::path& path);

}  // namespace sluice::transport
