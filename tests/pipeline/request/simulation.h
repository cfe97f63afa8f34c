// A seeded world around Ledger and StreamTable: clients that behave well and badly, an engine with known tokens, and
// links that keep order each but not among each other. Every choice follows from the seed.
//
// What it checks: in SimulatedClient what one client sees, in SimulatedWorld::check the bounds, in finish what is left.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/random.h"
#include "pipeline/request/ledger.h"
#include "pipeline/request/stream_table.h"
#include "tests/pipeline/request/message_book.h"

namespace sluice::test {

// What the engine answers to a prompt: a function of the prompt alone.
struct Script {
  std::vector<TokenId> tokens;
  FinishReason reason = FinishReason::kLength;
  bool is_too_long = false;  // The tokenizer refuses it.
};
Script script_of(const std::string& prompt);

// What is known of one accepted request, by the seed that its Accepted told.
struct RequestFacts {
  std::string prompt;
  std::vector<std::string> stop;
  std::optional<ServerMessage> terminal;
  bool has_deadline = false;  // It may end the wait for credit.
};

// How often a schedule went through what it is there for.
struct SimulatedCoverage {
  std::uint64_t finished_complete = 0;  // With all tokens, and their text checked.
  std::uint64_t finished_by_match = 0;
  std::uint64_t cancelled = 0;
  std::uint64_t dismissed = 0;  // Without all tokens, for want of credit.
  std::uint64_t stage_lost = 0;
  std::uint64_t vanished = 0;
  std::uint64_t conflicts = 0;
  std::uint64_t overloaded = 0;
  std::uint64_t overloaded_tokens = 0;
  std::uint64_t overloaded_wait = 0;
  std::uint64_t overloaded_held_up = 0;
  std::uint64_t unavailable = 0;
  std::uint64_t retried = 0;
  std::uint64_t same_terminal = 0;  // Compared with that of an earlier attachment.
  std::uint64_t early = 0;
  std::uint64_t paused = 0;
  std::uint64_t strays = 0;
  std::uint64_t overrun_tokens = 0;
};

struct SimulatedFacts {
  std::map<std::uint64_t, RequestFacts> by_seed;
  std::uint32_t window_tokens = 0;
  bool may_dismiss = false;  // Whether drain time or retention can end a stream before its reader has all of it.
  std::string failure;       // The first one.
  SimulatedCoverage coverage;

  void expect(bool condition, const std::string& what) {
    if (!condition && failure.empty()) failure = what;
  }
};

// Tokenizer, batcher and stages in one: takes submissions and cancels, gives tokens and ends.
class SimulatedEngine {
 public:
  void take(const TokenizerInput& input);
  void take(const ResponderSignal& signal);
  // One message of one sequence, if it has something to say.
  std::optional<ResponderInput> step(SplitMix64& random);
  // Every sequence fails.
  std::vector<ResponderInput> lose_stage();
  std::size_t num_sequences() const { return sequences_.size(); }

 private:
  struct Sequence {
    Script script;
    std::uint64_t produced = 0;
    bool is_paused = false;
    std::optional<FinishReason> early_end;  // Cancelled or stopped.
  };

  std::map<SequenceId, Sequence> sequences_;
};

// One person with one session and at most one connection at a time.
class SimulatedClient {
 public:
  SimulatedClient(std::uint32_t number, SimulatedFacts& facts) : facts_(facts), number_(number) {}

  // A message to send now on route(); nothing: it does nothing. May change the route.
  std::optional<ClientMessage> act(SplitMix64& random, const std::vector<SimulatedClient*>& others);
  // To be called for a Generate that act() gave, with the seed that it gets if it is accepted as a new request.
  void note_generate(const Generate& generate, std::uint64_t seed);
  // What arrives at the route. Before Hello that is meant for an earlier connection under its name, and is lost.
  void receive(const ServerMessage& message);
  // Looks at the next one that arrived.
  bool take_next();
  // The connection is gone, and all on the way to it.
  void lose_connection();
  // Credits for one token more in each view that is not over, as the slowest honest reader grants them.
  std::vector<ClientMessage> grant_one_each();

  ClientRoute route() const { return {"client " + std::to_string(number_) + "." + std::to_string(incarnation_)}; }
  bool is_connected() const { return is_connected_; }
  bool has_said_hello() const { return has_said_hello_; }
  bool is_content() const;
  void take_new_route() { ++incarnation_; }

 private:
  struct Wanted {
    std::uint64_t from_index = 0;
    std::uint64_t credit_end = 0;
  };
  struct View {
    std::uint64_t seed = 0;
    std::uint64_t from_index = 0;
    std::uint64_t next_index = 0;
    std::uint64_t credit_end = 0;
    std::string text;
    bool is_over = false;
  };

  std::optional<ClientMessage> generate(SplitMix64& random);
  ClientMessage attach(SplitMix64& random, const SessionToken& session, const std::string& request_id);
  void take(const ServerMessage& message);
  void take_tokens(const Tokens& tokens);
  void take_terminal(const std::string& request_id, const ServerMessage& message);
  void take_failed(const Failed& failed);
  void check_output(const View& view, const RequestFacts& facts, const Finished& finished);
  void expect(bool condition, const std::string& what) { facts_.expect(condition, route().bytes + ": " + what); }

  SimulatedFacts& facts_;
  std::uint32_t number_;
  std::uint32_t incarnation_ = 0;
  bool has_said_hello_ = false;
  bool is_connected_ = false;
  std::optional<SessionToken> session_;
  std::deque<ServerMessage> inbox_;
  std::map<std::string, View> views_;                 // Of this connection, by request id.
  std::map<std::string, std::deque<Wanted>> wanted_;  // Not yet answered.
};

class SimulatedWorld {
 public:
  explicit SimulatedWorld(std::uint64_t seed);

  // All of it; the first failure, or nothing.
  std::string run();
  const SimulatedCoverage& coverage() const { return facts_.coverage; }

 private:
  void step();
  void let_client_act();
  void deliver_something();
  void finish();
  void drain();
  void send(SimulatedClient& client, ClientMessage message);
  void spread(IngressActions actions);
  void spread(ResponderActions actions);
  void run_timers();
  bool deliver_to_engine();
  bool deliver_signal();
  bool deliver_to_responder(bool from_ingress);
  bool deliver_to_ingress();
  bool deliver_to_client();
  void check();

  SplitMix64 random_;
  SimulatedFacts facts_;
  LedgerConfig ledger_config_;
  StreamTableConfig table_config_;
  MessageBook book_;
  std::optional<Ledger> ledger_;
  std::optional<StreamTable> table_;
  SimulatedEngine engine_;
  std::deque<SimulatedClient> clients_;
  TimePoint now_{};
  std::uint64_t draws_ = 0;
  std::uint32_t steps_ = 0;
  std::deque<TokenizerInput> to_engine_;
  std::deque<std::pair<ResponderSignal, std::uint32_t>> signals_;  // With the step they were sent in.
  std::deque<ResponderInput> ingress_to_responder_;
  std::deque<ResponderInput> engine_to_responder_;
  std::deque<StreamOutput> to_ingress_;
  std::set<ClientRoute> unreported_losses_;
};

}  // namespace sluice::test
