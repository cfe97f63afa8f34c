// Thousands of requests whose clients cancel, vanish, come back, stop reading and repeat themselves, at every phase.
//
// What each client does is drawn from the seed and the request's number alone, so that a seed names one storm; when the
// engine's messages come is up to the engine. Each attachment's messages are checked by its Conversation; here, that
// each gets one terminal message and the tokens that its request gives alone, or the beginning of them.
//
// Owns:    the connections.
// Errors:  a doctest failure.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "tests/e2e/conversation.h"

namespace sluice::test {

// A request, and what it gives when nobody disturbs it.
struct KnownRequest {
  Generate request;
  Answer answer;
};

// What was met, each counted once per attachment.
struct StormTally {
  std::uint64_t started = 0;
  std::uint64_t finished = 0;
  std::uint64_t refused = 0;  // Failed{overloaded} before any Accepted.
  std::uint64_t cancelled_queued = 0;
  std::uint64_t cancelled_prefilling = 0;
  std::uint64_t cancelled_decoding = 0;
  std::uint64_t out_of_time = 0;
  std::uint64_t forgotten = 0;  // Attached after the end: Failed{not_found} or {unavailable}, or not all tokens.
  std::uint64_t abandoned = 0;  // Its client was gone: nobody heard how it ended.
  std::uint64_t lost_connections = 0;
  std::uint64_t resumed = 0;
  std::uint64_t followed = 0;
  std::uint64_t repeated = 0;
  std::uint64_t conflicts = 0;
};

class Storm {
 public:
  // `known` outlives it.
  Storm(const EngineUnderTest& engine, const std::vector<KnownRequest>& known, std::uint64_t seed);

  // So many requests to their end, after which no message is left for anybody.
  void run(std::uint64_t count);
  // Closes all connections; run() opens them again.
  void pause() { callers_.clear(); }

  const StormTally& tally() const { return tally_; }

 private:
  enum class Act : std::uint8_t { kNothing, kCancel, kVanish, kFollow, kRepeat, kConflict };
  enum class Moment : std::uint8_t { kSent, kAccepted, kTokens, kParked, kEnded };

  // One attachment, and what its client is going to do.
  struct Call {
    const KnownRequest* known = nullptr;
    Generate request;
    SessionToken session;    // That owns the request.
    std::uint64_t draw = 0;  // Of further decisions.
    Act act = Act::kNothing;
    Moment moment = Moment::kSent;
    std::size_t tokens = 0;
    std::uint32_t credit_step = 0;
    bool is_lasting = false;    // Its grace is long: its client comes back for it.
    bool is_follower = false;   // Attached to another's request.
    bool was_accepted = false;  // In whatever attachment.
    bool may_be_over = false;   // Attached when its request could have ended and been forgotten.
    bool is_cancelled = false;
    // Sent twice over two connections, the first of them lost: whichever comes first, it is asked for until it is
    // accepted, so that it is not left to its grace.
    bool is_insisting = false;
  };
  // A connection and its calls, by request id.
  struct Caller {
    std::optional<Conversation> conversation;
    std::map<std::string, Call> calls;
  };

  Call make_call(std::uint64_t number) const;
  void start(std::uint64_t number);
  void wait();
  void react(Caller& caller, const std::string& id);
  static bool is_moment(const Call& call, const Attachment& attachment);
  // False: the caller's connection is another one now, and the call is gone from it.
  bool act(Caller& caller, Call& call);
  void vanish(Caller& caller, std::uint64_t draw);
  // Before another attachment takes the place of this one.
  static void note_acceptance(Call& call, const Attachment& attachment);
  void resume(Caller& caller, Call call, const Attachment& before);
  void follow(Caller& caller, const Call& leader, std::uint64_t received);
  Caller& caller_without(const std::string& id, std::uint64_t draw);
  void take_refusals(Caller& caller);
  void check_end(const Call& call, const Attachment& attachment);
  void check_failed(const Call& call, const Attachment& attachment);
  void check_finished(const Call& call, const Attachment& attachment);
  std::size_t live() const;

  const EngineUnderTest& engine_;
  const std::vector<KnownRequest>& known_;
  const std::uint64_t seed_;
  const SteadyClock clock_;
  transport::Context context_;
  transport::Poller poller_;
  std::deque<Caller> callers_;
  std::uint64_t next_number_ = 0;
  double live_max_ = 64;  // Less after a refusal, and slowly more again.
  StormTally tally_;
};

}  // namespace sluice::test
