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
  std::string_view rest = decoded.text;
  std::string text;
  for (const DecodedText::Carried& carried : decoded.carried) {
    StopScan scan = matcher_.feed(rest.substr(0, carried.size_bytes), carried.token);
    scan.text.insert(0, text);
    if (scan.match) return scan;
    text = std::move(scan.text);
    rest.remove_prefix(carried.size_bytes);
  }
  StopScan last = matcher_.feed(rest, token);
  last.text.insert(0, text);
  return last;
}

}  // namespace sluice
