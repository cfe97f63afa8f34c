// What templates mean. differential_test.cpp compares far more with Python's jinja2; these say what counts, and run
// everywhere.
#include "pipeline/text/jinja/template.h"

#include <doctest/doctest.h>

#include "tests/pipeline/text/jinja/rendering.h"

namespace sluice {
namespace {

using test::rendered;

TEST_SUITE("pipeline/text/jinja/template") {
  TEST_CASE("render: values print as Python's str() has them") {
    CHECK(rendered("{{ [1, 2.0, none, true, 'a', \"it's\", (1,), {'k': 'v'}] }}") ==
          "[1, 2.0, None, True, 'a', \"it's\", (1,), {'k': 'v'}]");
    CHECK(rendered(
              "{{ 1e16 }} {{ 0.1 }} {{ 1e-5 }} {{ 123456.0 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ 7 / 2 }} {{ 2 ** 10 }}") ==
          "1e+16 0.1 1e-05 123456.0 3 -4 3.5 1024");
    CHECK(rendered("[{{ nope }}][{{ none }}][{{ range(3) }}]") == "[][None][range(0, 3)]");
    CHECK(rendered("{{ ['\\n\u200b'] }}") == "['\\n\\u200b']");
  }

  TEST_CASE("render: numbers at the end of 64 bits neither wrap nor overflow") {
    CHECK(rendered("{{ 'aaaaaaaaaaaa' | truncate(9223372036854775807) }}") == "aaaaaaaaaaaa");
    CHECK(rendered("{{ 'aaaaaaaaaaaa' | truncate(5, leeway=9223372036854775807) }}") == "aaaaaaaaaaaa");
    CHECK(rendered("{{ 9223372036854775807 | round(-1) }}").ends_with("an integer has more than 64 bits"));
    CHECK(rendered("{{ 4611686018427387904 | round(-18) }}") == "5000000000000000000");
  }

  TEST_CASE("render: map and select find nothing in what counts as false, whatever it is") {
    CHECK(rendered("{{ none | map('upper') | list }}{{ 0 | selectattr('a') | list }}{{ false | reject | list }}") ==
          "[][][]");
    CHECK(rendered("{{ 1 | map('upper') | list }}").ends_with("'int' object is not iterable"));
  }

  TEST_CASE("render: ensure_ascii escapes U+007F as Python does") {
    CHECK(rendered("{{ s | tojson(ensure_ascii=true) }}{{ s | tojson }}", "{\"s\": \"~\x7F\"}") ==
          "\"~\\u007f\"\"~\x7F\"");
  }

  TEST_CASE("render: white space is trimmed as trim_blocks and lstrip_blocks ask") {
    CHECK(rendered("a\n  {% if true %}\n  b\n  {% endif %}\nc\n") == "a\n  b\nc");
    CHECK(rendered("a \n {%- if true -%} \n b {%- endif %} c") == "ab c");
    CHECK(rendered("a\n  {%+ if true %}\nb{% endif +%}\n c") == "a\n  b\n c");
    CHECK(rendered("{# note #}\na  {{ 1 }}\n  {#- x -#}  b") == "a  1b");
    CHECK(rendered("{% raw %}{{ x }}{% endraw %}\n\n") == "{{ x }}");
  }

  TEST_CASE("render: what a loop sets does not leave it, a namespace does") {
    CHECK(rendered("{% set x = 1 %}{% for i in [2] %}{% set x = i %}{{ x }}{% endfor %}{{ x }}") == "21");
    CHECK(rendered("{% set ns = namespace(x=1) %}{% for i in [2] %}{% set ns.x = i %}{% endfor %}{{ ns.x }}") == "2");
    CHECK(rendered("{% if true %}{% set x = 2 %}{% endif %}{{ x }}") == "2");
    CHECK(rendered("{% macro m() %}{% set x = 5 %}{{ x }}{% endmacro %}{{ m() }}{{ x }}") == "5");
  }

  TEST_CASE("render: loops know where they are") {
    CHECK(rendered("{% for c in 'añb' %}{{ loop.index }}{{ c }}{{ ',' if not loop.last }}{% endfor %}") == "1a,2ñ,3b");
    CHECK(rendered("{% for k, v in d.items() if v %}{{ k }}={{ v }};{% else %}none{% endfor %}",
                   R"({"d": {"b": 1, "a": 0, "c": 2}})") == "b=1;c=2;");
    CHECK(rendered("{% for i in range(9) %}{% if i == 1 %}{% continue %}{% elif i == 3 %}{% break %}{% endif %}{{ i }}"
                   "{% endfor %}") == "02");
    CHECK(rendered("{% for n in t recursive %}{{ n.v }}{{ loop(n.c) if n.c }}{% endfor %}",
                   R"({"t": [{"v": 1, "c": [{"v": 2}]}, {"v": 3}]})") == "123");
  }

  TEST_CASE("render: filters that apply to each item find none in what is false") {
    CHECK(rendered("{{ n | map('upper') | list }}{{ 0 | select | list }}{{ n | rejectattr('x') | list }}",
                   R"({"n": null})") == "[][][]");
  }

  TEST_CASE("render: what is undefined is a sequence without items, and no mapping") {
    CHECK(rendered("{{ x is sequence }} {{ x is iterable }} {{ x is mapping }}") == "True True False");
  }

  TEST_CASE("render: a slice of a range is the range that Python prints") {
    CHECK(rendered("{{ range(3)[::2] }} {{ range(10)[2:7:3] }} {{ range(0, 10, 3)[1:] }} {{ range(3)[5:] }} "
                   "{{ range(3)[::-1] }}") ==
          "range(0, 3, 2) range(2, 7, 3) range(3, 12, 3) range(3, 3) range(2, -1, -1)");
  }

  TEST_CASE("render: strings are counted in characters") {
    CHECK(rendered("{{ s | length }} {{ s[1] }} {{ s[::-1] }} {{ s[-2:] }} {{ s.upper() }}", R"({"s": "ñß🦊"})") ==
          "3 ß 🦊ßñ ß🦊 ÑSS🦊");
    CHECK(rendered("{{ ' a b '.strip().split(' ', 1) }} {{ 'a</t>b'.split('</t>')[-1] }} {{ 'x'.rstrip('x') }}") ==
          "['a', 'b'] b ");
  }

  TEST_CASE("render: tojson is json.dumps without escapes for HTML, keys in their order") {
    CHECK(rendered("{{ d | tojson }}", R"({"d": {"z": ["<é>", 1.0, null], "a": {}}})") ==
          R"({"z": ["<é>", 1.0, null], "a": {}})");
    CHECK(rendered("{{ d | tojson(indent=2) }}", R"({"d": {"z": [1], "a": {}}})") ==
          "{\n  \"z\": [\n    1\n  ],\n  \"a\": {}\n}");
  }

  TEST_CASE("render: tests, comparisons and tuples") {
    CHECK(rendered("{{ x is defined }} {{ none is none }} {{ '' is string }} {{ {} is mapping }} {{ 1 is true }} "
                   "{{ true == 1 }} {{ 1 < 2 < 3 }} {{ 'a' in 'ab' }} {{ not x }} {{ 3 is in [1, 3] }}") ==
          "False True True True False True True True True True");
  }

  TEST_CASE("render: macros, calls, filters and blocks") {
    CHECK(rendered("{% macro f(a, b='x') %}<{{ a }}{{ b }}{{ varargs }}>{% endmacro %}{{ f(1) }}{{ f(1, 2, 3) }}"
                   "{{ f(b=2, a=1) }}") == "<1x()><12(3,)><12()>");
    CHECK(rendered("{% macro f() %}[{{ caller('c') }}]{% endmacro %}{% call(x) f() %}{{ x }}{% endcall %}") == "[c]");
    CHECK(rendered("{% filter upper | trim %} ab {% endfilter %}{% set y | upper %}c{% endset %}{{ y }}") == "ABC");
    CHECK(rendered("{% generation %}said{% endgeneration %}{% with a = 1 %}{{ a }}{% endwith %}{{ a }}") == "said1");
    CHECK(rendered("{{ m | selectattr('r', 'equalto', 'u') | map(attribute='c') | join('|') }}",
                   R"({"m": [{"r": "u", "c": "1"}, {"r": "a", "c": "2"}, {"r": "u", "c": "3"}]})") == "1|3");
  }

  TEST_CASE("render: strftime_now tells the time that it is given") {
    const std::chrono::system_clock::time_point now{std::chrono::hours(24 * 365)};
    CHECK(rendered("{{ strftime_now('%Y') }}", "{}", {.now = now}) == "1971");
  }

  TEST_CASE("render: one template may be rendered again and again") {
    const auto parsed = jinja::Template::parse("{% set ns = namespace(n=0) %}{% set ns.n = ns.n + 1 %}{{ ns.n }}");
    REQUIRE(parsed.ok());
    for (int i = 0; i < 3; ++i) CHECK(parsed->render({}, {})->bytes() == "1");
  }
}

}  // namespace
}  // namespace sluice
