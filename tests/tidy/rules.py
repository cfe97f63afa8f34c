"""What tidy checks, as a table: each rule has a name, a sentence, and a function from the tree to findings.

A finding says what to do instead. tidy_selftest.py shows each rule a violation and its correct twin.
"""

import dataclasses
import posixpath
import re

from functions import function_lengths

FILE_LINES_MAX = 500
FILE_LINES_TYPICAL = 250
FUNCTION_LINES_MAX = 100
FUNCTION_LINES_TYPICAL = 70
LINE_COLUMNS_MAX = 120
BLOB_BYTES_MAX = 1 << 20

LIBRARIES = ("base/", "kernels/", "pipeline/", "transport/", "metrics/", "actors/", "load/", "top/")


@dataclasses.dataclass(frozen=True, order=True)
class Finding:
    path: str
    line: int
    rule: str
    message: str
    is_note: bool = False  # Shown, but no failure.

    def __str__(self):
        kind = "note" if self.is_note else "error"
        return f"{self.path}:{self.line}: {kind}: {self.message} [{self.rule}]"


# ---- layers ---------------------------------------------------------------------------------------------------------

# Which top folders each may include, and the exceptions: file prefixes of others.
LAYERS = {
    "base": (("base/",), ()),
    "kernels": (("base/", "kernels/"), ()),
    "pipeline": (("base/", "kernels/", "pipeline/"), ()),
    "transport": (("base/", "transport/"), ()),
    # From what the actors counted to what a scrape reads; nobody else needs to know the format.
    "metrics": (("base/", "pipeline/", "metrics/"), ()),
    # Actors know no kernel, but the engine pins one instruction-set path for all stages.
    "actors": (("base/", "pipeline/", "transport/", "metrics/", "actors/"),
               ("kernels/cpu/isa_path.h", "kernels/collective/")),
    # A client like any other: what it measures, it measures from outside.
    "load": (("base/", "transport/", "load/"), ()),
    # It reads metrics over HTTP, and knows their names alone.
    "top": (("base/", "top/"), ()),
    "cli": (("base/", "pipeline/", "transport/", "actors/", "load/", "top/", "cli/"), ()),
    "gateway": (("base/", "transport/", "gateway/"), ()),
    "examples": (("base/", "pipeline/", "transport/", "actors/", "examples/"), ()),
}

# Folders that could be lifted out as libraries of their own: what they may include, tests aside.
SELF_CONTAINED = {
    "pipeline/text/jinja/": ("base/", "pipeline/text/jinja/", "pipeline/text/utf8.h"),
}

# Third-party headers that only one folder (and its tests) may include.
CONFINED = (
    (re.compile(r"caf/"), "CAF", ("actors/", "benchmarks/")),
    (re.compile(r"(zmq\.hp*|zmq_addon\.hpp)$"), "ZeroMQ", ("transport/",)),
    (re.compile(r"(capnp|kj)/|.*\.capnp\.h$"), "Cap'n Proto", ("transport/",)),
    (re.compile(r"(cuda|cublas|cudnn|nccl)\w*\.(h|hpp)$|thrust/|cub/"), "CUDA", ("kernels/",)),
    (re.compile(r"prometheus/"), "prometheus-cpp", ("metrics/",)),
    (re.compile(r"toml\+\+/"), "toml++", ("pipeline/topology/",)),
    (re.compile(r"CLI/"), "CLI11", ("cli/", "examples/", "benchmarks/")),
    (re.compile(r"boost/(beast|asio)"), "Boost.Beast", ("gateway/", "metrics/", "top/")),
    # Lines of the log are LogEvents, whose values are escaped: see actors/log.h.
    (re.compile(r"spdlog/"), "spdlog", ("actors/log.cpp", "cli/")),
)

# Headers that the build makes; they lie in no folder of the checkout.
_GENERATED = re.compile(r".*\.capnp\.h$")


