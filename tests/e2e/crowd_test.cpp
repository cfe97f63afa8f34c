// 64 requests at a time under everything that disturbs: blocks run out, beginnings are shared, clients stop granting
// credit, and some cancel. Each gives the tokens that it gives alone, or the beginning of them.
#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <map>

#include "base/clock.h"
#include "base/random.h"
#include "tests/e2e/conversation.h"

namespace sluice::test {
namespace {

constexpr std::size_t kRequests = 64;
constexpr std::size_t kConnections = 4;

// What its client does while the request runs.
struct Member {
  Generate request;
  std::uint32_t credit_step = 0;            // 0: it grants all at once.
  bool is_holding = false;                  // Grants nothing after the first step until all others are done.
  std::optional<std::size_t> cancel_after;  // So many tokens; 0: when it is accepted.
  bool is_cancelled = false;
};

constexpr const char* kBeginnings[] = {
    "Once upon a time there was a king who had three daughters, and the youngest was so beautiful that the sun itself, "
    "which has seen so much, wondered each time it shone in her face.",
    "The wolf said to the little girl, I know a shorter way through the wood, and there are flowers that nobody has "
    "picked, and birds that sing as if there were no school in the world.",
    "Dorothy and the Scarecrow walked down the road of yellow brick, and when it grew dark they looked for a place to "
    "pass the night, for neither of them could see the road any more."};
constexpr const char* kQuestions[] = {" And then", " \"Who are you?\" said", " The old man", " But", " At last she"};

SamplingParams sampling_of(std::size_t i) {
  SamplingParams sampling{.temperature = 0.0f};
  if (i % 4 == 0) return sampling;
  sampling = {.temperature = 0.9f, .top_k = 50, .top_p = 0.95f};
  if (i % 4 == 2) sampling.repetition_penalty = 1.2f;
  if (i % 8 == 2) sampling.frequency_penalty = 0.6f;
  if (i % 8 == 6) sampling.presence_penalty = 0.8f;
  return sampling;
}

// Reproducible. Three tenants, whose requests begin alike, and alike from tenant to tenant.
std::vector<Member> make_crowd() {
  SplitMix64 random(64);
  std::vector<Member> crowd(kRequests);
  for (std::size_t i = 0; i < kRequests; ++i) {
    Member& member = crowd[i];
    const std::string prompt = std::string(kBeginnings[random.below(3)]) + kQuestions[random.below(5)];
    member.request = greedy("crowd-" + std::to_string(i), prompt, static_cast<std::uint32_t>(40 + random.below(100)));
    member.request.sampling = sampling_of(i);
    member.request.seed = random.next();
    member.request.tenant = std::string(1, static_cast<char>('a' + i % 3));
    member.request.priority = static_cast<std::int32_t>(random.below(5)) - 2;
    member.request.logprobs.digest = true;
    member.request.ignore_eos = i % 2 == 0;
    if (i % 5 == 0) member.request.stop = {" little", "said", "\n\n"};
    if (i % 4 == 3) member.request.logprobs = {.output = true, .top = 3, .digest = true};
    if (i % 16 == 7) member.request.logprobs.prompt = true;
    if (i % 3 == 1) member.credit_step = static_cast<std::uint32_t>(1 + random.below(6));
    member.is_holding = i % 9 == 1;
    if (i % 7 == 5) member.cancel_after = random.below(30);
    if (i % 14 == 5) member.cancel_after = 0;
    member.request.credit_tokens = member.credit_step > 0 ? member.credit_step : 1000;
  }
  return crowd;
}

std::map<std::string, Answer> answers_alone(const TopologyText& topology, const std::vector<Member>& crowd) {
  TopologyText roomy = topology;
  roomy.kv_cache = "64MiB";
  roomy.prefix_cache = false;
  roomy.stages = TopologyText{}.stages;
  EngineUnderTest engine(roomy);
  auto client = engine.connect();
  std::map<std::string, Answer> answers;
  for (const Member& member : crowd) {
    Answer answer = generate(client, member.request);
    REQUIRE(answer.finished.has_value());
    answers.emplace(member.request.request_id, std::move(answer));
  }
  return answers;
}

class Crowd {
 public:
  Crowd(const EngineUnderTest& engine, std::vector<Member> members) : engine_(engine), members_(std::move(members)) {
    for (std::size_t i = 0; i < kConnections; ++i) connections_.emplace_back(engine);
    for (std::size_t i = 0; i < members_.size(); ++i) index_of_[members_[i].request.request_id] = i;
  }

  void run() {
    for (std::size_t i = 0; i < members_.size(); ++i) connection_of(i).generate(members_[i].request);
    while (ended_ < members_.size()) {
      if (ended_ + held_.size() == members_.size()) release_held();
      wait();
      for (Conversation& connection : connections_) {
        while (const auto id = connection.poll()) react(index_of_.at(*id));
      }
    }
    for (Conversation& connection : connections_) connection.settle();
  }

  const std::vector<Member>& members() const { return members_; }
  const Answer& answer(std::size_t member) {
    return connection_of(member).of(members_[member].request.request_id).answer;
  }
  std::size_t held_total() const { return held_total_; }

