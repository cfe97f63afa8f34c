// A tokenizer actor between the links that the test plays.
#include "actors/tokenizer_actor.h"

#include <doctest/doctest.h>

#include <array>
#include <chrono>

#include "actors/control_messages.h"
#include "actors/link_board.h"
#include "tests/support/paths.h"

namespace sluice::actors {
namespace {

using std::chrono::seconds;

const std::array kLinks = {LinkName{"ingress", "tokenizer"}, LinkName{"tokenizer", "batcher"},
                           LinkName{"tokenizer", "responder"}};

struct Fixture {
  Fixture() {
    const std::filesystem::path directory = test::source_path("examples/models/storyteller-llama");
    const TextModel text{Tokenizer::load(directory).value(), load_chat_template(directory).value(), {4096, 64}};
    tokenizer = system.spawn<TokenizerActor, caf::detached>(
        std::make_unique<TokenizerPorts>(TokenizerPorts{
            board.in("ingress", "tokenizer"), board.out("tokenizer", "batcher"), board.out("tokenizer", "responder")}),
        text, "batcher");
  }
  ~Fixture() { caf::anon_send(tokenizer, Stop{}); }

  // As if the ingress had sent it a while ago.
  void submit(const Submission& submission, Duration age) { from_ingress.send(submission, clock.now() - age); }

  // The next message on one of the two ways out.
  template <class Input>
  Input next(InPort& port) {
    const TimePoint end = clock.now() + seconds(60);
    transport::Poller poller;
    while (clock.now() < end) {
      from_ingress.advance(clock.now());
      port.advance(clock.now());
      if (auto input = port.receive<Input>(clock.now())) {
        REQUIRE(input->ok());
        port.consumed();
        return **input;
      }
      poller.clear();
      poller.add(from_ingress);
      poller.add(port);
      poller.wait(clock, end);
    }
    FAIL("the message did not come");
    return {};
  }

  SteadyClock clock;
  transport::Context context = transport::Context::create().value();
  LinkBoard board = LinkBoard::create(context, kLinks, {}).value();
  OutPort from_ingress = board.out("ingress", "tokenizer");
  InPort to_batcher = board.in("tokenizer", "batcher");
  InPort to_responder = board.in("tokenizer", "responder");
  caf::actor_system_config config;
  caf::actor_system system{config};
  caf::actor tokenizer;
};

Submission submission(std::uint64_t sequence, Prompt prompt, TimeLeft time_left) {
  Submission submission;
  submission.sequence = {sequence};
  submission.prompt = std::move(prompt);
  submission.spec.max_tokens = 5;
  submission.time_left = time_left;
  return submission;
}

std::uint64_t us(Duration duration) {
  return to_us(duration);
}

TEST_SUITE("actors/tokenizer_actor") {
  TEST_CASE(
      "a submission whose deadline passed while it waited in the link ends unread, as the scheduler would end it") {
    Fixture fixture;
    // This one could not be encoded, which nobody finds out.
    fixture.submit(submission(1, std::vector<TokenId>{-1}, {us(seconds(10))}), seconds(20));
    const auto end = std::get<StreamEnd>(fixture.next<ResponderInput>(fixture.to_responder));
    CHECK(end.sequence == SequenceId{1});
    CHECK(std::get<Error>(end.outcome).code == ErrorCode::kDeadlineExceeded);
    CHECK(end.times.tokenize_us >= us(seconds(20)));
    // With time left it is.
    fixture.submit(submission(2, std::vector<TokenId>{-1}, {us(seconds(10'000))}), seconds(20));
    const auto refused = std::get<StreamEnd>(fixture.next<ResponderInput>(fixture.to_responder));
    CHECK(std::get<Error>(refused.outcome).code == ErrorCode::kInvalidRequest);
  }

  TEST_CASE("the wait in the link is taken off the time that is left, and added to the time that it took") {
    Fixture fixture;
    fixture.submit(submission(1, std::vector<TokenId>{5, 6}, {us(seconds(10'000))}), seconds(20));
    const auto start = std::get<SequenceStart>(fixture.next<BatcherInput>(fixture.to_batcher));
    CHECK(start.prompt_ids == std::vector<TokenId>{5, 6});
    CHECK(*start.time_left.us <= us(seconds(9'980)));
    CHECK(*start.time_left.us > 0);
    CHECK(start.tokenize_us >= us(seconds(20)));
    fixture.submit(submission(2, std::string("Once"), {}), seconds(20));
    CHECK_FALSE(std::get<SequenceStart>(fixture.next<BatcherInput>(fixture.to_batcher)).time_left.us.has_value());
  }
}

}  // namespace
}  // namespace sluice::actors