def check_layers(tree):
    for file in tree.files.values():
        if not file.is_source:
            continue
        allowed, exceptions = LAYERS.get(file.top_folder, ((), ()))
        for line, name, is_quoted in file.includes:
            is_ours = is_quoted and not _GENERATED.match(name)
            if is_ours and allowed and not name.startswith(allowed + exceptions):
                yield Finding(file.path, line, "layers",
                              f"{file.top_folder}/ may not include \"{name}\": it knows {', '.join(allowed)} only")
            for folder, known in SELF_CONTAINED.items():
                if is_ours and file.path.startswith(folder) and not name.startswith(known):
                    yield Finding(file.path, line, "layers",
                                  f"{folder} is a library of its own and may not include \"{name}\"")
            for pattern, library, owners in CONFINED:
                folders = owners + tuple("tests/" + owner for owner in owners)
                if pattern.match(name) and not file.path.startswith(folders):
                    yield Finding(file.path, line, "layers",
                                  f"{library} belongs into {', '.join(owners)} alone: wrap it there")


def check_include_paths(tree):
    for file in tree.files.values():
        if not file.is_source:
            continue
        for line, name, is_quoted in file.includes:
            if is_quoted and not _GENERATED.match(name) and not tree.exists(name):
                yield Finding(file.path, line, "include-path",
                              f"no such file: \"{name}\"; quoted includes are written from the top of the checkout")


# ---- sizes ----------------------------------------------------------------------------------------------------------

def check_file_size(tree):
    for file in tree.files.values():
        if not (file.is_source or file.path.endswith(".py")):
            continue
        lines = file.text.count("\n")
        if lines > FILE_LINES_MAX:
            yield Finding(file.path, 1, "file-size",
                          f"{lines} lines, limit {FILE_LINES_MAX}: a file is about one thing")
        elif lines > FILE_LINES_TYPICAL and not file.is_test:
            yield Finding(file.path, 1, "file-size",
                          f"{lines} lines, typical are up to {FILE_LINES_TYPICAL}", is_note=True)


def check_function_size(tree):
    for file in tree.files.values():
        if not file.is_source:
            continue
        for line, lines in function_lengths(file.code):
            if lines > FUNCTION_LINES_MAX:
                yield Finding(file.path, line, "function-size",
                              f"a function of {lines} lines, limit {FUNCTION_LINES_MAX}: split it into named steps")
            elif lines > FUNCTION_LINES_TYPICAL and not file.is_test:
                message = f"a function of {lines} lines, typical are up to {FUNCTION_LINES_TYPICAL}"
                yield Finding(file.path, line, "function-size", message, is_note=True)


def check_blob_size(tree):
    for path, size_bytes in tree.sizes_bytes.items():
        if size_bytes > BLOB_BYTES_MAX and not path.startswith(("examples/models/", "tests/golden/")):
            yield Finding(path, 1, "blob-size", f"{size_bytes} bytes, limit {BLOB_BYTES_MAX} outside the demo models")


# ---- banned calls ---------------------------------------------------------------------------------------------------

@dataclasses.dataclass(frozen=True)
class Ban:
    pattern: re.Pattern
    instead: str
    only_in: tuple = ()   # Prefixes of files; empty: everywhere.
    not_in: tuple = ()


_LOCKS = (r"\bstd::(recursive_|timed_|recursive_timed_|shared_|shared_timed_)?mutex\b"
          r"|\bstd::(lock_guard|unique_lock|scoped_lock|shared_lock|condition_variable\w*|call_once|once_flag)\b"
          r"|\bpthread_(mutex|rwlock|cond|spin)\w*")

# A call of the C library's function, where a declaration or a member could have its name as well.
_CALL = r"(?:\bstd::|(?<!\w)::|(?<=[;{}(=!])|(?<=return)|(?m:^))[ ]*\b"