 private:
  Conversation& connection_of(std::size_t member) { return connections_[member % kConnections]; }

  void react(std::size_t index) {
    Member& member = members_[index];
    Conversation& connection = connection_of(index);
    const std::string& id = member.request.request_id;
    const Attachment& attachment = connection.of(id);
    if (attachment.has_ended()) {
      ++ended_;
    } else if (!member.is_cancelled && member.cancel_after && attachment.answer.ids.size() >= *member.cancel_after) {
      member.is_cancelled = true;
      connection.cancel(id);
    } else if (attachment.next_index() == attachment.credit_end) {
      if (member.is_holding && !member.is_cancelled) {
        held_.push_back(index);
      } else {
        connection.credit(id, attachment.credit_end + member.credit_step);
      }
    }
  }

  // All others are done: the engine has set aside these.
  void release_held() {
    held_total_ += held_.size();
    const auto count = static_cast<double>(held_.size());
    engine_.check_metrics({{"sluice_streams_paused", count}, {"sluice_streams_running", count}});
    for (const std::size_t index : std::exchange(held_, {})) {
      Member& member = members_[index];
      member.is_holding = false;
      const Attachment& attachment = connection_of(index).of(member.request.request_id);
      connection_of(index).credit(member.request.request_id, attachment.credit_end + member.credit_step);
    }
  }

  void wait() {
    poller_.clear();
    for (const Conversation& connection : connections_) poller_.add(connection);
    const TimePoint until = clock_.now() + kPatience;
    poller_.wait(clock_, until);
    REQUIRE_MESSAGE(clock_.now() < until, "the engine says nothing more");
  }

  const EngineUnderTest& engine_;
  SteadyClock clock_;
  transport::Poller poller_;
  std::deque<Conversation> connections_;
  std::vector<Member> members_;
  std::map<std::string, std::size_t> index_of_;
  std::vector<std::size_t> held_;
  std::size_t held_total_ = 0;
  std::size_t ended_ = 0;
};

template <class T>
bool begins_with(const T& whole, const T& part) {
  return part.size() <= whole.size() && std::equal(part.begin(), part.end(), whole.begin());
}

void check_same(const Answer& answer, const Answer& alone) {
  CHECK(answer.ids == alone.ids);
  CHECK(answer.text == alone.text);
  CHECK(answer.logprobs == alone.logprobs);
  CHECK(answer.finished->reason == alone.finished->reason);
  CHECK(answer.finished->usage.prompt_tokens == alone.finished->usage.prompt_tokens);
  CHECK(answer.finished->usage.output_tokens == alone.finished->usage.output_tokens);
  CHECK(answer.finished->prompt_logprobs == alone.finished->prompt_logprobs);
}

void check_beginning(const Answer& answer, const Answer& alone) {
  CHECK(begins_with(alone.ids, answer.ids));
  CHECK(begins_with(alone.text, answer.text));
  CHECK(begins_with(alone.logprobs, answer.logprobs));
  CHECK(answer.finished->usage.output_tokens >= answer.ids.size());
}

void check_crowd(const TopologyText& topology) {
  const auto alone = answers_alone(topology, make_crowd());
  EngineUnderTest engine(topology);
  Crowd crowd(engine, make_crowd());
  crowd.run();

  std::size_t cancelled = 0;
  std::uint64_t cached_tokens = 0;
  for (std::size_t i = 0; i < kRequests; ++i) {
    const Member& member = crowd.members()[i];
    CAPTURE(member.request.request_id);
    const Answer& answer = crowd.answer(i);
    REQUIRE(answer.finished.has_value());
    cached_tokens += answer.finished->usage.cached_tokens;
    if (answer.finished->reason == FinishReason::kCancelled) {
      CHECK(member.is_cancelled);
      ++cancelled;
      check_beginning(answer, alone.at(member.request.request_id));
    } else {
      check_same(answer, alone.at(member.request.request_id));
    }
  }
  CHECK(cancelled > 5);
  CHECK(cached_tokens > 300);
  CHECK(crowd.held_total() > 3);
  engine.check_metrics({{"sluice_sequences_running", 0}, {"sluice_requests_running", 0}});
  const MetricSamples samples = engine.metrics();
  CHECK(sample(samples, "sluice_preemptions_total") > 10);
  CHECK(sample(samples, "sluice_prefix_hit_tokens_total") >= static_cast<double>(cached_tokens));
}

TEST_SUITE("e2e/crowd") {
  TEST_CASE("64 mixed requests, preempted, parked, cancelled, with common beginnings, give the tokens of each alone") {
    TopologyText topology;
    topology.max_batch_tokens = 96;
    topology.kv_cache = "1344KiB";  // Two full contexts: what runs together has to give way to each other.
    check_crowd(topology);
  }

  TEST_CASE("64 mixed requests, preempted, parked, cancelled, with common beginnings, on two processes in bf16") {
    TopologyText topology;
    topology.stages = {{"0-2", "head/cpu:0"}, {"3-5", "spawn/cpu:0"}};
    topology.compute = "bf16";
    topology.max_batch_tokens = 96;
    topology.kv_cache = "672KiB";
    check_crowd(topology);
  }
}

}  // namespace
}  // namespace sluice::test
