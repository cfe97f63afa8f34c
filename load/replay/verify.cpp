#include "load/replay/verify.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <sstream>

namespace sluice::load {

namespace {

using Difference = std::optional<std::string>;

template <class T>
Difference differ(const std::string& what, const T& recorded, const T& replayed) {
  if (recorded == replayed) return std::nullopt;
  std::ostringstream out;
  out.precision(9);
  out << what << " is " << replayed << ", recorded " << recorded;
  return out.str();
}

Difference differ_by(const std::string& what, float recorded, float replayed, double tolerance) {
  if (recorded == replayed) return std::nullopt;
  if (std::abs(static_cast<double>(recorded) - static_cast<double>(replayed)) <= tolerance) return std::nullopt;
  return differ(what, recorded, replayed);
}

Difference compare_logprobs(std::uint64_t index, const TokenLogprobs& recorded, const TokenLogprobs& replayed,
                            double tolerance) {
  const std::string at = " of token " + std::to_string(index);
  if (auto found = differ_by("log-probability" + at, recorded.logprob, replayed.logprob, tolerance)) return found;
  if (auto found = differ("number of alternatives" + at, recorded.top.size(), replayed.top.size())) return found;
  for (std::size_t i = 0; i < recorded.top.size(); ++i) {
    const std::string which = " of alternative " + std::to_string(i) + at;
    // Within a tolerance neighbours may change places.
    if (tolerance == 0) {
      if (auto found = differ("id" + which, recorded.top[i].token, replayed.top[i].token)) return found;
    }
    if (auto found = differ_by("log-probability" + which, recorded.top[i].logprob, replayed.top[i].logprob, tolerance))
      return found;
  }
  return tolerance == 0 ? differ("digest of the logits" + at, recorded.digest, replayed.digest) : std::nullopt;
}

// As far as both go.
Difference compare_tokens(const Transcript& recorded, const Transcript& replayed, double tolerance) {
  if (recorded.tokens.empty() || replayed.tokens.empty()) return std::nullopt;
  if (auto found = differ("first token", recorded.first_index, replayed.first_index)) return found;
  const std::size_t count = std::min(recorded.tokens.size(), replayed.tokens.size());
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t index = recorded.first_index + i;
    if (auto found = differ("token " + std::to_string(index), recorded.tokens[i], replayed.tokens[i])) return found;
    const bool has_recorded = i < recorded.logprobs.size();
    if (auto found = differ("having log-probabilities", has_recorded, i < replayed.logprobs.size())) return found;
    if (!has_recorded) continue;
    if (auto found = compare_logprobs(index, recorded.logprobs[i], replayed.logprobs[i], tolerance)) return found;
  }
  return std::nullopt;
}

std::string end_of(const Transcript& answer) {
  if (answer.finished) return "finished by " + std::string(to_string(answer.finished->reason));
  if (answer.failed) return "failed by " + std::string(to_string(answer.failed->code));
  return "none in time";
}

Difference compare_ends(const Transcript& recorded, const Transcript& replayed, double tolerance) {
  if (auto found = differ("number of tokens", recorded.tokens.size(), replayed.tokens.size())) return found;
  if (recorded.text != replayed.text) return "text differs, although its tokens are equal";
  if (!recorded.finished) return std::nullopt;
  const Finished& was = *recorded.finished;
  const Finished& is = *replayed.finished;
  if (auto found = differ("count of prompt tokens", was.usage.prompt_tokens, is.usage.prompt_tokens)) return found;
  if (auto found = differ("count of output tokens", was.usage.output_tokens, is.usage.output_tokens)) return found;
  if (auto found = differ("number of prompt log-probabilities", was.prompt_logprobs.size(), is.prompt_logprobs.size()))
    return found;
  for (std::size_t i = 0; i < was.prompt_logprobs.size(); ++i) {
    const std::string what = "log-probability of prompt token " + std::to_string(i + 1);
    if (auto found = differ_by(what, was.prompt_logprobs[i], is.prompt_logprobs[i], tolerance)) return found;
  }
  return std::nullopt;
}

// Whether the end came by a clock or by the client, which the request allows for.
bool is_cut(const Transcript& answer, const RequestFacts& facts) {
  const bool may_be_cancelled = facts.is_cancelled || facts.is_abandoned;
  if (answer.finished) {
    return (answer.finished->reason == FinishReason::kCancelled && may_be_cancelled) ||
           (answer.finished->reason == FinishReason::kDeadline && facts.has_deadline);
  }
  if (!answer.failed) return false;
  const ErrorCode code = answer.failed->code;
  return (code == ErrorCode::kCancelled && may_be_cancelled) ||
         ((code == ErrorCode::kDeadlineExceeded || code == ErrorCode::kOverloaded) && facts.has_deadline);
}

// The engine had more than the client's credit let it send.
bool is_withheld(const Transcript& answer) {
  return answer.finished && answer.end_index() < answer.finished->usage.output_tokens;
}

// An id is the client's: it may hold what steers a terminal.
std::string printable(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return text;
}

Comparison different(std::string sentence) {
  return {Verdict::kDifferent, std::move(sentence)};
}

// Nothing but what time, load and chance decided.
bool has_no_result(const Transcript& recorded) {
  if (recorded.is_accepted) return false;
  if (!recorded.failed) return true;
  const ErrorCode code = recorded.failed->code;
  return is_retryable(code) || code == ErrorCode::kNotFound || code == ErrorCode::kDeadlineExceeded;
}

}  // namespace

