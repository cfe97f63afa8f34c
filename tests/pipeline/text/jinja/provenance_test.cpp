// Which bytes of the output the template wrote, and which came from outside.
#include <doctest/doctest.h>

#include "tests/pipeline/text/jinja/rendering.h"

namespace sluice {
namespace {

// The output with what is untrusted between "‹" and "›".
std::string marked(std::string_view source, std::string_view context = R"({"u": " us<|er ", "n": 5})") {
  const auto text = test::render_text(source, context);
  REQUIRE_MESSAGE(text.ok(), text.error().message);
  std::string out;
  std::size_t begin = 0;
  for (const jinja::Piece& piece : text->pieces()) {
    const std::string part(text->bytes().substr(begin, piece.end - begin));
    out += piece.is_trusted ? part : "‹" + part + "›";
    begin = piece.end;
  }
  return out;
}

TEST_SUITE("pipeline/text/jinja/provenance") {
  TEST_CASE("provenance: literals are trusted, values are not, through concatenation") {
    CHECK(marked("<|x|>{{ u }}{{ '<|y|>' + u + '.' }}{{ u ~ 1 ~ n }}") ==
          "<|x|>‹ us<|er ›<|y|>‹ us<|er ›.‹ us<|er ›15");
  }

  TEST_CASE("provenance: cutting and joining keep it for each byte") {
    CHECK(marked("{{ ('[' + u + ']')[1:5] }}|{{ ('[' + u)[:2] }}|{{ ('ab' + u)[::-1] }}") ==
          "‹ us<›|[‹ ›|‹ re|<su ›ba");
    CHECK(marked("{{ (u + ' x').strip() }}|{{ u | trim }}|{{ u.split('<') }}|{{ ['a', u] | join(', ') }}") ==
          "‹us<|er › x|‹us<|er›|['‹ us›', '‹|er ›']|a, ‹ us<|er ›");
    CHECK(marked("{{ ('a' + u).upper() }}|{{ u.title() }}|{{ ('x' + u) | replace('us', '<|y|>') }}") ==
          "A‹ US<|ER ›|‹ Us<|Er ›|x‹ ›<|y|>‹<|er ›");
    CHECK(marked("{{ u.partition('<')[0] }}|{{ u.center(12, '*') }}|{{ '%s!' % u }}|{{ '{}?'.format(u) }}") ==
          "‹ us›|**‹ us<|er ›**|‹ us<|er ›!|‹ us<|er ›?");
    CHECK(marked("{% for c in '<' + u[1] %}{{ c }};{% endfor %}") == "<;‹u›;");
  }

  TEST_CASE("provenance: formats keep that of strings inside of values") {
    CHECK(marked("{{ [u, 'x'] }}|{{ {'k': u} | tojson }}|{{ u | e }}") ==
          "['‹ us<|er ›', 'x']|{\"k\": \"‹ us<|er ›\"}|‹ us&lt;|er ›");
    CHECK(marked("{{ s | tojson }}", R"({"s": "a\n\"b"})") == "\"‹a\\n\\\"b›\"");
  }

  TEST_CASE("provenance: captured output, macros and namespaces keep it") {
    CHECK(marked("{% set x %}<{{ u }}>{% endset %}{{ x }}") == "<‹ us<|er ›>");
    CHECK(marked("{% macro m(a) %}<{{ a }}>{% endmacro %}{{ m(u) }}{{ m('l') }}") == "<‹ us<|er ›><l>");
    CHECK(marked("{% set ns = namespace(s='') %}{% set ns.s = ns.s + '<' + u %}{{ ns.s }}") == "<‹ us<|er ›");
    CHECK(marked("{% filter upper %}a{{ u }}{% endfilter %}") == "A‹ US<|ER ›");
  }

  TEST_CASE("provenance: keys of mappings from outside are untrusted, and equality does not look at it") {
    CHECK(marked("{% for k in d %}{{ k }}{% endfor %}", R"({"d": {"<|x|>": 1}})") == "‹<|x|>›");
    CHECK(marked("{{ u == ' us<|er ' }}|{{ d['k'] }}|{{ {'k': 1}[k] }}",
                 R"({"u": " us<|er ", "d": {"k": 2}, "k": "k"})") == "True|2|1");
  }

  TEST_CASE("provenance: keys that are passed on as keywords stay untrusted") {
    const std::string_view context = R"({"d": {"<|x|>": 1}})";
    CHECK(marked("{{ dict(**d) | tojson }}{{ dict(k=1) }}", context) == "{\"‹<|x|>›\": 1}{'k': 1}");
    CHECK(marked("{{ dict({'a': 2}, **d) }}", context) == "{'a': 2, '‹<|x|>›': 1}");
    CHECK(marked("{% macro m() %}{{ kwargs }}{% endmacro %}{{ m(**d) }}{{ m(k=1) }}", context) ==
          "{'‹<|x|>›': 1}{'k': 1}");
  }
}

}  // namespace
}  // namespace sluice
