// Ledger: what the ingress knows of its clients and their requests, and the rules by which it answers them.
//
// A pure state machine: messages and `now` go in, values to send come out. Nothing here blocks, sleeps or draws
// numbers.
//
// Owns: sessions, connections, requests by (session, request id), attachments, admission credits.
// Confined: the ingress actor.
// Units: milliseconds in the configuration, TimePoint elsewhere.
// Errors: all become Failed messages in the returned actions; nothing a client sends is a check failure.
//
// Rules (docs/PROTOCOL.md states them for clients):
//  - A connection that sends too much garbage is muted: it counts as lost, and what it sends is dropped unread.
//  - A connection says Hello first; anything before it is Failed{protocol_violation}. A second Hello starts over, as if
//    the connection had been lost in between (a client may restart under its routing id).
//  - Generate whose id is in use in the session: with another body Failed{id_conflict}, and the first request is not
//    touched; with an equal body (all but deadline, credit, grace and trace compared) it is a retry, and is answered
//    like Attach from index 0. Failed{id_conflict} is the only answer that is not about the attachment of the same id.
//  - An attachment is a connection that takes one request's output. Attaching again on the same connection replaces it.
//    Each attachment gets one terminal message, which the responder writes. The exception: the result vanished while
//    the attach was on its way; then the ledger ends the attachment, with Failed{not_found} for an Attach and a
//    retryable Failed{unavailable} for a repeated Generate.
//  - One admission credit per request from Accepted to the terminal message of its last attachment, so that a client
//    that has its answer may send the next request at once; to its first StreamReleased where an attachment was lost
//    or replaced, as the responder may still have to hear of that. None left: Failed{overloaded}, as where too many
//    prompt tokens are queued or the deadline cannot be met (pipeline/request/admission.h).
//  - A request whose last attachment was lost is cancelled when resume_grace_ms is over.
//
// Order: send to_responder before to_tokenizer, so that a stream is open before anything else hears of it.
// The routes in to_responder name attachments, not sockets (8 bytes): what the responder sends back goes through
// on_answer, which says where it goes now, so that an answer on its way to a lost or replaced attachment reaches
// nobody.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/error_counts.h"
#include "base/id.h"
#include "base/messages/client.h"
#include "base/messages/pipeline.h"
#include "pipeline/request/admission.h"
#include "pipeline/request/body_hash.h"
#include "pipeline/request/limits.h"
#include "pipeline/request/offenders.h"
#include "pipeline/request/prompt_sizes.h"
#include "pipeline/request/request_news.h"
#include "pipeline/request/session_table.h"

namespace sluice {

struct LedgerConfig {
  std::string model;                           // For Welcome.
  std::uint32_t max_requests = 256;            // Admission credits; 1 or more.
  std::uint64_t max_queued_prompt_tokens = 0;  // 0: as AdmissionLimits says.
  std::uint32_t context_tokens = 0;            // For Welcome; no prompt counts for more. 0: no limit.
  std::uint32_t client_window_tokens = 512;    // Credit where a client names none; 1 or more.
  std::uint32_t message_bytes_max = 1u << 20;  // For Welcome; the ingress actor enforces it.
  SamplingParams sampling_defaults;
  RequestLimits limits;
  SessionLimits sessions;
  std::uint32_t max_attachments = 8;           // Per request.
  std::uint32_t garbage_messages_max = 1'000;  // Of a connection, more than good ones: then it is muted.
};

// Fresh randomness for one message: getrandom in the actor, a seeded generator in tests.
struct Entropy {
  std::uint64_t seed = 0;  // For a Generate without one.
  SessionToken token;      // For a Hello without one.
};

struct IngressActions {
  std::vector<ResponderInput> to_responder;  // Send these first.
  std::vector<TokenizerInput> to_tokenizer;
  std::vector<std::pair<ClientRoute, ServerMessage>> to_clients;
  std::vector<IngressNews> news;
};

struct LedgerStats {
  std::uint32_t sessions = 0;
  std::uint32_t connections = 0;
  std::uint32_t attachments = 0;
  std::uint32_t requests_running = 0;          // Each holds an admission credit.
  std::uint32_t requests_kept = 0;             // Ended, and still attachable.
  std::uint64_t accepted_total = 0;            // Generates that became requests.
  std::uint64_t retried_total = 0;             // Generates that joined their earlier self.
  std::uint64_t queued_prompt_tokens = 0;      // Of requests that have shown no output yet, as estimated.
  std::uint64_t overloaded_total = 0;          // Generates refused by admission, for whatever reason;
  std::uint64_t overloaded_tokens_total = 0;   // of these, for want of room for prompt tokens,
  std::uint64_t overloaded_wait_total = 0;     // because the deadline would have passed before the first token,
  std::uint64_t overloaded_held_up_total = 0;  // because the tokenizer's queue was full.
  std::uint64_t lost_total = 0;                // Connections that ended;
  std::uint64_t stalled_total = 0;             // that were cut because the client had stopped reading;
  std::uint64_t muted_total = 0;               // that were cut because of what they sent.
  std::uint64_t garbage_total = 0;             // Messages that were none, or came before Hello.
  std::uint64_t dropped_total = 0;             // Messages of muted connections, unread.
  std::uint64_t refused_total = 0;             // All other Failed messages of the ledger.
  std::uint64_t stray_total = 0;               // Answers and releases for what the ledger does not know.
  ErrorCounts failed;  // All Failed messages of the ledger by code, overloaded ones included.
};

class Ledger {
 public:
  explicit Ledger(LedgerConfig config);

