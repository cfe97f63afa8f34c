// What `sluice inspect` tells of a recording: sums as text or JSON, and a line for each message.
//
// Ids and other texts of clients are escaped: none reaches the terminal as it is.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "transport/recording/reader.h"

namespace sluice::cli {

class RecordingSummary {
 public:
  RecordingSummary(std::string path, const transport::RecordingReader& reader)
      : path_(std::move(path)), header_(reader.header()), size_bytes_(reader.size_bytes()) {}

  void add(const transport::RecordedItem& item);
  void finish(const transport::RecordingEnd& end) { end_ = end; }

  // Several lines; one object on one line. Their ends included.
  std::string text() const;
  std::string json() const;

 private:
  using Counts = std::map<std::string, std::uint64_t, std::less<>>;

  void add_message(const transport::RecordedMessage& message);

  std::string path_;
  transport::RecordingHeader header_;
  std::uint64_t size_bytes_ = 0;
  std::uint64_t duration_us_ = 0;
  Counts ingress_;
  Counts responses_;
  Counts outcomes_;  // Of accepted requests, by client that asked: "stop", "stage_lost".
  Counts refusals_;  // Other Failed messages, by code.
  std::set<std::pair<std::uint32_t, std::string>> running_;  // Accepted, without an end so far.
  std::set<std::uint32_t> connections_;
  std::uint64_t losses_ = 0;
  std::uint64_t gaps_ = 0;
  std::uint64_t gap_messages_ = 0;
  std::uint64_t damages_ = 0;
  std::uint64_t damaged_bytes_ = 0;
  std::uint64_t damaged_records_ = 0;
  transport::RecordingEnd end_;
};

// "12.345678  #3  ->  generate id="a" ...": time in seconds, connection, direction (-> from the client), what.
std::string item_line(const transport::RecordedItem& item);

}  // namespace sluice::cli
