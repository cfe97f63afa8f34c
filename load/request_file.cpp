#include "load/request_file.h"

#include <fstream>
#include <nlohmann/json.hpp>

namespace sluice::load {

namespace {

using nlohmann::json;

constexpr std::size_t kLineBytesMax = std::size_t{1} << 20;
constexpr std::size_t kFileBytesMax = std::size_t{256} << 20;
constexpr std::size_t kRecordsMax = std::size_t{1} << 20;
constexpr std::uint64_t kTimeMaxMs = 1'000'000'000'000;

Error wrong(std::string sentence) {
  return {ErrorCode::kInvalidConfig, std::move(sentence)};
}

// The number under `key`, where there is one; an error where it is no whole number in [least, most].
Result<std::optional<std::uint64_t>> number_of(const json& object, const char* key, std::uint64_t least,
                                               std::uint64_t most) {
  const auto found = object.find(key);
  if (found == object.end()) return std::optional<std::uint64_t>();
  if (!found->is_number_unsigned() || *found < least || *found > most) {
    return wrong(std::string("\"") + key + "\" is a whole number from " + std::to_string(least) + " to " +
                 std::to_string(most));
  }
  return std::optional(found->get<std::uint64_t>());
}

Result<std::vector<std::uint64_t>> blocks_of(const json& object) {
  std::vector<std::uint64_t> blocks;
  const auto found = object.find("hash_ids");
  if (found == object.end()) return blocks;
  if (!found->is_array()) return wrong("\"hash_ids\" is a list of whole numbers");
  for (const json& one : *found) {
    if (!one.is_number_unsigned()) return wrong("\"hash_ids\" is a list of whole numbers");
    blocks.push_back(one.get<std::uint64_t>());
  }
  return blocks;
}

}  // namespace

Result<RequestRecord> parse_request_record(std::string_view line) {
  const json object = json::parse(line, nullptr, false);
  if (!object.is_object()) return wrong("no JSON object");
  RequestRecord record;
  if (const auto prompt = object.find("prompt"); prompt != object.end()) {
    if (!prompt->is_string() || prompt->get_ref<const std::string&>().empty()) {
      return wrong("\"prompt\" is a text that is not empty");
    }
    record.prompt = prompt->get<std::string>();
  }
  const auto input = number_of(object, "input_length", 1, kLengthMaxTokens);
  if (!input) return input.error();
  const auto output = number_of(object, "output_length", 1, kLengthMaxTokens);
  if (!output) return output.error();
  const auto time = number_of(object, "timestamp", 0, kTimeMaxMs);
  if (!time) return time.error();
  auto blocks = blocks_of(object);
  if (!blocks) return blocks.error();
  if (!record.prompt && !*input) return wrong("neither \"prompt\" nor \"input_length\"");

  if (*input && !record.prompt) record.input_tokens = static_cast<std::uint32_t>(**input);
  if (*output) record.output_tokens = static_cast<std::uint32_t>(**output);
  if (*time) record.time = std::chrono::milliseconds(**time);
  record.blocks = *std::move(blocks);
  return record;
}

Result<std::vector<RequestRecord>> read_request_file(const std::string& path) {
  std::ifstream file(path);
  if (!file) return Error{ErrorCode::kNotFound, "cannot read " + path};
  std::vector<RequestRecord> records;
  std::size_t bytes = 0;
  std::size_t number = 0;
  std::string line;
  while (std::getline(file, line)) {
    ++number;
    const std::string where = path + ":" + std::to_string(number) + ": ";
    bytes += line.size() + 1;
    if (line.size() > kLineBytesMax) return wrong(where + "more than 1 MiB in one line");
    if (bytes > kFileBytesMax || records.size() == kRecordsMax) {
      return wrong(where + "beyond the limit of 256 MiB and 1048576 requests");
    }
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    auto record = parse_request_record(line);
    if (!record) return wrong(where + record.error().message);
    records.push_back(*std::move(record));
  }
  if (file.bad()) return Error{ErrorCode::kNotFound, "cannot read " + path};
  if (records.empty()) return wrong(path + ": no request");
  return records;
}

Result<std::vector<Duration>> recorded_times(const std::vector<RequestRecord>& records, double speed) {
  std::vector<Duration> times;
  times.reserve(records.size());
  for (const RequestRecord& record : records) {
    const std::string number = std::to_string(times.size() + 1);
    if (!record.time) return wrong("request " + number + " of the file has no \"timestamp\"");
    const Duration time(static_cast<std::int64_t>(static_cast<double>(record.time->count()) / speed));
    if (!times.empty() && time < times.back())
      return wrong("request " + number + " of the file is earlier than the one before");
    times.push_back(time);
  }
  return times;
}

}  // namespace sluice::load
