// What is wrong with a template, and where.
#include <doctest/doctest.h>

#include "tests/pipeline/text/jinja/rendering.h"

namespace sluice {
namespace {

using test::rendered;

void check_unparsed(std::string_view source, std::string_view expected) {
  const auto parsed = jinja::Template::parse(source);
  REQUIRE_FALSE(parsed.ok());
  CHECK(parsed.error().code == ErrorCode::kModelLoadFailed);
  CHECK(parsed.error().message == expected);
}

TEST_SUITE("pipeline/text/jinja/template") {
  TEST_CASE("parse: what is unknown is named with its line, also where it would not be reached") {
    check_unparsed("a\n\n{{ x | foo }}", "line 3: unknown filter 'foo'");
    check_unparsed("{% if false %}\n{{ x is foo }}{% endif %}", "line 2: unknown test 'foo'");
    check_unparsed("{% include 'x' %}", "line 1: {% include %} is not supported in chat templates");
    check_unparsed("\n{% frobnicate %}", "line 2: unknown tag 'frobnicate'");
    check_unparsed("{% if x %}\n{{ y }}",
                   "line 2: expected {% endif %} for the block of line 1, found the end of the template");
    check_unparsed("{{ 'a }}", "line 1: a string is not closed");
    check_unparsed("{{ (1 }}", "line 1: unexpected '}'");
    check_unparsed("{{ 1 + }}", "line 1: expected an expression, found '}}'");
    check_unparsed("{{ 99999999999999999999 }}", "line 1: the integer 99999999999999999999 has more than 64 bits");
    check_unparsed("{% break %}", "line 1: {% break %} outside of a loop");
    check_unparsed("\xFF", "the template is not valid UTF-8");
  }

  TEST_CASE("render: an error names the line it comes from") {
    CHECK(rendered("\n{{ x.y }}") == "line 2: 'x' is undefined");
    CHECK(rendered("{{ 1\n + 'a' }}") == "line 1: operator + does not take 'int' and 'str'");
    CHECK(rendered("\n{{ raise_exception('roles must alternate') }}") == "line 2: roles must alternate");
    CHECK(rendered("{{ 9223372036854775807 + 1 }}") == "line 1: an integer has more than 64 bits");
    CHECK(rendered("{{ [].append(1) }}") == "line 1: 'append' would change a list, which no template may");
    CHECK(rendered("{% for a, b in [[1]] %}{% endfor %}") == "line 1: cannot unpack 1 values into 2 names");
    CHECK(rendered("{{ none() }}") == "line 1: 'NoneType' object is not callable");
    CHECK(rendered("{{ 'a'.split(foo=1) }}") == "line 1: 'split' has no argument 'foo'");
  }

  TEST_CASE("value_of_json: what is no JSON, too deep or too large is refused") {
    const auto message = [](const std::string& json) { return rendered("x", json); };
    CHECK(message("{") == "context is no valid JSON");
    CHECK(message("{\"a\": 18446744073709551616}") == "context has an integer of more than 64 bits");
    CHECK(message("{\"a\": 9223372036854775808}") == "context has an integer of more than 64 bits");
    CHECK(message("{\"a\": " + std::string(64, '[') + std::string(64, ']') + "}") == "context is nested too deep");
    std::string many = "{\"a\": [0";
    for (int i = 0; i < (1 << 18); ++i) many += ",0";
    CHECK(message(many + "]}") == "context has too many values");
  }
}

}  // namespace
}  // namespace sluice