  IngressActions on_client(const ClientRoute& route, ClientMessage message, TimePoint now, const Entropy& entropy);
  // Bytes of a client that are no message. The connection goes on, until there have been too many of them.
  IngressActions on_undecodable(const ClientRoute& route, const Error& error, TimePoint now);
  // Whether to drop a message unread, which this counts: its connection is muted.
  bool drops(const ClientRoute& route);
  // The peer is gone (socket monitor, EHOSTUNREACH). Unknown routes are ignored.
  IngressActions on_disconnected(const ClientRoute& route, TimePoint now);
  // The peer has stopped reading: its queue is full. It counts as gone, whatever still comes from it.
  IngressActions on_stalled(const ClientRoute& route, TimePoint now);

  // Where the frame of an answer goes; nothing: its attachment is gone, drop it.
  std::optional<ClientRoute> on_answer(const ClientAnswer& answer, TimePoint now);
  IngressActions on_released(const StreamReleased& released, TimePoint now);

  // Grace periods and idle sessions that are over. next_timer: when to call it; never() if there is nothing to wait
  // for.
  IngressActions on_timer(TimePoint now);
  TimePoint next_timer() const;

  // Whether the queue to the tokenizer is full: new requests are refused, everything else goes on.
  void set_held_up(bool is_held_up) { is_held_up_ = is_held_up; }

  // While set, new requests are refused with it (kUnavailable whatever its code); running ones go on.
  void set_unavailable(std::optional<Error> reason);

  LedgerStats stats() const;
  // Aborts if the indexes contradict each other.
  void check_invariants() const;

 private:
  struct Attachment {
    ClientRoute connection;
    SequenceId sequence;
    bool is_retry = false;  // Came from a repeated Generate rather than an Attach.
  };
  struct Request {
    SessionToken session;
    std::string request_id;
    BodyHash body;
    std::uint64_t seed = 0;
    std::uint32_t resume_grace_ms = 0;
    Admission::Place place;
    PromptSizes::Measure prompt;  // Until its length is known.
    bool is_ended = false;        // Its admission credit is back; the result is kept.
    bool is_cancelled = false;    // SequenceCancel went out.
    bool has_detached = false;    // A StreamDetach went out.
    std::optional<TimePoint> grace_end;
    std::vector<std::uint64_t> attachments;
  };

  void on_message(const ClientRoute& route, Hello hello, TimePoint now, const Entropy& entropy, IngressActions& out);
  void on_message(const ClientRoute& route, Generate generate, TimePoint now, const Entropy& entropy,
                  IngressActions& out);
  void on_message(const ClientRoute& route, Attach attach, TimePoint now, const Entropy& entropy, IngressActions& out);
  void on_message(const ClientRoute& route, Cancel cancel, TimePoint now, const Entropy& entropy, IngressActions& out);
  void on_message(const ClientRoute& route, Credit credit, TimePoint now, const Entropy& entropy, IngressActions& out);

  // False if there is no such connection.
  bool disconnect(const ClientRoute& route, TimePoint now, IngressActions& out);
  void refuse_garbage(const ClientRoute& route, Error error, TimePoint now, IngressActions& out);
  Result<void> admit(const Generate& generate, TimePoint now, Request& request);
  void accept(const ClientRoute& route, Generate generate, Request request, const Entropy& entropy,
              IngressActions& out);
  void attach(const ClientRoute& route, SequenceId sequence, const std::string& request_id, std::uint64_t from_index,
              std::uint64_t credit_tokens, bool is_retry, IngressActions& out);
  std::uint64_t add_attachment(const ClientRoute& route, SequenceId sequence, Request& request, bool is_retry);
  void detach(std::uint64_t attachment, IngressActions& out);
  void remove_attachment(std::uint64_t attachment);
  void start_grace(SequenceId sequence, TimePoint now, IngressActions& out);
  void stop_grace(SequenceId sequence, Request& request);
  void cancel(SequenceId sequence, IngressActions& out);
  void end(SequenceId sequence, Request& request, TimePoint now);
  void refuse(const ClientRoute& route, std::string request_id, Error error, IngressActions& out);

  LedgerConfig config_;
  SessionTable sessions_;
  Admission admission_;
  PromptSizes prompt_sizes_;
  Offenders offenders_;
  bool is_held_up_ = false;
  std::optional<Error> unavailable_;
  std::unordered_map<SequenceId, Request> requests_;
  std::unordered_map<std::uint64_t, Attachment> attachments_;  // By the number that a route of ours spells.
  std::set<std::pair<TimePoint, SequenceId>> grace_ends_;
  std::uint64_t last_sequence_ = 0;
  std::uint64_t last_attachment_ = 0;
  LedgerStats totals_;  // Only the *_total fields.
};

}  // namespace sluice
