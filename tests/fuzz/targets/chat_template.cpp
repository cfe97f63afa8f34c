// A chat template and what it is rendered with: the template, a zero byte, a JSON object.
#include "base/check.h"
#include "pipeline/text/jinja/json_value.h"
#include "pipeline/text/jinja/template.h"
#include "tests/fuzz/fuzz_target.h"

namespace {

using namespace sluice;

// Tight enough that the slowest template takes milliseconds.
constexpr jinja::Limits kLimits{
    .steps_max = 20'000, .allocated_bytes_max = std::size_t{1} << 22, .output_bytes_max = std::size_t{1} << 18};

void check_pieces(const jinja::Text& text) {
  std::size_t begin = 0;
  for (const jinja::Piece& piece : text.pieces()) {
    SLUICE_CHECK_LT(begin, piece.end);
    begin = piece.end;
  }
  SLUICE_CHECK_EQ(begin, text.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::as_text(data, size);
  const std::size_t zero = std::min(input.find('\0'), input.size());
  const auto parsed = jinja::Template::parse(input.substr(0, zero));
  if (!parsed.ok()) return 0;
  const auto context = jinja::value_of_json(input.substr(std::min(zero + 1, size)), "context", /*is_trusted=*/false);
  const bool has_context = context.ok() && context->is_dict();
  const auto text = parsed->render(has_context ? context->as_dict() : jinja::Dict(), {.limits = kLimits});
  if (text.ok()) check_pieces(*text);
  return 0;
}
