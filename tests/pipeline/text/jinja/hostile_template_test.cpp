// Templates that would run forever, or eat all memory: each ends with an error, and within the limits.
#include <doctest/doctest.h>

#include "tests/pipeline/text/jinja/rendering.h"

namespace sluice {
namespace {

using test::rendered;

const std::string kSteps = "takes more than 5000000 steps";
const std::string kBytes = "makes values of more than 268435456 bytes";

void check_ends(const std::string& source, const std::string& why, const std::string& context = "{}") {
  const std::string message = rendered(source, context);
  CAPTURE(source.substr(0, 200));
  CHECK_MESSAGE(message.find(why) != std::string::npos, message.substr(0, 200));
}

std::string repeated(std::string_view part, int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += part;
  return text;
}

TEST_SUITE("pipeline/text/jinja/hostile") {
  TEST_CASE("hostile: nested loops run out of steps or memory") {
    check_ends("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "more than");
    check_ends(
        "{% set r = range(1000) %}{% for a in r %}{% for b in r %}{% for c in r %}{% endfor %}{% endfor %}{% endfor %}",
        "more than");
    check_ends("{{ range(100001) }}", "range: more than 100000 numbers");
    check_ends("{{ range(-9223372036854775807, 9223372036854775807) }}", "range: more than 100000 numbers");
  }

  TEST_CASE("hostile: huge strings and lists are refused before they are made") {
    check_ends("{{ 'a' * 999999999999 }}", "repeated too often");
    check_ends("{{ [0] * 20000000 }}", "more than");
    check_ends("{% set ns = namespace(s='ab') %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
               kBytes);
    check_ends(
        "{% set ns = namespace(s='ab') %}{% for i in range(60) %}{% set ns.s = ns.s | replace('a', 'aaaa') %}"
        "{% endfor %}",
        "more than");
    check_ends("{% set ns = namespace(l=[0]) %}{% for i in range(60) %}{% set ns.l = ns.l + ns.l %}{% endfor %}",
               kBytes);
    check_ends("{{ 'a'.center(99999999999) }}", "padded too far");
    check_ends("{{ '%999999999d' % 1 }}{{ ('%9999s' % 'a') * 40000 }}", "repeated too often");
    check_ends(
        "{{ 'aa' | indent(100000, true) | replace(' ', 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx') "
        "| replace('x', 'yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy') }}",
        kBytes);
    check_ends("{% for i in range(40) %}{{ 'x' * 1000 * 1000 }}{% endfor %}", "writes more than 33554432 bytes");
  }

  TEST_CASE("hostile: keys, names in messages and origins are charged before they are made") {
    const std::string tuple = "{% set t = 'a' * 1000000 %}{% set k = (t,) * 100000 %}";
    for (const char* use : {"{{ {k: 1} | length }}", "{{ k in {} }}", "{{ {}[k] }}", "{{ {}.get(k) }}",
                            "{{ dict([(k, 1)]) }}", "{{ [k] | unique | list }}"}) {
      check_ends(tuple + use, "more than");
    }
    const std::string name = "{% set t = 'a' * 1000000 %}";
    CHECK(rendered(name + "{{ (1 | attr(t)).x }}").size() < 200);
    CHECK(rendered(name + "{{ 1[t].x }}").size() < 200);
    CHECK(rendered(name + "{{ [1] | map(t) | list }}").size() < 200);
    CHECK(rendered(name + "{{ [1] | select(t) | list }}").size() < 200);
    CHECK(rendered("{% set t = 'ä' * 100 %}{{ 1['a' + t].x }}").find("'a" + repeated("ä", 31) + "'") !=
          std::string::npos);
    const std::string context = R"({"u": "u"})";
    // 600,000 pieces of 16 bytes for 600,000 bytes, each time. What has one piece is not charged for more.
    check_ends("{% for i in range(14) %}{% set x = ('a' + u) * 100 * 3000 %}{% endfor %}", kBytes, context);
    CHECK(rendered("{% for i in range(14) %}{% set x = 'aa' * 100 * 3000 %}{% endfor %}ok") == "ok");
  }

  TEST_CASE("hostile: what holds itself many times over is not walked forever") {
    const std::string doubled =
        "{% set ns = namespace(l=[1]) %}{% for i in range(60) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}";
    check_ends(doubled + "{{ ns.l }}", "more than");
    check_ends(doubled + "{{ ns.l | tojson }}", "more than");
    check_ends(doubled +
                   "{% set other = ns.l %}{% set ns.l = [1] %}{% for i in range(60) %}{% set ns.l = [ns.l, ns.l] %}"
                   "{% endfor %}{{ ns.l == other }}",
               kSteps);
    check_ends(
        "{% set ns = namespace(l=(1,)) %}{% for i in range(60) %}{% set ns.l = (ns.l, ns.l) %}{% endfor %}"
        "{{ {ns.l: 1} }}",
        "unhashable");
  }

  TEST_CASE("hostile: deep nesting of values, objects and namespaces is refused or freed without recursion") {
    check_ends("{% set ns = namespace(l=[]) %}{% for i in range(99999) %}{% set ns.l = [ns.l] %}{% endfor %}",
               "nested too deep");
    check_ends("{% set ns = namespace(l={}) %}{% for i in range(99999) %}{% set ns.l = {'a': ns.l.get} %}{% endfor %}",
               "nested too deep");
    check_ends("{% set ns = namespace(l=1) %}{% for i in range(99999) %}{% set ns.l = cycler(ns.l) %}{% endfor %}",
               "nested too deep");
    CHECK(rendered("{% set ns = namespace(l=1) %}{% for i in range(50000) %}{% set ns.l = namespace(l=ns.l) %}{% "
                   "endfor %}x") == "x");
    CHECK(rendered("{% set ns = namespace() %}{% for i in range(20000) %}{% set old = ns.f %}{% macro m() %}{{ old }}"
                   "{% endmacro %}{% set ns.f = m %}{% endfor %}x") == "x");
    CHECK(rendered("{% set ns = namespace() %}{% set ns.self = ns %}x") == "x");
    check_ends("{% set ns = namespace() %}{% set ns.self = ns %}{{ ns }}", "levels deep");
  }

  TEST_CASE("hostile: recursion and deep syntax are refused") {
    check_ends("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "levels deep");
    check_ends("{% macro f(n) %}{{ f(n + 1) }}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}", "levels deep");
    check_ends("{% for a in [[]] recursive %}{{ loop([1]) }}{% endfor %}", "levels deep");
    check_ends("{{ " + repeated("(", 10000) + "1" + repeated(")", 10000) + " }}", "levels deep");
    check_ends("{{ " + repeated("not ", 10000) + "1 }}", "levels deep");
    check_ends("{{ " + repeated("-", 10000) + "1 }}", "levels deep");
    check_ends("{{ 1" + repeated("+1", 10000) + " }}", "levels deep");
    check_ends("{{ x" + repeated(".y", 10000) + " }}", "levels deep");
    check_ends("{{ x" + repeated("|e", 10000) + " }}", "levels deep");
    check_ends("{{ 1" + repeated(" if 1", 10000) + " }}", "levels deep");
    check_ends(repeated("{% if 1 %}", 10000), "levels deep");
    check_ends("{{ " + repeated("[", 10000) + repeated("]", 10000) + " }}", "levels deep");
    check_ends(std::string((1 << 20) + 1, 'x'), "more than 1048576 bytes");
  }

  TEST_CASE("hostile: looking for one name among many takes steps for each") {
    std::string many;
    for (int i = 0; i < 20000; ++i) many += "{% set n" + std::to_string(i) + " = 1 %}";
    check_ends(many, kSteps);
    many.clear();
    for (int i = 0; i < 2000; ++i) many += "{% set n" + std::to_string(i) + " = 1 %}";
    check_ends(many + "{% for i in range(90000) %}{{ x }}{% endfor %}", kSteps);
  }

  TEST_CASE("hostile: searches do not go quadratic") {
    const std::string text = "{\"s\": \"" + std::string(1 << 20, 'a') + "\"}";
    CHECK(rendered("{{ (s[:500000] + 'b') in s }}", text) == "False");
    CHECK(rendered("{{ s.rfind('b' + s[:500000]) }}", text) == "-1");
    CHECK(rendered("{{ s.split(s[:500000] + 'b') | length }}", text) == "1");
    check_ends("{% for i in range(99999) %}{{ s[i] }}{% endfor %}", kSteps, text);
  }
}

}  // namespace
}  // namespace sluice
