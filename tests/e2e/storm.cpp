#include "tests/e2e/storm.h"

#include <doctest/doctest.h>

#include <algorithm>

namespace sluice::test {
namespace {

constexpr std::size_t kCallers = 12;
constexpr std::uint32_t kLastingGraceMs = 30'000;

transport::Context make_context() {
  auto context = transport::Context::create();
  REQUIRE(context.ok());
  return *context;
}

bool is_at(const std::vector<TokenId>& whole, std::size_t first, const std::vector<TokenId>& part) {
  return first + part.size() <= whole.size() &&
         std::equal(part.begin(), part.end(), whole.begin() + static_cast<std::ptrdiff_t>(first));
}

}  // namespace

Storm::Storm(const EngineUnderTest& engine, const std::vector<KnownRequest>& known, std::uint64_t seed)
    : engine_(engine), known_(known), seed_(seed), context_(make_context()) {}

void Storm::run(std::uint64_t count) {
  while (callers_.size() < kCallers) callers_.emplace_back().conversation.emplace(engine_, std::nullopt, context_);
  const std::uint64_t end = next_number_ + count;
  while (next_number_ < end || live() > 0) {
    while (next_number_ < end && static_cast<double>(live()) < live_max_) start(next_number_++);
    wait();
    for (Caller& caller : callers_) {
      while (const auto id = caller.conversation->poll()) react(caller, *id);
      take_refusals(caller);
    }
  }
  for (Caller& caller : callers_) {
    caller.conversation->settle();
    take_refusals(caller);
  }
}

void Storm::take_refusals(Caller& caller) {
  for (const Failed& refusal : caller.conversation->take_refusals()) {
    CHECK(refusal.error.code == ErrorCode::kIdConflict);
    ++tally_.conflicts;
  }
}

Storm::Call Storm::make_call(std::uint64_t number) const {
  SplitMix64 random(seed_ ^ (number * 0x9E3779B97F4A7C15));
  Call call;
  call.known = &known_[random.below(known_.size())];
  call.request = call.known->request;
  call.request.request_id = "storm-" + std::to_string(seed_) + "-" + std::to_string(number);
  call.request.priority = static_cast<std::int32_t>(random.below(5)) - 2;
  const std::uint64_t what = random.below(100);
  if (what < 35) call.act = Act::kNothing;
  if (what >= 35 && what < 65) call.act = Act::kCancel;
  if (what >= 65 && what < 75) call.act = Act::kVanish;
  if (what >= 75 && what < 85) call.act = Act::kFollow;
  if (what >= 85 && what < 95) call.act = Act::kRepeat;
  if (what >= 95) call.act = Act::kConflict;
  call.moment = static_cast<Moment>(random.below(5));
  if (call.act == Act::kConflict) call.moment = Moment::kParked;
  // Whom to follow is known once it is accepted, and which of two attachments an answer is for.
  const bool needs_acceptance = call.act == Act::kFollow || call.act == Act::kRepeat;
  if (needs_acceptance && call.moment == Moment::kSent) call.moment = Moment::kAccepted;
  call.tokens = 1 + random.below(8);
  if (call.moment == Moment::kParked || random.below(3) == 0) {
    call.credit_step = static_cast<std::uint32_t>(1 + random.below(5));
  }
  call.request.credit_tokens = call.credit_step > 0 ? call.credit_step : 1000;
  call.is_lasting = random.below(3) == 0;
  if (call.is_lasting) {
    call.request.resume_grace_ms = kLastingGraceMs;
  } else if (random.below(2) == 0) {
    call.request.resume_grace_ms = static_cast<std::uint32_t>(1 + random.below(100));
  }
  if (!call.is_lasting && call.act != Act::kConflict && random.below(10) == 0) {
    call.request.deadline_ms = static_cast<std::uint32_t>(1 + random.below(60));
  }
  call.draw = random.next();
  return call;
}

void Storm::start(std::uint64_t number) {
  Call call = make_call(number);
  Caller& caller = callers_[call.draw % kCallers];
  call.session = caller.conversation->welcome().session;
  ++tally_.started;
  caller.conversation->generate(call.request);
  const std::string id = call.request.request_id;
  Call& placed = caller.calls.emplace(id, std::move(call)).first->second;
  if (placed.moment == Moment::kSent) act(caller, placed);
}

void Storm::wait() {
  poller_.clear();
  for (const Caller& caller : callers_) poller_.add(*caller.conversation);
  const TimePoint until = clock_.now() + kPatience;
  poller_.wait(clock_, until);
  REQUIRE_MESSAGE(clock_.now() < until, "the engine says nothing more");
}

void Storm::react(Caller& caller, const std::string& id) {
  const auto found = caller.calls.find(id);
  if (found == caller.calls.end()) return;  // A refusal, or an answer to one that is over: Conversation has judged it.
  Call& call = found->second;
  const Attachment& attachment = caller.conversation->of(id);
  if (is_moment(call, attachment) && !act(caller, call)) return;
  const bool is_refused = attachment.answer.error && attachment.answer.error->code == ErrorCode::kOverloaded;
  if (is_refused && call.is_insisting) {
    caller.conversation->generate(call.request);
  } else if (attachment.has_ended()) {
    check_end(call, attachment);
    caller.conversation->forget(id);
    caller.calls.erase(id);
  } else if (call.credit_step > 0 && attachment.next_index() == attachment.credit_end) {
    caller.conversation->credit(id, attachment.credit_end + call.credit_step);
  }
}

bool Storm::is_moment(const Call& call, const Attachment& attachment) {
  if (call.act == Act::kNothing) return false;
  switch (call.moment) {
    case Moment::kSent: return false;
    case Moment::kAccepted: return attachment.accepted.has_value() && !attachment.has_ended();
    case Moment::kTokens: return attachment.next_index() >= call.tokens && !attachment.has_ended();
    case Moment::kParked:
      // An id whose request is over starts a new one: a conflict needs one that cannot have ended.
      if (call.act == Act::kConflict && attachment.credit_end >= call.known->answer.ids.size()) return false;
      return attachment.next_index() == attachment.credit_end && !attachment.has_ended();
    case Moment::kEnded: return attachment.has_ended();
  }
  return false;
}

bool Storm::act(Caller& caller, Call& call) {
  const std::string& id = call.request.request_id;
  switch (std::exchange(call.act, Act::kNothing)) {
    case Act::kNothing: return true;
    case Act::kCancel:
      call.is_cancelled = true;
      caller.conversation->cancel(id);
      return true;
    case Act::kVanish: vanish(caller, call.draw); return false;
    case Act::kFollow: {
      follow(caller_without(id, call.draw / kCallers), call, caller.conversation->of(id).next_index());
      return true;
    }
    case Act::kRepeat:
      if (caller.conversation->of(id).has_ended()) check_end(call, caller.conversation->of(id));
      note_acceptance(call, caller.conversation->of(id));
      call.may_be_over = true;
      ++tally_.repeated;
      caller.conversation->retry(call.request);
      return true;
    case Act::kConflict: {
      Generate other = call.request;
      ++other.max_tokens;
      caller.conversation->generate(other);
      return true;
    }
  }
  return true;
}

// The caller's connection ends without a word, and it opens another: with the same session or as somebody new. Of its
// requests, those that last are taken up again, over any connection.
void Storm::vanish(Caller& caller, std::uint64_t draw) {
  ++tally_.lost_connections;
  std::optional<Conversation> lost = std::exchange(caller.conversation, std::nullopt);
  std::map<std::string, Call> calls = std::exchange(caller.calls, {});
  const auto is_to_be_resumed = [&](const Call& call) {
    return call.is_lasting && !call.is_follower && !lost->of(call.request.request_id).has_ended();
  };
  // What was never accepted can only be repeated, in its own session.
  bool has_unaccepted = false;
  for (auto& [id, call] : calls) {
    note_acceptance(call, lost->of(id));
    has_unaccepted = has_unaccepted || (is_to_be_resumed(call) && !call.was_accepted);
  }
  std::optional<SessionToken> session;
  if (has_unaccepted || draw % 2 == 0) session = lost->welcome().session;
  caller.conversation.emplace(engine_, session, context_);
  lost->close();
  for (auto& [id, call] : calls) {
    const Attachment& before = lost->of(id);
    if (before.has_ended()) {
      check_end(call, before);
    } else if (is_to_be_resumed(call)) {
      resume(call.was_accepted ? caller_without(id, draw / kCallers) : caller, std::move(call), before);
    } else {
      CHECK(is_at(call.known->answer.ids, before.from_index, before.answer.ids));
      ++tally_.abandoned;
    }
  }
}

void Storm::note_acceptance(Call& call, const Attachment& attachment) {
  call.was_accepted = call.was_accepted || attachment.accepted.has_value();
}

void Storm::resume(Caller& caller, Call call, const Attachment& before) {
  const std::string id = call.request.request_id;
  CHECK(is_at(call.known->answer.ids, before.from_index, before.answer.ids));
  ++tally_.resumed;
  call.act = Act::kNothing;
  // Nobody took its tokens for a while, and it was computed on: by a window, by what was under way when the window was
  // full, and by what a follower granted.
  call.may_be_over = true;
  if (!call.was_accepted) {
    call.is_insisting = true;
    caller.conversation->generate(call.request);
  } else {
    const std::uint64_t from_index = before.next_index();
    caller.conversation->attach({call.session, id, from_index, from_index + call.request.credit_tokens});
  }
  const bool is_new = caller.calls.emplace(id, std::move(call)).second;
  CHECK(is_new);
}

void Storm::follow(Caller& caller, const Call& leader, std::uint64_t received) {
  Call call = leader;
  call.act = Act::kNothing;
  call.is_follower = true;
  call.may_be_over = true;
  ++tally_.followed;
  const std::uint64_t from_index = received > 0 ? leader.draw % received : 0;
  caller.conversation->attach(
      {call.session, call.request.request_id, from_index, from_index + call.request.credit_tokens});
  const bool is_new = caller.calls.emplace(call.request.request_id, std::move(call)).second;
  CHECK(is_new);
}

// One connection has one attachment to a request.
Storm::Caller& Storm::caller_without(const std::string& id, std::uint64_t draw) {
  while (callers_[draw % kCallers].calls.contains(id)) ++draw;
  return callers_[draw % kCallers];
}

void Storm::check_end(const Call& call, const Attachment& attachment) {
  CAPTURE(call.request.request_id);
  CHECK(is_at(call.known->answer.ids, attachment.from_index, attachment.answer.ids));
  live_max_ += 0.1;
  if (attachment.answer.error) {
    check_failed(call, attachment);
  } else {
    check_finished(call, attachment);
  }
}

void Storm::check_failed(const Call& call, const Attachment& attachment) {
  const Error& error = *attachment.answer.error;
  CAPTURE(to_string(error));
  switch (error.code) {
    case ErrorCode::kOverloaded:
      CHECK_FALSE(attachment.accepted.has_value());
      live_max_ = std::max(1.0, static_cast<double>(live()) - 1);
      ++tally_.refused;
      break;
    case ErrorCode::kDeadlineExceeded:
      CHECK(call.request.deadline_ms > 0);
      CHECK(attachment.answer.ids.empty());
      ++tally_.out_of_time;
      break;
    case ErrorCode::kNotFound:
    case ErrorCode::kUnavailable:
      CHECK(call.may_be_over);
      ++tally_.forgotten;
      break;
    case ErrorCode::kCancelled:
      CHECK(call.is_cancelled);
      ++tally_.cancelled_queued;
      break;
    default: FAIL_CHECK("no reason to fail");
  }
}

void Storm::check_finished(const Call& call, const Attachment& attachment) {
  const Finished& finished = *attachment.answer.finished;
  const Answer& whole = call.known->answer;
  if (finished.reason == FinishReason::kCancelled) {
    CHECK((call.is_cancelled || call.is_follower));
    if (finished.usage.output_tokens > 0) {
      ++tally_.cancelled_decoding;
    } else {
      ++(finished.times.prefill_us > 0 ? tally_.cancelled_prefilling : tally_.cancelled_queued);
    }
    return;
  }
  if (finished.reason == FinishReason::kDeadline) {
    CHECK(call.request.deadline_ms > 0);
    ++tally_.out_of_time;
    return;
  }
  CHECK(finished.reason == whole.finished->reason);
  CHECK(finished.usage.output_tokens == whole.finished->usage.output_tokens);
  if (attachment.next_index() < whole.ids.size()) {
    // Cut short for want of credit: a deadline waits for none, nor does a result that is forgotten, which takes its
    // attachments along; but only those that came after the end.
    const bool has_deadline = call.request.deadline_ms > 0;
    CHECK((has_deadline || call.may_be_over));
    ++(has_deadline ? tally_.out_of_time : tally_.forgotten);
    return;
  }
  ++tally_.finished;
  CHECK(whole.text.ends_with(attachment.answer.text));
  if (attachment.from_index == 0) CHECK(attachment.answer.text == whole.text);
}

std::size_t Storm::live() const {
  std::size_t count = 0;
  for (const Caller& caller : callers_) count += caller.calls.size();
  return count;
}

}  // namespace sluice::test
