#include "pipeline/text/output_text.h"

#include <utility>

namespace sluice {

Result<OutputText> OutputText::create(const Tokenizer& tokenizer, std::vector<std::string> stop_strings,
                                      bool skip_special) {
  auto matcher = StopMatcher::create(std::move(stop_strings));
  if (!matcher) return matcher.error();
  return OutputText(Detokenizer(tokenizer, skip_special), std::move(*matcher));
}

OutputText::OutputText(Detokenizer detokenizer, StopMatcher matcher)
    : detokenizer_(std::move(detokenizer)), matcher_(std::move(matcher)) {}

StopScan OutputText::push(TokenId token) {
  const std::uint64_t number = detokenizer_.num_tokens();
  return scan(detokenizer_.push(token), number);
}

StopScan OutputText::finish() {
  StopScan last = scan(detokenizer_.finish(), detokenizer_.num_tokens());
  if (!last.match) last.text += matcher_.finish();
  return last;
}

StopScan OutputText::scan(const DecodedText& decoded, std::uint64_t token) {
  const std::string_view text = decoded.text;
  StopScan carried = matcher_.feed(text.substr(0, decoded.carried_bytes), decoded.carried_token);
  if (carried.match) return carried;
  StopScan rest = matcher_.feed(text.substr(decoded.carried_bytes), token);
  rest.text.insert(0, carried.text);
  return rest;
}

}  // namespace sluice
