// A client that plays by hand what Client::generate() does by itself: credits, cancels, several requests, attachments.
// Every message it takes is checked against the protocol: Accepted first and once, tokens gapless and below the credit,
// whole UTF-8 characters, one terminal message and nothing after it.
//
// Owns:    the connection, and what came of each attachment.
// Errors:  a doctest failure for what the protocol excludes, and where nothing comes within kPatience.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/e2e/engine_under_test.h"

namespace sluice::test {

// What one attachment got.
struct Attachment {
  std::uint64_t from_index = 0;
  std::uint64_t credit_end = 0;  // It takes tokens below this index.
  bool is_replacing = false;     // Until it is accepted, messages are those of the one before it.
  std::optional<Accepted> accepted;
  Answer answer;
  std::vector<std::string> pieces;  // Of answer.text, as they came.

  bool has_ended() const { return answer.finished.has_value() || answer.error.has_value(); }
  std::uint64_t next_index() const { return from_index + answer.ids.size(); }
};

class Conversation {
 public:
  explicit Conversation(const EngineUnderTest& engine, std::optional<SessionToken> session = {},
                        std::optional<transport::Context> context = {});

  const Welcome& welcome() const { return welcome_; }  // Also after close().

  void generate(const Generate& request);
  // The same request again: attaches.
  void retry(const Generate& request);
  void attach(const Attach& attach);
  void credit(const std::string& id, std::uint64_t up_to_index);
  void cancel(const std::string& id);
  void close() { client_.reset(); }

  const Attachment& of(const std::string& id) const { return attachments_.at(id); }
  // Takes messages until the attachment has been accepted or refused.
  const Attachment& wait_for_answer(const std::string& id);
  // Until so many tokens have come to it; it must not end before.
  const Attachment& wait_for_tokens(const std::string& id, std::size_t count);
  const Attachment& wait_for_end(const std::string& id);
  // Until the ingress has handled all that was sent before.
  void settle();
  // Takes what comes until the clock shows `end`.
  void listen_until(TimePoint end);
  // For a loop over several: takes a message that is there; the id of the request that it is about, "" for none.
  std::optional<std::string> poll();
  void watch(transport::Poller& poller) const { client_->watch(poller); }
  // Of an attachment that has ended: a message that comes to it later is a failure as before.
  void forget(const std::string& id) { attachments_.erase(id); }
  // Failed messages that are about no attachment: without an id, or id_conflict. Removed by the call.
  std::vector<Failed> take_refusals();

 private:
  void take_one();
  void on(const ServerMessage& message);
  void open(const std::string& id, Attachment attachment);
  void on(const Welcome& welcome);
  void on(const Accepted& accepted);
  void on(const Tokens& tokens);
  void on(const Finished& finished);
  void on(const Failed& failed);
  // Null where the message belongs to an attachment that has been replaced.
  Attachment* live(const std::string& id);

  std::optional<transport::Client> client_;
  Welcome welcome_;
  std::map<std::string, Attachment> attachments_;
  std::vector<Failed> refusals_;
  int settled_ = 0;
};

// Whether `text` is nothing but whole characters; not by the program's own code.
bool is_utf8(const std::string& text);

}  // namespace sluice::test
