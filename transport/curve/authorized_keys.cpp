#include "transport/curve/authorized_keys.h"

#include <optional>

#include "transport/curve/key_file.h"

namespace sluice::transport {
namespace {

std::optional<KeyRole> role_of(std::string_view word) {
  if (word == "client") return KeyRole::kClient;
  if (word == "worker") return KeyRole::kWorker;
  return std::nullopt;
}

}  // namespace

Result<AuthorizedKeys> parse_authorized_keys(std::string_view text, const std::string& file_name) {
  if (text.size() > kAuthorizedKeysBytesMax) {
    return Error{ErrorCode::kInvalidConfig, file_name + " has " + std::to_string(text.size()) + " bytes, limit " +
                                                std::to_string(kAuthorizedKeysBytesMax)};
  }
  AuthorizedKeys keys;
  for (const auto& [number, words] : word_lines(text)) {
    const std::optional<KeyRole> role = role_of(words.front());
    if (!role) return line_error(file_name, number, "begins with neither 'client' nor 'worker'");
    if (words.size() > 1 && words[1] == "secret") {
      return line_error(file_name, number, "is a secret key: take it out, and make a new pair");
    }
    if (words.size() != 4 || words[1] != "public") {
      return line_error(file_name, number, "is not '" + std::string(words.front()) + " public KEY NAME'");
    }
    const std::optional<PublicKey> key = public_key_from_z85(words[2]);
    if (!key) return line_error(file_name, number, key_complaint(words[2]));
    if (!is_key_name(words[3])) {
      return line_error(file_name, number, "the name is not 1 to 64 characters of [A-Za-z0-9._-]");
    }
    if (!keys.emplace(*key, KeyOwner{*role, std::string(words[3])}).second) {
      return line_error(file_name, number, "the key is in an earlier line, too");
    }
    if (keys.size() > kAuthorizedKeysMax) {
      return line_error(file_name, number,
                        "is key " + std::to_string(keys.size()) + ", limit " + std::to_string(kAuthorizedKeysMax));
    }
  }
  return keys;
}

Result<AuthorizedKeys> read_authorized_keys(const std::filesystem::path& path) {
  const Result<std::string> text = read_small_file(path, kAuthorizedKeysBytesMax);
  if (!text.ok()) return text.error();
  return parse_authorized_keys(*text, path.string());
}

}  // namespace sluice::transport
