#include "cli/recording_summary.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <variant>

#include "pipeline/log/log_event.h"
#include "pipeline/log/log_line.h"
#include "transport/codec/client_codec.h"

namespace sluice::cli {
namespace {

using Json = nlohmann::ordered_json;
using transport::RecordedLink;

constexpr std::size_t kShownBytesMax = 64;

std::string escaped(std::string_view text) {
  std::string out;
  append_quoted(text, kShownBytesMax, out);
  return out;
}

std::string seconds(std::uint64_t us) {
  std::string fraction = std::to_string(1'000'000 + us % 1'000'000);
  return std::to_string(us / 1'000'000) + "." + fraction.substr(1);
}

std::string number(std::string_view name, std::uint64_t value) {
  return " " + std::string(name) + "=" + std::to_string(value);
}

// ---- the messages in words ------------------------------------------------------------------------------------------

constexpr std::string_view kClientKinds[] = {"hello", "generate", "attach", "cancel", "credit"};
constexpr std::string_view kServerKinds[] = {"welcome", "accepted", "tokens", "finished", "failed"};

std::string words_of(const Hello& hello) {
  return " client=" + escaped(hello.client_name) + (hello.session ? " resuming" : "");
}
std::string words_of(const Generate& generate) {
  const std::size_t size = std::visit([](const auto& prompt) { return prompt.size(); }, generate.prompt);
  static constexpr std::string_view kPrompts[] = {"prompt_bytes", "prompt_ids", "prompt_chat"};
  std::string words = " id=" + escaped(generate.request_id) + number(kPrompts[generate.prompt.index()], size) +
                      number("max_tokens", generate.max_tokens);
  if (generate.seed) words += number("seed", *generate.seed);
  if (generate.deadline_ms != 0) words += number("deadline_ms", generate.deadline_ms);
  return words;
}
std::string words_of(const Attach& attach) {
  return " id=" + escaped(attach.request_id) + number("from_index", attach.from_index);
}
std::string words_of(const Cancel& cancel) {
  return " id=" + escaped(cancel.request_id);
}
std::string words_of(const Credit& credit) {
  return " id=" + escaped(credit.request_id) + number("up_to_index", credit.up_to_index);
}
std::string words_of(const Welcome& welcome) {
  return " model=" + escaped(welcome.model);
}
std::string words_of(const Accepted& accepted) {
  return " id=" + escaped(accepted.request_id) + number("seed", accepted.seed);
}
std::string words_of(const Tokens& tokens) {
  return " id=" + escaped(tokens.request_id) + number("first_index", tokens.first_index) +
         number("tokens", tokens.token_ids.size()) + " text=" + escaped(tokens.text);
}
std::string words_of(const Finished& finished) {
  return " id=" + escaped(finished.request_id) + " reason=" + std::string(to_string(finished.reason)) +
         number("output_tokens", finished.usage.output_tokens);
}
std::string words_of(const Failed& failed) {
  return " id=" + escaped(failed.request_id) + " code=" + std::string(to_string(failed.error.code)) +
         " message=" + escaped(failed.error.message);
}

std::string message_words(const transport::RecordedMessage& message) {
  if (message.link == RecordedLink::kIngress) {
    if (const auto decoded = transport::decode_client_frame(message.frame); decoded.ok()) {
      return std::string(kClientKinds[decoded->index()]) +
             std::visit([](const auto& typed) { return words_of(typed); }, *decoded);
    }
  } else if (const auto decoded = transport::decode_server_frame(message.frame); decoded.ok()) {
    return std::string(kServerKinds[decoded->index()]) +
           std::visit([](const auto& typed) { return words_of(typed); }, *decoded);
  }
  return "unknown" + number("bytes", message.frame.size());
}

// ---- sums -----------------------------------------------------------------------------------------------------------

template <class Counts>
std::uint64_t total(const Counts& counts) {
  std::uint64_t sum = 0;
  for (const auto& [name, count] : counts) sum += count;
  return sum;
}

template <class Counts>
std::string in_words(const Counts& counts) {
  std::string words;
  for (const auto& [name, count] : counts) {
    if (!words.empty()) words += ", ";
    words += name + " " + std::to_string(count);
  }
  return words.empty() ? "" : " (" + words + ")";
}

std::string line(std::string_view name, const std::string& value) {
  std::string out(name);
  out.resize(std::max<std::size_t>(out.size() + 1, 14), ' ');
  return out + value + "\n";
}

std::string links_of(const transport::RecordingHeader& header) {
  std::string links = header.has_ingress ? "ingress" : "";
  if (header.has_responses) links += links.empty() ? "responses" : ", responses";
  return links;
}

std::string time_of(std::uint64_t unix_us) {
  using namespace std::chrono;
  const system_clock::time_point time{duration_cast<system_clock::duration>(microseconds(unix_us))};
  const std::string with_rest = line_of({time, "", LogLevel::kInfo, ""}, LogFormat::kText);
  return with_rest.substr(0, with_rest.find(' '));
}

}  // namespace

void RecordingSummary::add(const transport::RecordedItem& item) {
  if (const auto* message = std::get_if<transport::RecordedMessage>(&item)) return add_message(*message);
  if (const auto* loss = std::get_if<transport::RecordedLoss>(&item)) {
    ++losses_;
    duration_us_ = std::max(duration_us_, loss->time_us);
  } else if (const auto* gap = std::get_if<transport::RecordedGap>(&item)) {
    ++gaps_;
    gap_messages_ += gap->num_messages;
  } else {
    const auto& damage = std::get<transport::RecordedDamage>(item);
    ++damages_;
    damaged_bytes_ += damage.size_bytes;
    damaged_records_ += damage.num_records;
  }
}

void RecordingSummary::add_message(const transport::RecordedMessage& message) {
  duration_us_ = std::max(duration_us_, message.time_us);
  connections_.insert(message.connection);
  if (message.link == RecordedLink::kIngress) {
    const auto decoded = transport::decode_client_frame(message.frame);
    ++ingress_[std::string(decoded.ok() ? kClientKinds[decoded->index()] : "unknown")];
    return;
  }
  const auto decoded = transport::decode_server_frame(message.frame);
  ++responses_[std::string(decoded.ok() ? kServerKinds[decoded->index()] : "unknown")];
  if (!decoded.ok()) return;
  if (const auto* accepted = std::get_if<Accepted>(&*decoded)) {
    running_.emplace(message.connection, accepted->request_id);
  } else if (const auto* finished = std::get_if<Finished>(&*decoded)) {
    running_.erase({message.connection, finished->request_id});
    ++outcomes_[std::string(to_string(finished->reason))];
  } else if (const auto* failed = std::get_if<Failed>(&*decoded)) {
    const bool ends =
        failed->error.code != ErrorCode::kIdConflict && running_.erase({message.connection, failed->request_id}) > 0;
    ++(ends ? outcomes_ : refusals_)[std::string(to_string(failed->error.code))];
  }
}

std::string RecordingSummary::text() const {
  std::string out = line("recording", escaped(path_) + ", " + std::to_string(size_bytes_) + " bytes, format version " +
                                          std::to_string(transport::kRecordingVersion));
  out += line("began", time_of(header_.started_unix_us));
  out += line("duration", seconds(duration_us_) + " s");
  out += line("model", escaped(header_.model));
  out += line("stages", escaped(header_.topology));
  out += line("links", links_of(header_));
  out += line("connections", std::to_string(connections_.size()) + " (lost " + std::to_string(losses_) + ")");
  out += line("ingress", std::to_string(total(ingress_)) + in_words(ingress_));
  out += line("responses", std::to_string(total(responses_)) + in_words(responses_));
  out += line("outcomes", std::to_string(total(outcomes_)) + in_words(outcomes_));
  out += line("refusals", std::to_string(total(refusals_)) + in_words(refusals_));
  if (!running_.empty()) out += line("without end", std::to_string(running_.size()));
  if (gaps_ > 0)
    out += line("gaps", std::to_string(gaps_) + ", " + std::to_string(gap_messages_) + " messages missing");
  if (damages_ > 0) {
    out += line("damage", std::to_string(damages_) + " places, " + std::to_string(damaged_bytes_) + " bytes, " +
                              std::to_string(damaged_records_) + " records lost");
  }
  if (end_.torn_bytes > 0) {
    out += line("torn tail",
                std::to_string(end_.torn_bytes) + " bytes from offset " + std::to_string(end_.torn_offset) + " on");
  }
  out += line("end", end_.is_closed ? "closed" : "not closed: the engine crashed, or is still recording");
  return out;
}

std::string RecordingSummary::json() const {
  const Json json = {{"path", path_},
                     {"bytes", size_bytes_},
                     {"format_version", transport::kRecordingVersion},
                     {"protocol_version", header_.protocol_version},
                     {"started_unix_us", header_.started_unix_us},
                     {"duration_us", duration_us_},
                     {"model", header_.model},
                     {"stages", header_.topology},
                     {"links", {{"ingress", header_.has_ingress}, {"responses", header_.has_responses}}},
                     {"connections", connections_.size()},
                     {"connections_lost", losses_},
                     {"ingress", Json(ingress_)},
                     {"responses", Json(responses_)},
                     {"outcomes", Json(outcomes_)},
                     {"refusals", Json(refusals_)},
                     {"without_end", running_.size()},
                     {"gaps", {{"count", gaps_}, {"messages", gap_messages_}}},
                     {"damage", {{"places", damages_}, {"bytes", damaged_bytes_}, {"records", damaged_records_}}},
                     {"torn_tail", {{"offset", end_.torn_offset}, {"bytes", end_.torn_bytes}}},
                     {"closed", end_.is_closed}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string item_line(const transport::RecordedItem& item) {
  if (const auto* message = std::get_if<transport::RecordedMessage>(&item)) {
    return seconds(message->time_us) + "  #" + std::to_string(message->connection) +
           (message->link == RecordedLink::kIngress ? "  ->  " : "  <-  ") + message_words(*message) + "\n";
  }
  if (const auto* loss = std::get_if<transport::RecordedLoss>(&item)) {
    return seconds(loss->time_us) + "  #" + std::to_string(loss->connection) + "  connection lost\n";
  }
  if (const auto* gap = std::get_if<transport::RecordedGap>(&item)) {
    return seconds(gap->time_us) + "  " + std::to_string(gap->num_messages) + " messages are missing here\n";
  }
  const auto& damage = std::get<transport::RecordedDamage>(item);
  return "damaged: " + std::to_string(damage.size_bytes) + " bytes at offset " + std::to_string(damage.offset) + ", " +
         std::to_string(damage.num_records) + " records lost\n";
}

}  // namespace sluice::cli
