// A tokenizer.json, and what an accepted one does with a text.
#include "pipeline/text/detokenizer.h"
#include "pipeline/text/tokenizer.h"
#include "pipeline/text/utf8.h"
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto tokenizer = sluice::Tokenizer::from_json(sluice::fuzz::as_text(data, size), "");
  if (!tokenizer.ok()) return 0;
  const auto ids = (*tokenizer)->encode("Hello  wörld <|a|> 123\n", {.parse_special_tokens = true});
  if (!ids.ok()) return 0;
  for (const sluice::TokenId id : *ids) {
    SLUICE_CHECK_GE(id, 0);
    SLUICE_CHECK_LT(id, (*tokenizer)->vocab_size());
  }
  // All at once and streamed are the same, also with the bytes of a fallback.
  for (const bool skip_special : {true, false}) {
    sluice::Detokenizer detokenizer(**tokenizer, skip_special);
    std::string streamed;
    for (const sluice::TokenId id : *ids) streamed += detokenizer.push(id).text;
    streamed += detokenizer.finish().text;
    SLUICE_CHECK(streamed == (*tokenizer)->decode(*ids, skip_special));
    SLUICE_CHECK(sluice::is_valid_utf8(streamed));
  }
  return 0;
}
