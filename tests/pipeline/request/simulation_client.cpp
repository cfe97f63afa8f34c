#include <algorithm>
#include <functional>
#include <utility>

#include "tests/pipeline/request/simulation.h"

namespace sluice::test {
namespace {

const std::vector<std::string> kIds = {"a", "b", "c"};
const std::vector<std::string> kStops = {" fox", "r", "never there", " and the", "\xC3\xA9"};

}  // namespace

std::optional<ClientMessage> SimulatedClient::act(SplitMix64& random, const std::vector<SimulatedClient*>& others) {
  const std::string& id = kIds[random.below(kIds.size())];
  if (!is_connected_) {
    if (has_said_hello_) return std::nullopt;  // Waits for Welcome.
    if (random.below(10) == 0) return Cancel{id};
    has_said_hello_ = true;
    return Hello{.client_name = "simulated", .session = random.below(8) == 0 ? std::nullopt : session_};
  }
  const std::uint64_t choice = random.below(100);
  if (choice < 35) return generate(random);
  if (choice < 45) return attach(random, *session_, id);
  if (choice < 50) {
    const SimulatedClient& other = *others[random.below(others.size())];
    if (!other.session_) return std::nullopt;
    return attach(random, *other.session_, id);
  }
  if (choice < 55) return Cancel{id};
  const auto view = views_.find(id);
  std::uint64_t credit_end = random.below(12);  // Mostly changes nothing, unless the view is young.
  if (view != views_.end() && random.below(5) != 0) credit_end += view->second.next_index;
  // Between sending a Generate or Attach and its Accepted, a credit means the attachment to come.
  for (Wanted& wanted : wanted_[id]) wanted.credit_end = std::max(wanted.credit_end, credit_end);
  if (view != views_.end()) view->second.credit_end = std::max(view->second.credit_end, credit_end);
  return Credit{id, credit_end};
}

std::optional<ClientMessage> SimulatedClient::generate(SplitMix64& random) {
  const std::string& id = kIds[random.below(kIds.size())];
  Generate message;
  message.request_id = id;
  // Mostly one body for one id, so that retries happen.
  const std::uint64_t body = random.below(6) == 0 ? random.below(30) : 0;
  message.prompt.emplace<std::string>("prompt " + std::to_string(number_) + id + std::to_string(body));
  const std::uint64_t stops = std::hash<std::string>{}(std::get<std::string>(message.prompt)) % 8;
  if (stops < kStops.size()) message.stop = {kStops[stops], kStops[(stops + 2) % kStops.size()]};
  message.credit_tokens = random.below(3) == 0 ? 0 : 1 + random.below(20);
  message.resume_grace_ms = static_cast<std::uint32_t>(random.below(2) * 60);
  if (random.below(3) == 0)
    message.deadline_ms =
        static_cast<std::uint32_t>(1 + random.below(40));  // For door and drain: the engine keeps none.
  if (random.below(20) == 0) message.max_tokens = 0;       // Refused, or a conflict.
  const std::uint64_t credit = message.credit_tokens == 0 ? facts_.window_tokens : message.credit_tokens;
  wanted_[id].push_back({0, credit});
  return message;
}

ClientMessage SimulatedClient::attach(SplitMix64& random, const SessionToken& session, const std::string& request_id) {
  const auto view = views_.find(request_id);
  std::uint64_t from_index = random.below(3) == 0 ? random.below(60) : 0;
  if (view != views_.end() && random.below(2) == 0) from_index = view->second.next_index;
  const std::uint64_t credit_tokens = random.below(3) == 0 ? 0 : 1 + random.below(40);
  const std::uint64_t credit = credit_tokens == 0 ? from_index + facts_.window_tokens : credit_tokens;
  wanted_[request_id].push_back({from_index, credit});
  return Attach{session, request_id, from_index, credit_tokens};
}

void SimulatedClient::note_generate(const Generate& generate, std::uint64_t seed) {
  facts_.by_seed[seed] = {std::get<std::string>(generate.prompt), generate.stop, {}, generate.deadline_ms != 0};
}

void SimulatedClient::receive(const ServerMessage& message) {
  const auto* failed = std::get_if<Failed>(&message);
  if (has_said_hello_ || (failed != nullptr && failed->request_id.empty())) inbox_.push_back(message);
}

bool SimulatedClient::take_next() {
  if (inbox_.empty()) return false;
  const ServerMessage message = std::move(inbox_.front());
  inbox_.pop_front();
  take(message);
  return true;
}

void SimulatedClient::take(const ServerMessage& message) {
  if (const auto* welcome = std::get_if<Welcome>(&message)) {
    session_ = welcome->session;
    is_connected_ = true;
  } else if (const auto* accepted = std::get_if<Accepted>(&message)) {
    auto& wanted = wanted_[accepted->request_id];
    expect(!wanted.empty(), "Accepted for nothing that was asked");
    if (wanted.empty()) return;
    expect(facts_.by_seed.contains(accepted->seed), "Accepted with a seed that nobody drew");
    views_[accepted->request_id] = {
        accepted->seed, wanted.front().from_index, wanted.front().from_index, wanted.front().credit_end, "", false};
    wanted.pop_front();
  } else if (const auto* tokens = std::get_if<Tokens>(&message)) {
    take_tokens(*tokens);
  } else if (const auto* finished = std::get_if<Finished>(&message)) {
    take_terminal(finished->request_id, message);
  } else {
    take_failed(std::get<Failed>(message));
  }
}

void SimulatedClient::take_tokens(const Tokens& tokens) {
  const auto at = views_.find(tokens.request_id);
  expect(at != views_.end() && !at->second.is_over, "Tokens without an attachment");
  if (at == views_.end()) return;
  View& view = at->second;
  expect(tokens.first_index == view.next_index,
         "Tokens from " + std::to_string(tokens.first_index) + ", expected " + std::to_string(view.next_index));
  expect(!tokens.token_ids.empty() || !tokens.text.empty(), "Tokens that say nothing");
  const Script script = script_of(facts_.by_seed.at(view.seed).prompt);
  const std::uint64_t end = tokens.first_index + tokens.token_ids.size();
  expect(end <= script.tokens.size(), "Tokens beyond the end");
  if (end > script.tokens.size()) return;
  expect(std::equal(tokens.token_ids.begin(), tokens.token_ids.end(),
                    script.tokens.begin() + static_cast<std::ptrdiff_t>(tokens.first_index)),
         "other Tokens than the engine's");
  expect(tokens.token_ids.empty() || end <= view.credit_end, "Tokens beyond the credit");
  view.next_index = end;
  view.text += tokens.text;
}

void SimulatedClient::take_failed(const Failed& failed) {
  if (failed.request_id.empty()) {
    if (failed.error.code == ErrorCode::kProtocolViolation) {
      expect(!is_connected_, "a protocol violation on a connection that said Hello");
      return;
    }
    expect(failed.error.code == ErrorCode::kNotFound && !is_connected_, "Failed without an id");
    session_.reset();
    has_said_hello_ = false;
    return;
  }
  const auto view = views_.find(failed.request_id);
  const bool is_attached = view != views_.end() && !view->second.is_over;
  if (is_attached && failed.error.code != ErrorCode::kIdConflict) return take_terminal(failed.request_id, failed);
  auto& wanted = wanted_[failed.request_id];
  expect(!wanted.empty(), "Failed for nothing that was asked");
  if (!wanted.empty()) wanted.pop_front();
  const bool is_refusal = failed.error.code == ErrorCode::kIdConflict ||
                          failed.error.code == ErrorCode::kInvalidRequest ||
                          failed.error.code == ErrorCode::kOverloaded || failed.error.code == ErrorCode::kUnavailable ||
                          failed.error.code == ErrorCode::kNotFound;
  expect(is_refusal, "refused with " + to_string(failed.error));
  if (failed.error.code == ErrorCode::kIdConflict) ++facts_.coverage.conflicts;
  if (failed.error.code == ErrorCode::kOverloaded) ++facts_.coverage.overloaded;
  if (failed.error.code == ErrorCode::kUnavailable) ++facts_.coverage.unavailable;
  expect(failed.error.retry_after_ms > 0 || !is_retryable(failed.error.code), "a refusal without a retry hint");
}

void SimulatedClient::take_terminal(const std::string& request_id, const ServerMessage& message) {
  const auto at = views_.find(request_id);
  expect(at != views_.end() && !at->second.is_over, "a second terminal message, or one without an attachment");
  if (at == views_.end()) return;
  View& view = at->second;
  view.is_over = true;
  if (const auto* failed = std::get_if<Failed>(&message)) {
    // The result vanished while the attach was on its way: the one terminal message that is not the request's own.
    const ErrorCode code = failed->error.code;
    if (code == ErrorCode::kNotFound || code == ErrorCode::kUnavailable) {
      ++facts_.coverage.vanished;
      expect(view.next_index == view.from_index, "tokens of a result that vanished");
      return;
    }
    if (code == ErrorCode::kStageLost) ++facts_.coverage.stage_lost;
    expect(code == ErrorCode::kStageLost || code == ErrorCode::kPromptTooLong, to_string(failed->error));
  }
  RequestFacts& facts = facts_.by_seed.at(view.seed);
  if (facts.terminal) ++facts_.coverage.same_terminal;
  if (!facts.terminal) facts.terminal = message;
  expect(*facts.terminal == message, "another terminal message than others got");
  if (const auto* finished = std::get_if<Finished>(&message)) check_output(view, facts, *finished);
}

void SimulatedClient::check_output(const View& view, const RequestFacts& facts, const Finished& finished) {
  const Script script = script_of(facts.prompt);
  const std::uint64_t count = finished.usage.output_tokens;
  expect(count <= script.tokens.size(), "more tokens than the engine made");
  if (count > script.tokens.size()) return;
  expect(view.next_index <= std::max(count, view.from_index), "a dropped token was sent");
  const bool is_cancelled = finished.reason == FinishReason::kCancelled;
  const bool has_all = view.next_index >= count;
  if (is_cancelled) ++facts_.coverage.cancelled;
  if (!has_all && !is_cancelled) ++facts_.coverage.dismissed;
  expect(has_all || is_cancelled || facts_.may_dismiss || facts.has_deadline || view.credit_end < count,
         "the end came before tokens that credit was there for");
  // The reference: decode all at once, and look for the stop string that is complete first.
  const std::string whole = storyteller_tokenizer().decode(script.tokens);
  std::size_t match_begin = std::string::npos;
  std::size_t match_end = std::string::npos;
  for (const std::string& stop : facts.stop) {
    const std::size_t begin = whole.find(stop);
    if (begin == std::string::npos) continue;
    const std::size_t end = begin + stop.size();
    if (end < match_end || (end == match_end && begin < match_begin)) {
      match_begin = begin;
      match_end = end;
    }
  }
  const bool is_matched = match_begin != std::string::npos;
  if (!is_cancelled) {
    expect(finished.reason == (is_matched ? FinishReason::kStop : script.reason), "finished for another reason");
    expect(is_matched || count == script.tokens.size(), "finished with another number of tokens");
  }
  if (!has_all || view.from_index != 0) return;
  ++facts_.coverage.finished_complete;
  if (is_matched && !is_cancelled) ++facts_.coverage.finished_by_match;
  const std::vector<TokenId> ids(script.tokens.begin(), script.tokens.begin() + static_cast<std::ptrdiff_t>(count));
  const std::string expected =
      is_matched && !is_cancelled ? whole.substr(0, match_begin) : storyteller_tokenizer().decode(ids);
  expect(view.text == expected, "text is '" + view.text + "', expected '" + expected + "'");
}

void SimulatedClient::lose_connection() {
  is_connected_ = false;
  has_said_hello_ = false;
  views_.clear();
  wanted_.clear();
  inbox_.clear();
}

std::vector<ClientMessage> SimulatedClient::grant_one_each() {
  std::vector<ClientMessage> credits;
  for (auto& [request_id, view] : views_) {
    if (view.is_over) continue;
    view.credit_end = std::max(view.credit_end, view.next_index + 1);
    credits.emplace_back(Credit{request_id, view.credit_end});
  }
  return credits;
}

bool SimulatedClient::is_content() const {
  const bool has_answers = std::all_of(wanted_.begin(), wanted_.end(), [](const auto& e) { return e.second.empty(); });
  return has_answers && std::all_of(views_.begin(), views_.end(), [](const auto& e) { return e.second.is_over; });
}

}  // namespace sluice::test
