#include "transport/curve/key_file.h"

#include <fcntl.h>
#include <string.h>  // explicit_bzero
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace sluice::transport {
namespace {

constexpr std::size_t kNameBytesMax = 64;
constexpr std::string_view kBlanks = " \t\r";
constexpr mode_t kForOthers = S_IRWXG | S_IRWXO;

// A descriptor that closes itself.
class OpenFile {
 public:
  explicit OpenFile(int fd) : fd_(fd) {}
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  int fd() const { return fd_; }

 private:
  int fd_;
};

Error file_error(const std::string& verb, const std::filesystem::path& path) {
  return {ErrorCode::kInvalidConfig,
          "cannot " + verb + " " + path.string() + ": " + std::strerror(errno)};  // NOLINT(concurrency-mt-unsafe)
}

Result<std::string> read_open_file(int fd, const std::filesystem::path& path, std::size_t bytes_max) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return file_error("read", path);
  if (!S_ISREG(status.st_mode)) return Error{ErrorCode::kInvalidConfig, path.string() + " is no file"};
  std::string text(bytes_max + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t count = ::read(fd, text.data() + size, text.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return file_error("read", path);
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  if (size > bytes_max) {
    return Error{ErrorCode::kInvalidConfig,
                 path.string() + " has more than " + std::to_string(bytes_max) + " bytes, the limit"};
  }
  text.resize(size);
  return text;
}

// The one line of a key file: "KIND KEY NAME".
Result<std::string_view> key_of(std::string_view text, const std::string& file_name, std::string_view kind) {
  const std::vector<WordLine> lines = word_lines(text);
  const std::string wanted = "'" + std::string(kind) + " KEY NAME'";
  if (lines.empty()) return Error{ErrorCode::kInvalidConfig, file_name + " has no key: it takes a line " + wanted};
  if (lines.size() > 1) return line_error(file_name, lines[1].number, "is a second key: the file takes one");
  const auto& [number, words] = lines.front();
  if (words.front() != kind) {
    const bool is_other = words.front() == "public" || words.front() == "secret";
    return line_error(file_name, number,
                      is_other ? "is a " + std::string(words.front()) + " key, not a " + std::string(kind) + " one"
                               : "is not " + wanted);
  }
  if (words.size() != 3) return line_error(file_name, number, "is not " + wanted);
  if (!is_key_name(words[2])) return line_error(file_name, number, "the name has characters beyond [A-Za-z0-9._-]");
  return words[1];
}

Result<void> write_new_file(const std::filesystem::path& path, std::string_view text, mode_t mode) {
  const OpenFile file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (file.fd() < 0) return file_error("make", path);
  std::size_t written = 0;
  while (written < text.size()) {
    const ssize_t count = ::write(file.fd(), text.data() + written, text.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return file_error("write", path);
    written += static_cast<std::size_t>(count);
  }
  // A key that is lost with the power locks its owner out.
  if (::fsync(file.fd()) != 0) return file_error("write", path);
  return {};
}

}  // namespace

bool is_key_name(std::string_view name) {
  return !name.empty() && name.size() <= kNameBytesMax && name.front() != '.' && name.front() != '-' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
                  c == '-';
         });
}

Result<std::string> read_small_file(const std::filesystem::path& path, std::size_t bytes_max) {
  const OpenFile file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.fd() < 0) return file_error("read", path);
  return read_open_file(file.fd(), path, bytes_max);
}

std::vector<WordLine> word_lines(std::string_view text) {
  std::vector<WordLine> lines;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    WordLine found{number, {}};
    for (std::size_t at = line.find_first_not_of(kBlanks); at != line.npos; at = line.find_first_not_of(kBlanks)) {
      line.remove_prefix(at);
      if (found.words.empty() && line.front() == '#') break;
      const std::size_t length = std::min(line.find_first_of(kBlanks), line.size());
      found.words.push_back(line.substr(0, length));
      line.remove_prefix(length);
    }
    if (!found.words.empty()) lines.push_back(std::move(found));
  }
  return lines;
}

Error line_error(const std::string& file_name, std::size_t line, const std::string& sentence) {
  return {ErrorCode::kInvalidConfig, file_name + ":" + std::to_string(line) + ": " + sentence};
}

std::string key_complaint(std::string_view word) {
  return "the key is no Z85 of " + std::to_string(kZ85KeyCharacters) + " characters (it has " +
         std::to_string(word.size()) + ")";
}

Result<KeyPair> read_key_file(const std::filesystem::path& path) {
  const OpenFile file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.fd() < 0) return file_error("read the secret key", path);
  struct stat status {};
  if (::fstat(file.fd(), &status) != 0) return file_error("read the secret key", path);
  if (S_ISREG(status.st_mode) && (status.st_mode & kForOthers) != 0) {
    return Error{ErrorCode::kInvalidConfig,
                 "the secret key " + path.string() + " is open to others than its owner: chmod 600 it"};
  }
  Result<std::string> text = read_open_file(file.fd(), path, kKeyFileBytesMax);
  if (!text.ok()) return std::move(text).error();
  const Result<std::string_view> word = key_of(*text, path.string(), "secret");
  const std::optional<SecretKey> key = word.ok() ? secret_key_from_z85(*word) : std::nullopt;
  const Error malformed{ErrorCode::kInvalidConfig,
                        path.string() + ": " + key_complaint(word.ok() ? *word : std::string_view())};
  explicit_bzero(text->data(), text->size());
  if (!word.ok()) return word.error();
  if (!key) return malformed;
  return key_pair_of(*key);
}

Result<PublicKey> read_public_key_file(const std::filesystem::path& path) {
  const Result<std::string> text = read_small_file(path, kKeyFileBytesMax);
  if (!text.ok()) return text.error();
  const Result<std::string_view> word = key_of(*text, path.string(), "public");
  if (!word.ok()) return word.error();
  const std::optional<PublicKey> key = public_key_from_z85(*word);
  if (!key) return Error{ErrorCode::kInvalidConfig, path.string() + ": " + key_complaint(*word)};
  return *key;
}

Result<void> write_public_key_file(const std::filesystem::path& path, const PublicKey& key, const std::string& name) {
  return write_new_file(path, "public " + to_z85(key) + " " + name + "\n", S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH);
}

Result<KeyPair> write_new_key_files(const std::filesystem::path& directory, const std::string& name) {
  if (!is_key_name(name)) {
    return Error{ErrorCode::kInvalidConfig,
                 "a key's name is 1 to 64 characters of [A-Za-z0-9._-] and begins with a letter, a digit or '_'"};
  }
  Result<KeyPair> pair = generate_key_pair();
  if (!pair.ok()) return pair;
  const std::filesystem::path public_path = directory / (name + ".pub");
  const std::filesystem::path secret_path = directory / (name + ".key");
  std::string secret_text = "# Secret key of " + name + ": whoever has this file is " + name + ".\nsecret " +
                            to_z85(pair->secret_key) + " " + name + "\n";
  Result<void> written = write_new_file(secret_path, secret_text, S_IRUSR | S_IWUSR);
  explicit_bzero(secret_text.data(), secret_text.size());
  if (!written.ok()) return std::move(written).error();
  written = write_public_key_file(public_path, pair->public_key, name);
  if (!written.ok()) {
    ::unlink(secret_path.c_str());  // Half a pair is of no use; it was ours.
    return std::move(written).error();
  }
  return pair;
}

}  // namespace sluice::transport
