"""Where the functions of a source file begin and how long they are, by counting braces: near enough for a limit."""

import re

_SCOPE = re.compile(r"\b(namespace|class|struct|union|enum|extern)\b|\bTEST_SUITE\b")
_DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.MULTILINE)
_CONTROL = re.compile(r"^\s*(if|for|while|switch|do|else|try|catch)\b")


def function_lengths(code):
    """(first line, number of lines) of each function, lambdas and nested functions counting to the one around them.

    `code` has no comments and strings (source_tree.strip_code).
    """
    code = _DIRECTIVE.sub(lambda match: "\n" * match.group(0).count("\n"), code)
    found = []
    scopes = []  # "scope", "function" or "block", for each open brace
    header_start = 0
    line = header_line = 1
    function_line = 0
    for position, character in enumerate(code):
        if character == "\n":
            line += 1
        if not code[header_start:position].strip():
            header_line = line
        if character == "{":
            header = code[header_start:position]
            is_inside = "function" in scopes or "block" in scopes
            if is_inside or _CONTROL.match(header):
                scopes.append("block")
            elif "(" in header and not (_SCOPE.search(header.split("(")[0]) and "TEST_CASE" not in header):
                scopes.append("function")
                function_line = header_line
            else:
                scopes.append("scope")
            header_start = position + 1
        elif character == "}":
            if scopes and scopes.pop() == "function":
                found.append((function_line, line - function_line + 1))
            header_start = position + 1
        elif character == ";":
            header_start = position + 1
    return found
