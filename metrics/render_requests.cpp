// What ingress, tokenizer and responder tell: requests, clients, streams, latencies.
#include <string>

#include "metrics/render_parts.h"

namespace sluice::metrics {

namespace {

using prometheus::MetricType;

// A series for every code there is.
void add_by_code(const ErrorCounts& counts, Families& out) {
  for (std::size_t number = 1; number < ErrorCounts::kCodesMax; ++number) {
    const auto code = static_cast<ErrorCode>(number);
    if (to_string(code) == "unknown") break;
    out.add({{"code", std::string(to_string(code))}}, counts.of(code));
  }
}

void render_recording(const RecordingCounts& recording, Families& out) {
  out.gauge("sluice_recording_up", "1 while what passes is being recorded.", recording.is_up ? 1 : 0);
  out.begin("sluice_recording_messages_total", "Messages in the recording.", MetricType::Counter);
  out.add({{"link", "ingress"}}, recording.ingress_total);
  out.add({{"link", "responses"}}, recording.responses_total);
  out.begin("sluice_recording_dropped_total", "Messages that are missing in the recording, by what was full.",
            MetricType::Counter);
  out.add({{"full", "queue"}}, recording.dropped_queue_total);
  out.add({{"full", "file"}}, recording.dropped_write_total);
  out.gauge("sluice_recording_bytes", "Size of the recording's file.", recording.bytes_total);
}

}  // namespace

void render_ingress(const IngressSnapshot& ingress, const EngineFacts& facts, Families& out) {
  const LedgerStats& ledger = ingress.ledger;
  out.gauge("sluice_up", "1 while requests are taken.", ingress.is_up ? 1 : 0);
  out.counter("sluice_requests_accepted_total", "Requests answered with Accepted for the first time.",
              ledger.accepted_total);
  out.counter("sluice_requests_retried_total", "Repeated Generate messages that joined their request.",
              ledger.retried_total);
  out.begin("sluice_requests_refused_total", "Failed messages by the ingress itself.", MetricType::Counter);
  add_by_code(ledger.failed, out);
  out.gauge("sluice_requests_running", "Requests that hold an admission credit.", ledger.requests_running);
  out.gauge("sluice_requests_max", "Admission credits.", facts.max_requests);
  out.gauge("sluice_requests_kept", "Ended requests that can still be attached to.", ledger.requests_kept);
  out.gauge("sluice_ingress_connections", "Connections that have said Hello.", ledger.connections);
  out.gauge("sluice_ingress_sessions", "Sessions, idle ones included.", ledger.sessions);
  out.gauge("sluice_ingress_attachments", "Connections that take a request's output, counted per request.",
            ledger.attachments);
  out.begin("sluice_admission_refused_total", "Requests that admission refused, by what was lacking.",
            MetricType::Counter);
  out.add({{"lack", "places"}}, ledger.overloaded_total - ledger.overloaded_tokens_total -
                                    ledger.overloaded_wait_total - ledger.overloaded_held_up_total);
  out.add({{"lack", "prompt_tokens"}}, ledger.overloaded_tokens_total);
  out.add({{"lack", "time"}}, ledger.overloaded_wait_total);
  out.add({{"lack", "tokenizer"}}, ledger.overloaded_held_up_total);
  out.gauge("sluice_admission_queued_prompt_tokens", "Prompt tokens of requests that have shown no output, estimated.",
            ledger.queued_prompt_tokens);
  out.counter("sluice_ingress_undecodable_total", "Messages of clients that were none, or came before Hello.",
              ledger.garbage_total);
  out.counter("sluice_ingress_connections_lost_total", "Connections that ended.", ledger.lost_total);
  out.counter("sluice_ingress_connections_muted_total", "Connections cut because of the garbage they sent.",
              ledger.muted_total);
  out.counter("sluice_ingress_muted_messages_total", "Messages of muted connections, dropped unread.",
              ledger.dropped_total);
  out.counter("sluice_ingress_dropped_total", "Messages beyond the socket's limits, dropped without an answer.",
              ingress.dropped_total);
  out.counter("sluice_ingress_stray_total", "Answers and releases for attachments that were gone.", ledger.stray_total);
  out.counter("sluice_ingress_clients_cut_total", "Connections cut because the client had stopped reading.",
              ledger.stalled_total);
  render_recording(ingress.recording, out);
}

void render_tokenizer(const TokenizerSnapshot& tokenizer, Families& out) {
  out.begin("sluice_tokenizer_prompts_total", "Prompts.", MetricType::Counter);
  out.add({{"outcome", "encoded"}}, tokenizer.encoded_total);
  out.add({{"outcome", "refused"}}, tokenizer.refused_total);
  out.counter("sluice_tokenizer_tokens_total", "Tokens of encoded prompts.", tokenizer.tokens_total);
  out.seconds("sluice_tokenizer_busy_seconds_total", "Time spent on encoding.", tokenizer.busy_us_total);
}

void render_responder(const ResponderSnapshot& responder, Families& out) {
  const StreamTableStats& table = responder.table;
  const StreamCounts& counts = responder.counts;
  out.begin("sluice_requests_finished_total", "Accepted requests that ended with Finished.", MetricType::Counter);
  for (std::size_t i = 0; i < counts.finished_total.size(); ++i) {
    out.add({{"reason", std::string(to_string(static_cast<FinishReason>(i)))}}, counts.finished_total[i]);
  }
  out.begin("sluice_requests_failed_total", "Accepted requests that ended with Failed.", MetricType::Counter);
  add_by_code(counts.failed_total, out);
  out.gauge("sluice_streams_running", "Streams whose sequence has not ended.", table.streams_running);
  out.gauge("sluice_streams_draining", "Ended, and some client has not got everything.", table.streams_draining);
  out.gauge("sluice_streams_kept", "Kept for Attach.", table.streams_kept);
  out.gauge("sluice_streams_kept_bytes", "Memory of kept streams.", table.kept_bytes);
  out.gauge("sluice_streams_paused", "Running ones whose client grants no credit.", table.streams_paused);
  out.gauge("sluice_streams_backlog_tokens", "Tokens of running and draining streams that nobody was sent.",
            table.backlog_tokens);
  out.counter("sluice_streams_sent_tokens_total", "Tokens sent, counted once per attachment.", table.tokens_total);
  out.counter("sluice_streams_stop_matches_total", "Stop strings found.", table.stop_matches_total);
  out.counter("sluice_streams_overrun_tokens_total", "Tokens computed behind a stop string.",
              table.overrun_tokens_total);
  out.counter("sluice_streams_stray_total", "Messages for sequences that were over.", table.stray_total);
  out.histogram("sluice_time_to_first_token_seconds", "Admission to the first output token.", counts.first_token_us);
  out.histogram("sluice_time_between_tokens_seconds", "From one output token of a sequence to the next.",
                counts.between_tokens_us);
  out.histogram("sluice_request_seconds", "Admission to the end, of requests that ended with stop or length.",
                counts.request_us);
}

}  // namespace sluice::metrics