BANS = (
    Ban(re.compile(_LOCKS), "give the state one owner and send it messages",
        not_in=("transport/", "kernels/cpu/thread_pool", "tests/transport/", "tests/kernels/cpu/thread_pool")),
    Ban(re.compile(r"\b(sleep_for|sleep_until|usleep|(clock_)?nanosleep)\b|" + _CALL + r"sleep\s*\(\s*\d"),
        "wait for the event itself; in tests, move a ManualClock",
        not_in=("pipeline/stage/device_clock.cpp",)),  # A mock's step is nothing but time.
    Ban(re.compile(r"\b(std::)?s?rand\s*\("), "use SplitMix64 or uniform_at (base/random.h)"),
    Ban(re.compile(r"\b(std::)?ato(i|l|ll|f)\s*\("), "use std::from_chars: it says when the text is no number"),
    Ban(re.compile(r"\b(std::)?(v?f?printf|v?sn?printf|puts|fputs|putchar)\s*\("),
        "return an Error, or write a LogEvent; build text with std::string",
        only_in=LIBRARIES, not_in=("base/check.cpp",)),
    Ban(re.compile(r"\bstd::(cout|cerr|clog)\b"), "libraries do not print: return an Error, or write a LogEvent",
        only_in=LIBRARIES, not_in=("base/check.cpp",)),
    Ban(re.compile(r"(?<![\w.:>])assert\s*\("),
        "use SLUICE_CHECK (base/check.h): it stays in release builds and prints"),
    Ban(re.compile(r"\busing\s+namespace\s+std\s*;"), "write std::"),
    Ban(re.compile(r"\bthrow\b(?!\s*\()"), "return an Error (base/error.h): nothing of ours throws",
        not_in=("tests/",)),
    Ban(re.compile(r"\bstd::(jthread|async|regex)\b"), "threads belong to actors and pools, patterns to PCRE2",
        not_in=("tests/",)),
    Ban(re.compile(_CALL + r"(system|popen)\s*\("), "no shell from the engine", not_in=("tests/",)),
    Ban(re.compile(r"\b(strcpy|strcat|sprintf|gets|strtok)\s*\("), "use std::string"),
)


def check_bans(tree):
    for file in tree.files.values():
        if not file.is_source:
            continue
        for ban in BANS:
            if ban.only_in and not file.path.startswith(ban.only_in):
                continue
            if ban.not_in and file.path.startswith(ban.not_in):
                continue
            for line, match in file.lines_matching(ban.pattern):
                yield Finding(file.path, line, "banned", f"'{match.group(0).strip()}' is banned: {ban.instead}")


# ---- headers, names, words ------------------------------------------------------------------------------------------

def check_header_form(tree):
    for file in tree.files.values():
        if not file.is_header:
            continue
        if not re.search(r"^#pragma once$", file.text, re.MULTILINE):
            yield Finding(file.path, 1, "header-form", "lacks #pragma once")
        if not file.text.startswith("//"):
            yield Finding(file.path, 1, "header-form",
                          "opens without a comment: what it is, what it owns, its thread, units, errors")


_BANNED_WORDS = {"manager", "managers", "helper", "helpers", "util", "utils", "handle", "handles"}
_TYPE_NAME = re.compile(r"\b(?:class|struct|union|enum(?:\s+class)?)\s+(?:\[\[\w+\]\]\s*)?([A-Z]\w*)"
                        r"|\busing\s+(\w+)\s*=")


def _words(name):
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}


def check_names(tree):
    for path, file in tree.files.items():
        if file.is_source or path.endswith(".py"):
            bad = _words(posixpath.basename(path)) & _BANNED_WORDS
            if bad:
                yield Finding(path, 1, "names", f"'{min(bad)}' in a file's name says nothing: name what it does")
        if not file.is_source:
            continue
        for line, match in file.lines_matching(_TYPE_NAME):
            bad = _words(match.group(1) or match.group(2)) & _BANNED_WORDS
            if bad:
                yield Finding(path, line, "names", f"'{min(bad)}' in a type's name says nothing: name what it does")


# Written apart, so that this file does not find itself.
_UNFINISHED = re.compile(r"\bFIX" + r"ME\b|\bTO" + r"DO\(now\)|\bX" + r"XX\b")
# Folders in which machines keep what is theirs alone.
MACHINE_ROOTS = ("work", "home", "root", "Users")
_MACHINE_PATH = re.compile(r"(?<![\w.}/:-])/(" + "|".join(MACHINE_ROOTS) + r")/[\w.]")


