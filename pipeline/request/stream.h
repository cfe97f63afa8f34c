// Stream: one sequence's output and the attachments that take it.
//
// Owns: the output log, attachments, and the terminal message once there is one.
// Confined: the responder actor, inside its StreamTable, whose header states the rules.
// Units: tokens; credit is an index: the client takes tokens below it.
// Invariant: an attachment never gets a token at or above its credit, nor any message after its terminal one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/id.h"
#include "base/messages/client.h"
#include "base/messages/pipeline.h"
#include "pipeline/request/output_log.h"
#include "pipeline/request/request_news.h"

namespace sluice {

// One message as one frame: the codec's part, injected.
using EncodeMessage = std::function<std::vector<std::byte>(const ServerMessage&)>;

// To the ingress, before answers are joined to messages.
using StreamOutput = std::variant<ClientAnswer, StreamReleased>;

// Where a stream's answers go, for the length of one call.
struct AnswerSink {
  const EncodeMessage& encode;
  std::uint32_t message_tokens_max;
  std::vector<StreamOutput>& answers;
  std::uint64_t& tokens_total;
};

class Stream {
 public:
  Stream(const StreamOpen& open, OutputLog log);

  // The attachment of this route, from now on; replaces an earlier one of the same route.
  void attach(const StreamAttach& attach, AnswerSink& sink);
  void credit(const ClientRoute& route, std::uint64_t up_to_index, AnswerSink& sink);
  void detach(const ClientRoute& route);

  struct Appended {
    std::optional<StreamStop> stop;  // Tell the batcher.
    bool is_match = false;           // Because of a stop string, rather than of an error.
    std::uint64_t overrun_tokens = 0;
  };
  // Before end().
  Appended append(StreamTokens tokens, AnswerSink& sink);
  // Something is wrong with the sequence: it fails, whatever its end says. The first reason counts.
  StreamStop fail(Error error);

  // Fixes the terminal message, and sends what may be sent. Once.
  RequestEnded end(StreamEnd end, AnswerSink& sink);
  // Sends the terminal message to everybody still attached, credit or not. After end().
  void dismiss_all(AnswerSink& sink);

  bool is_ended() const { return terminal_.has_value(); }
  // After end(): whether the result is worth keeping for late attachments.
  bool is_worth_keeping() const { return is_worth_keeping_; }
  // Whether the batcher should compute no further; see StreamTable's rules. Before end().
  bool is_starved(std::uint32_t client_window_tokens) const;

  // After end(): of the prompt, as the end told; 0: not known.
  std::uint32_t prompt_tokens() const { return prompt_tokens_; }

  // Whether more tokens are of use.
  bool is_open() const { return !log_.is_over() && !decided_ && !terminal_; }
  std::size_t num_attachments() const { return attachments_.size(); }
  std::uint64_t num_tokens() const { return log_.num_tokens(); }
  std::uint64_t backlog_tokens() const;
  std::uint64_t size_bytes() const;

 private:
  struct Attachment {
    ClientRoute route;
    std::uint64_t next_index = 0;  // Of the next token to send.
    std::uint64_t credit_end = 0;
    bool has_rest = false;  // Got the text that the end released.
  };

  void deliver(AnswerSink& sink);
  void send_tokens(Attachment& attachment, AnswerSink& sink);
  void send(const Attachment& attachment, Tokens tokens, AnswerSink& sink) const;
  bool has_everything(const Attachment& attachment) const;
  void send_terminal(const Attachment& attachment, AnswerSink& sink) const;

  SequenceId sequence_;
  std::string request_id_;
  OutputLog log_;
  std::optional<std::variant<FinishReason, Error>> decided_;  // By us, ahead of the sequence's end.
  std::vector<Attachment> attachments_;
  std::uint64_t taken_end_ = 0;  // All tokens below were sent to somebody.
  std::optional<std::vector<std::byte>> terminal_;
  bool is_worth_keeping_ = false;
  bool terminal_shows_output_ = false;
  std::uint32_t prompt_tokens_ = 0;
};

}  // namespace sluice
