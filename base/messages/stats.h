// Snapshots of counts that travel between processes or that several parts keep, as plain values. Names ending in
// _total only grow while their owner lives; the others are as of now.
#pragma once

#include <cstdint>

#include "base/histogram.h"
#include "base/id.h"

namespace sluice {

// The sending end of a link.
struct LinkSenderStats {
  std::uint64_t messages_total = 0;  // Put on the wire for the first time in a session.
  std::uint64_t bytes_total = 0;
  std::uint64_t resent_total = 0;      // Messages sent again.
  std::uint64_t stalled_us_total = 0;  // Time in which a message waited and had no credit.
  std::uint64_t queued_messages = 0;   // Not acknowledged, sent or not.
  std::uint64_t unsent_messages = 0;   // Of these, not sent.
  std::uint64_t credit_messages = 0;   // May be sent before the receiver grants more.
  std::uint64_t credit_bytes = 0;

  // A link whose ends were made anew goes on counting where the former one ended.
  void add_totals(const LinkSenderStats& former) {
    messages_total += former.messages_total;
    bytes_total += former.bytes_total;
    resent_total += former.resent_total;
    stalled_us_total += former.stalled_us_total;
  }

  friend bool operator==(const LinkSenderStats&, const LinkSenderStats&) = default;
};

// The receiving end of a link.
struct LinkReceiverStats {
  std::uint64_t messages_total = 0;  // Arrived, in order.
  std::uint64_t bytes_total = 0;
  std::uint64_t held_messages = 0;  // Arrived and not dealt with.
  std::uint64_t held_bytes = 0;

  void add_totals(const LinkReceiverStats& former) {
    messages_total += former.messages_total;
    bytes_total += former.bytes_total;
  }

  friend bool operator==(const LinkReceiverStats&, const LinkReceiverStats&) = default;
};

struct ProcessUsage {
  std::uint64_t resident_bytes = 0;
  std::uint64_t open_descriptors = 0;

  friend bool operator==(const ProcessUsage&, const ProcessUsage&) = default;
};

// How a stage spent its time, see pipeline/stage/stage_meter.h.
struct StageTimes {
  std::uint64_t steps_total = 0;
  std::uint64_t tokens_total = 0;
  std::uint64_t busy_us_total = 0;
  std::uint64_t bubble_us_total = 0;
  TimeHistogram step_us;

  friend bool operator==(const StageTimes&, const StageTimes&) = default;
};

// Of one stage, by its actor; those of a worker travel over the control connection (control.h).
struct StageStats {
  std::uint32_t stage = 0;
  std::uint64_t snapshots_total = 0;  // This one included.
  StageTimes times;
  std::uint64_t weights_bytes = 0;
  std::uint64_t kv_cache_bytes = 0;
  LinkReceiverStats input;
  LinkSenderStats output;
  ProcessUsage process;  // That the stage runs in.

  friend bool operator==(const StageStats&, const StageStats&) = default;
};

}  // namespace sluice
