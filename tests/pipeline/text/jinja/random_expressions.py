"""Expressions and small templates over small values: what Jinja's grammar allows, whether it makes sense or not."""

_NAMES = ["a", "b", "s", "u", "n", "l", "d", "t", "m", "nope"]
_CONSTANTS = [
    "0", "1", "2", "-3", "7", "0.5", "2.0", "1e3", "'a'", "'ab c'", "''", "' x\\n'", "'ß'", "true", "false", "none",
    "[]", "[1, 2, 3]", "['b', 'a']", "(1, 'x')", "{}", "{'k': 1, 'a': none}", "{1: 'x', 'y': [1]}", "'%s'", "'aXbX'",
    "range(3)", "'1'", "'12.7'", "[[1, 2], [3]]", "[{'k': 2}, {'k': 1}, {}]"]
_BINARY = [
    "+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "and", "or"]
_FILTERS = [
    "trim", "length", "upper", "lower", "title", "capitalize", "string", "list", "first", "last", "int", "float",
    "tojson", "join", "join(', ')", "sort", "sort(reverse=true)", "reverse", "unique", "abs", "round", "round(1)",
    "sum", "min", "max", "default('d')", "default('d', true)", "items", "dictsort", "indent", "indent(2, true)",
    "replace('a', 'bb')", "replace('', '-')", "select", "reject", "select('string')", "reject('none')",
    "select('gt', 1)", "map('upper')", "map('string')", "map(attribute='k')", "map(attribute='k', default=0)",
    "selectattr('k')", "selectattr('k', 'equalto', 1)", "rejectattr('k', 'defined')", "tojson(indent=2)",
    "tojson(sort_keys=true)", "tojson(ensure_ascii=true)", "tojson(separators=(',', ':'))", "batch(2)", "wordcount",
    "center(9)", "truncate(5)", "groupby('k')", "sort(attribute='k')", "sum(attribute='k')", "int(5)", "float(1.5)",
    "trim('a ')", "e", "format(1, 2)", "attr('upper')", "count", "d", "round(0, 'floor')", "map('length')"]
_TESTS = [
    "defined", "undefined", "none", "string", "number", "integer", "float", "boolean", "mapping", "iterable",
    "sequence", "true", "false", "odd", "even", "divisibleby 2", "in [1, 2, 'a']", "eq 1", "equalto('a')", "gt 1",
    "lt 2", "ne 1", "lower", "upper", "callable", "sameas none", "ge 1", "le 1"]
_METHODS = [
    "strip()", "lstrip('a')", "rstrip()", "upper()", "lower()", "title()", "capitalize()", "split()", "split('a')",
    "split(' ', 1)", "rsplit(' ', 1)", "rsplit(none, 1)", "startswith('a')", "endswith(('c', 'b'))",
    "replace('a', 'b')", "replace('', '.', 2)", "find('b')", "rfind('b')", "count('a')", "join(['x', 'y'])",
    "splitlines()", "isdigit()", "isalpha()", "isspace()", "isupper()", "islower()", "partition('b')",
    "rpartition(' ')", "zfill(5)", "ljust(5, '*')", "center(8, '.')", "rjust(6)", "swapcase()", "get('k')",
    "get('nope', 7)", "keys()", "values()", "items()", "index(2)", "append(1)", "pop()", "update({})", "k",
    "removeprefix('a')", "removesuffix('c')", "format(1, k=2)", "copy()", "find('a', 1)", "count('', 1)", "isalnum()",
    "k.k", "nope"]
_SLICES = [
    "[0]", "[-1]", "[5]", "['k']", "[:2]", "[1:]", "[::-1]", "[-2:]", "[::2]", "[3:0:-1]", "[1:-1]", "[none:1]",
    "[true]", "['upper']", "[:-10]", "[10:]", "[::0]", "[1.0]", "[u]"]


def expression(random, depth=0):
    kind = random.randrange(12) if depth < 3 else random.randrange(2)
    inner = lambda: expression(random, depth + 1)
    if kind == 0:
        return random.choice(_NAMES)
    if kind == 1:
        return random.choice(_CONSTANTS)
    if kind in (2, 3):
        return f"{inner()} {random.choice(_BINARY)} {inner()}"
    if kind == 4:
        return f"({inner()} {random.choice(_BINARY)} {inner()})"
    if kind in (5, 6):
        return f"({inner()})|{random.choice(_FILTERS)}"
    if kind == 7:
        return f"{inner()} is {random.choice(['', 'not '])}{random.choice(_TESTS)}"
    if kind == 8:
        return f"({inner()}).{random.choice(_METHODS)}"
    if kind == 9:
        return f"({inner()}){random.choice(_SLICES)}"
    if kind == 10:
        return random.choice(["dict(**d)", "dict(**d)|tojson", f"not {inner()}", f"-{inner()}",
                              f"({inner()} if {inner()} else {inner()})",
                              f"({inner()} if {inner()})"])
    return random.choice([f"[{inner()}, {inner()}]", f"({inner()},)", f"{{'z': {inner()}}}", f"{inner()} ~ {inner()}"])


def context(random):
    texts = ["", "a", "ab c", "Hello World\n", "ß-İ (x)", " \u00a0x\u2028y ", "ΑΣ σ", "\ue000<|a|>", "12", "-0.50",
             "ǆ ﬁ", "it's \"q\""]
    return {"a": random.choice([0, 1, -7, 3]), "b": random.choice([True, False, 0.1, -2.5, 1e16, 1e300]),
            "s": random.choice(texts), "u": random.choice(texts), "n": None,
            "l": random.choice([[], [3, 1, 2], ["b", "A", "a"], [1, True, 1.0], [[1], {"k": 1}], [None, "x"]]),
            "d": random.choice([{}, {"k": 1, "b": "x"}, {"B": 2, "a": 1, "items": 3}, {"\ue000<|k|>": 1, "k": 2}]),
            "t": random.choice([["x", ["y"]], ["a", "ab c"]]), "m": [{"k": 1, "v": "é"}, {"k": 0, "v": ""}]}


_TRIM = ["", "", "-", "+"]


def template(random, depth=0):
    """Tags with all their signs, white space between them, scopes within scopes."""
    parts = []
    for _ in range(random.randint(1, 4)):
        parts.append(_part(random, depth))
        parts.append(random.choice(["", " ", "\n", "  \n  ", "x", "\n\n", "\t", " y\n"]))
    return "".join(parts)


def _tag(random, content):
    return "{%" + random.choice(_TRIM) + " " + content + " " + random.choice(_TRIM) + "%}"


def _part(random, depth):
    kind = random.randrange(11) if depth < 3 else random.randrange(3)
    body = lambda: random.choice(["", "\n", " "]) + template(random, depth + 1)
    tag = lambda content: _tag(random, content)
    short = lambda: expression(random, 2)
    # Not the context's: jinja2 decides when it compiles whether a name is the block's own, and errs where only some
    # branches set it.
    name = random.choice(["x", "y"])
    if kind == 0:
        return "{{" + random.choice(["", "-"]) + f" {short()} " + random.choice(["", "-"]) + "}}"
    if kind == 1:
        return tag(f"set {name} = {short()}") + random.choice(["", "{{ x }}", "{{ y }}"])
    if kind == 2:
        return "{#" + random.choice(_TRIM) + " note " + random.choice(_TRIM) + "#}" + "{{ x ~ y ~ a }}"
    if kind == 3:
        return tag(f"if {short()}") + body() + tag(f"elif {short()}") + body() + tag("else") + body() + tag("endif")
    if kind in (4, 5):
        condition = random.choice(["", "", f" if {name} != 1"])
        loop = random.choice(["", "{{ loop.index }}/{{ loop.length }}", "{{ loop.last }}", "{{ loop.previtem }}",
                              "{{ loop.cycle('p', 'q') }}", "{% if loop.index > 1 %}{% break %}{% endif %}",
                              "{% if loop.first %}{% continue %}{% endif %}", "{{ loop.changed(x) }}"])
        iterable = random.choice(["l", "d", "s", "range(3)", "t", "m", "nope"])
        otherwise = random.choice(["", tag("else") + body()])
        return tag(f"for {name} in {iterable}{condition}") + loop + body() + otherwise + tag("endfor")
    if kind == 6:
        return tag("set ns = namespace(v=1)") + tag("for i in range(2)") + tag("set ns.v = ns.v + i") + body() \
            + tag("endfor") + "{{ ns.v }}"
    if kind == 7:
        return tag(f"macro f(x, y={short()})") + body() + tag("endmacro") + random.choice(
            ["{{ f(1) }}", "{{ f(1, 2) }}", "{{ f(y=3) }}", "{{ f() }}", "{{ f(1, 2, 3) }}", "{{ f(**d) }}",
             "{{ f(*l) }}"])
    if kind == 8:
        return tag(f"set {name}") + body() + tag("endset") + "{{ " + name + " }}"
    if kind == 9:
        return random.choice([tag("filter upper") + body() + tag("endfilter"),
                              tag(f"with x = {short()}, y = a") + body() + tag("endwith"),
                              tag("generation") + body() + tag("endgeneration"),
                              tag("raw") + "{{ x }}" + random.choice(["", " \n", "{% if"]) + tag("endraw")])
    return "{% macro g() %}[{{ caller(1) if caller is defined else 'none' }}]{% endmacro %}" \
        + tag("call(x) g()") + body() + tag("endcall")