Comparison compare(const Transcript& recorded, const Transcript& replayed, const RequestFacts& facts,
                   const VerifySettings& settings) {
  if (has_no_result(recorded)) return {Verdict::kNotCompared, {}};
  const double tolerance = settings.logprob_tolerance;
  if (auto found = compare_tokens(recorded, replayed, tolerance)) return different(*std::move(found));
  // Its client had gone, the recording ends or lacks something, or the engine had lost a stage: there is no end.
  const bool has_end = recorded.is_ended() && !recorded.has_hole &&
                       !(recorded.failed && recorded.is_accepted && is_retryable(recorded.failed->code) &&
                         recorded.failed->code != ErrorCode::kDeadlineExceeded);
  if (!has_end) {
    return replayed.tokens.empty() ? Comparison{Verdict::kNotCompared, {}} : Comparison{Verdict::kEqualSoFar, {}};
  }
  if (!replayed.is_ended()) return different("end is " + end_of(replayed) + ", recorded " + end_of(recorded));
  const bool was_cut = is_cut(recorded, facts);
  if (was_cut || is_cut(replayed, facts)) {
    // What came to its own end is the longer one.
    const Transcript& whole = was_cut ? replayed : recorded;
    const Transcript& cut = was_cut ? recorded : replayed;
    if (is_cut(whole, facts) || cut.tokens.size() <= whole.tokens.size()) return {Verdict::kEqualSoFar, {}};
    return different(*differ("number of tokens", recorded.tokens.size(), replayed.tokens.size()));
  }
  if (end_of(recorded) != end_of(replayed)) {
    return different("end is " + end_of(replayed) + ", recorded " + end_of(recorded));
  }
  if (is_withheld(recorded)) return {Verdict::kEqualSoFar, {}};
  if (auto found = compare_ends(recorded, replayed, tolerance)) return different(*std::move(found));
  return {};
}

VerifyReport verify(const ReplayScript& script, const std::vector<Transcript>& replayed,
                    const VerifySettings& settings) {
  VerifyReport report;
  for (std::size_t i = 0; i < script.requests.size(); ++i) {
    const RecordedRequest& request = script.requests[i];
    if (request.is_foreign) {
      ++report.not_compared;
      continue;
    }
    const Comparison comparison = compare(request.answer, replayed[i], script.facts_of(request), settings);
    switch (comparison.verdict) {
      case Verdict::kEqual: ++report.equal; break;
      case Verdict::kEqualSoFar: ++report.equal_so_far; break;
      case Verdict::kNotCompared: ++report.not_compared; break;
      case Verdict::kDifferent:
        if (++report.different == 1) {
          report.first_difference = "connection " + std::to_string(request.connection) + ", request '" +
                                    printable(request.id) + "': " + comparison.difference;
        }
    }
  }
  return report;
}

}  // namespace sluice::load
