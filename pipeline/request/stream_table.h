// StreamTable: the output of every sequence on its way from the batcher to the clients attached to it.
//
// A pure state machine: messages and `now` go in, values to send come out.
//
// Owns: per sequence the detokenizer, the stop matcher, the tokens and text so far, attachments with cursor and credit;
// results kept for late attachments; what arrived ahead of its StreamOpen.
// Confined: the responder actor.
// Units: tokens, bytes; milliseconds in the configuration.
// Errors: what the batcher sends out of turn fails its sequence with Failed{internal}; nothing received is checked by
// aborting.
//
// Rules (docs/PROTOCOL.md states them for clients):
//  - Sequences come with increasing ids (the ledger draws them so): an unknown id above all opened ones is early and
//    waits for its StreamOpen, any other unknown id is over and is ignored.
//  - A token is sent once its text can no longer become part of a stop string, and below the attachment's credit. The
//    text of a Tokens message is what its tokens contributed; a character belongs to the token that completes it. Only
//    the last Tokens message may have text without tokens: what the end of the output releases.
//  - A stream is paused while no attachment has credit for a further token; without an attachment, while it is
//    client_window_tokens ahead of what has been sent to anybody.
//  - On a stop match the batcher gets StreamStop, further tokens are dropped, and the sequence is Finished{stop}
//    whatever its StreamEnd says. Finished.usage.output_tokens is what this table counts.
//  - Finished{stop, length, deadline} waits until credit let all tokens go before it; at most drain_ms and not beyond
//    the request's deadline, then it is sent and the rest is not. Failed and Finished{cancelled} do not wait: they
//    follow at once what credit allows, and the rest is not sent. Attachments that come after the end are paced by
//    their credit in each case.
//  - The result, terminal message included, is kept for Attach within the retention bounds, unless it is a Failed that
//    a retry could cure: that one is forgotten at once. Who is still attached when a result is forgotten gets the
//    terminal message then.
//  - The first StreamReleased of a sequence follows the terminal messages of those attached at its end, so that a
//    client who stops reading holds an admission credit rather than memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/id.h"
#include "base/messages/client.h"
#include "base/messages/pipeline.h"
#include "pipeline/request/early_streams.h"
#include "pipeline/request/request_news.h"
#include "pipeline/request/retention.h"
#include "pipeline/request/stream.h"
#include "pipeline/request/stream_counts.h"
#include "pipeline/trace/stream_tracer.h"

namespace sluice {

class Tokenizer;

struct StreamTableConfig {
  std::uint32_t client_window_tokens = 512;  // 1 or more.
  std::uint32_t message_tokens_max = 256;    // Of one Tokens message (OutputLog::message_end); 1 or more.
  std::uint32_t drain_ms = 30'000;           // How long a Finished waits for credit.
  RetentionLimits retention;
  EarlyLimits early;
};

struct ResponderActions {
  std::vector<StreamOutput> to_ingress;  // In this order.
  std::vector<ResponderSignal> to_batcher;
  std::vector<RequestEnded> ended;
};

struct StreamTableStats {
  std::uint32_t streams_running = 0;
  std::uint32_t streams_draining = 0;  // Ended, terminal message not yet with all who were attached.
  std::uint32_t streams_kept = 0;
  std::uint32_t streams_paused = 0;
  std::uint32_t streams_early = 0;
  std::uint32_t attachments = 0;
  std::uint64_t kept_bytes = 0;
  std::uint64_t backlog_tokens = 0;  // Produced by running and draining streams, and sent to nobody yet.
  std::uint64_t tokens_total = 0;    // Sent, counted once per attachment.
  std::uint64_t stop_matches_total = 0;
  std::uint64_t overrun_tokens_total = 0;  // Dropped behind a stop match.
  std::uint64_t stray_total = 0;           // Messages for sequences that are over.
};

class StreamTable {
 public:
  // The tokenizer outlives the table. `encode` turns one message into one frame.
  StreamTable(StreamTableConfig config, const Tokenizer& tokenizer, EncodeMessage encode);

  ResponderActions on_message(ResponderInput message, TimePoint now);

  ResponderActions on_timer(TimePoint now);
  TimePoint next_timer() const;

  StreamTableStats stats() const;
  const StreamCounts& counts() const { return counts_; }
  // Aborts if the indexes contradict each other or a bound is exceeded.
  void check_invariants() const;

 private:
  void on(StreamOpen open, TimePoint now, ResponderActions& out);
  void on(StreamAttach attach, TimePoint now, ResponderActions& out);
  void on(StreamCredit credit, TimePoint now, ResponderActions& out);
  void on(StreamDetach detach, TimePoint now, ResponderActions& out);
  void on(StepTokens tokens, TimePoint now, ResponderActions& out);
  void on(StreamTokens tokens, TimePoint now, ResponderActions& out);
  void on(StreamEnd end, TimePoint now, ResponderActions& out);

  // An entry of streams_. A draining one has its place in drain_ends_, a kept one in retention_.
  enum class Phase : std::uint8_t { kRunning, kDraining, kKept };
  struct Entry {
    Stream stream;
    Phase phase = Phase::kRunning;
    bool is_paused = false;
    TimePoint drain_end;
    TimePoint deadline = TimePoint::never();
    std::unique_ptr<StreamTracer> tracer;  // Of a traced request, until its end.
    StreamTiming timing;
  };

  AnswerSink sink(ResponderActions& out);
  // Looks again at pause and drain after the stream changed.
  void settle(SequenceId sequence, TimePoint now, ResponderActions& out);
  void update_pause(SequenceId sequence, Entry& entry, ResponderActions& out);
  void release(SequenceId sequence, Entry& entry, TimePoint now, ResponderActions& out);
  void forget(SequenceId sequence, ResponderActions& out);
  // Attachments end with their terminal message.
  void drop_ended_routes(const ResponderActions& out);

  StreamTableConfig config_;
  const Tokenizer& tokenizer_;
  EncodeMessage encode_;
  std::unordered_map<SequenceId, Entry> streams_;
  std::unordered_map<std::string, std::set<SequenceId>> streams_of_route_;
  std::set<std::pair<TimePoint, SequenceId>> drain_ends_;
  Retention retention_;
  EarlyStreams early_;
  SequenceId last_opened_;
  StreamTableStats totals_;  // Only the *_total fields.
  StreamCounts counts_;
};

}  // namespace sluice
