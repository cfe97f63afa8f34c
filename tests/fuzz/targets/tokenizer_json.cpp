// A tokenizer.json, and what an accepted one does with a text.
#include "pipeline/text/tokenizer.h"
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
  (*tokenizer)->decode(*ids);
  return 0;
}