def check_words(tree):
    for file in tree.files.values():
        for line, match in file.lines_matching(_UNFINISHED, file.text):
            yield Finding(file.path, line, "unfinished", f"'{match.group(0)}': finish it, or file an issue")
        if file.path.startswith(("examples/models/", "tests/fuzz/corpus/", "tests/golden/", "tests/tidy/")):
            continue
        for line, match in file.lines_matching(_MACHINE_PATH, file.text):
            yield Finding(file.path, line, "machine-path",
                          f"'{match.group(0)}...' exists on one machine only: use a relative path")


def check_text_form(tree):
    for file in tree.files.values():
        as_is = file.path.startswith(("examples/models/", "tests/fuzz/corpus/", "tests/golden/"))
        if as_is or file.path == "LICENSE" or not file.text:
            continue
        is_script = file.text.startswith("#!") or file.path.endswith((".py", ".toml", ".capnp"))
        is_wide_checked = file.is_source or file.is_cmake or is_script
        if not file.text.endswith("\n") or file.text.endswith("\n\n"):
            yield Finding(file.path, file.text.count("\n") + 1, "text-form", "ends with exactly one newline")
        for number, line in enumerate(file.text.split("\n"), 1):
            if line != line.rstrip():
                yield Finding(file.path, number, "text-form", "blanks (or a carriage return) at the end of the line")
            if "\t" in line and file.is_source:
                yield Finding(file.path, number, "text-form", "a tab: indent with blanks")
            # A raw string cannot be broken, nor an address.
            is_breakable = 'R"(' not in line and "://" not in line
            if is_wide_checked and is_breakable and len(line) > LINE_COLUMNS_MAX:
                yield Finding(file.path, number, "text-form", f"{len(line)} columns, limit {LINE_COLUMNS_MAX}")


# ---- build and documentation ----------------------------------------------------------------------------------------

def check_cmake(tree):
    for file in tree.files.values():
        if file.is_cmake:
            text = re.sub(r"#[^\n]*", "", file.text)
            for line, _ in file.lines_matching(re.compile(r"\bGLOB(_RECURSE)?\b"), text):
                yield Finding(file.path, line, "cmake",
                              "list sources one by one: a glob misses new files until the next configure")


def check_sources_are_built(tree):
    for file in tree.files.values():
        if not file.path.endswith((".cpp", ".cu")):
            continue
        folder = posixpath.dirname(file.path)
        while folder and f"{folder}/CMakeLists.txt" not in tree.files:
            folder = posixpath.dirname(folder)
        listing = tree.files.get(f"{folder}/CMakeLists.txt" if folder else "CMakeLists.txt")
        relative = posixpath.relpath(file.path, folder or ".")
        pattern = re.compile(r"(?<![\w./])" + re.escape(relative) + r"(?![\w.])")
        if listing is None or not pattern.search(re.sub(r"#[^\n]*", "", listing.text)):
            where = listing.path if listing else "no CMakeLists.txt above it"
            yield Finding(file.path, 1, "dead-file", f"is not built: {where} does not list {relative}")


_LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)|!\[[^\]\n]*\]\(([^)\s]+)\)")


def check_links(tree):
    for file in tree.files.values():
        if not file.path.endswith(".md"):
            continue
        prose = re.sub(r"```.*?```", lambda match: "\n" * match.group(0).count("\n"), file.text, flags=re.DOTALL)
        prose = re.sub(r"`[^`\n]*`", "", prose)
        for line, match in file.lines_matching(_LINK, prose):
            target = (match.group(1) or match.group(2)).split("#")[0]
            if not target or re.match(r"[a-z]+:", target):
                continue
            path = posixpath.normpath(posixpath.join(posixpath.dirname(file.path), target))
            if not tree.exists(path):
                yield Finding(file.path, line, "links", f"the link leads nowhere: {target}")


RULES = {
    "layers": check_layers,
    "include-path": check_include_paths,
    "file-size": check_file_size,
    "function-size": check_function_size,
    "blob-size": check_blob_size,
    "banned": check_bans,
    "header-form": check_header_form,
    "names": check_names,
    "unfinished, machine-path": check_words,
    "text-form": check_text_form,
    "cmake": check_cmake,
    "dead-file": check_sources_are_built,
    "links": check_links,
}


def check_tree(tree):
    return sorted(finding for rule in RULES.values() for finding in rule(tree))
