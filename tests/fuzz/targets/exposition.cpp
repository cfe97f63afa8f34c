// A scrape's text, and the picture that two of an accepted one make, which fits its window and is plain text.
#include "top/exposition.h"
#include "tests/fuzz/fuzz_target.h"
#include "top/frame.h"
#include "top/scrape.h"

namespace {

using namespace sluice;

void check_is_plain(const std::string& text, std::size_t columns) {
  std::size_t column = 0;
  for (const char c : text) {
    column = c == '\n' ? 0 : column + 1;
    SLUICE_CHECK(c == '\n' || (c >= ' ' && c <= '~'));
    SLUICE_CHECK_LE(column, columns);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // The two scrapes stand one behind the other, with an empty line between, which none can hold; or there is but one.
  const std::string_view text = sluice::fuzz::as_text(data, size);
  const auto gap = text.find("\n\n");
  const auto before = top::parse_exposition(text.substr(0, gap == std::string_view::npos ? gap : gap + 1));
  const auto now = gap == std::string_view::npos ? before : top::parse_exposition(text.substr(gap + 2));
  for (const auto* parsed : {&before, &now}) {
    if (!parsed->ok()) SLUICE_CHECK(parsed->error().message.starts_with("line "));
  }
  if (!before.ok() || !now.ok()) return 0;
  const top::Scrape first = {*before, {std::chrono::seconds(1)}};
  const top::Scrape second = {*now, {std::chrono::seconds(3)}};
  const top::View view = top::make_view(top::Window(&first, second));
  for (const std::size_t rows : {0u, 1u, 24u}) {
    const auto lines = top::make_frame(view, "source", "", {.columns = 80, .rows = rows});
    if (rows > 0) SLUICE_CHECK_LE(lines.size(), rows);
    check_is_plain(top::paint_text(lines, 80), 80);
  }
  return 0;
}
