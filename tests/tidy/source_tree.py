"""The files of the checkout as tidy sees them: their text, and their code without comments and strings."""

import functools
import os
import re
import subprocess

SOURCE_SUFFIXES = (".h", ".cpp", ".cu", ".cuh", ".inl")
# Folders that hold no sources of ours, where there is no git to ask.
SKIPPED_FOLDERS = {".git", "build", "__pycache__"}

_TOKENS = re.compile(
    r'//[^\n]*'                                   # line comment
    r'|/\*.*?\*/'                                 # block comment
    r'|R"(?P<delimiter>[^()\s\\]{0,16})\(.*?\)(?P=delimiter)"'  # raw string
    r'|"(?:\\.|[^"\\\n])*"'                       # string
    r"|(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])*'",      # character, but no digit separator
    re.DOTALL)


def strip_code(text, keep_strings=False):
    """Comments become blanks, strings empty strings; every line keeps its number."""
    def blank(match):
        token = match.group(0)
        newlines = "\n" * token.count("\n")
        if token.startswith("/"):
            return " " + newlines
        if keep_strings:
            return token
        return ('""' if token[0] in 'R"' else "' '") + newlines
    return _TOKENS.sub(blank, text)


class File:
    """One file; `path` is relative to the top of the checkout, with slashes."""

    def __init__(self, path, text):
        self.path = path
        self.text = text

    @property
    def is_source(self):
        return self.path.endswith(SOURCE_SUFFIXES)

    @property
    def is_header(self):
        return self.path.endswith((".h", ".cuh"))

    @property
    def is_cmake(self):
        return self.path.endswith((".cmake", "CMakeLists.txt"))

    @property
    def is_test(self):
        return self.path.startswith("tests/")

    @property
    def top_folder(self):
        return self.path.split("/")[0] if "/" in self.path else ""

    @functools.cached_property
    def code(self):
        return strip_code(self.text)

    @functools.cached_property
    def includes(self):
        """(line, name, is_quoted) of each #include."""
        # Strings hold the names of includes: only comments go.
        lines = strip_code(self.text, keep_strings=True).split("\n")
        found = []
        for number, line in enumerate(lines, 1):
            match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
            if match:
                found.append((number, match.group(2), match.group(1) == '"'))
        return found

    def lines_matching(self, pattern, text=None):
        """(line, match) of each match of a compiled pattern in the code, or in another text of the same lines."""
        text = self.code if text is None else text
        for match in pattern.finditer(text):
            yield text.count("\n", 0, match.start()) + 1, match


class Tree:
    """All text files of the checkout. Binary files appear in `paths` and `sizes_bytes` only."""

    def __init__(self, files, binary_sizes_bytes=None):
        self.files = {file.path: file for file in files}
        self.sizes_bytes = dict(binary_sizes_bytes or {})
        self.sizes_bytes.update({file.path: len(file.text.encode()) for file in files})

    def exists(self, path):
        """Whether there is a file, or a folder with files, of this name."""
        path = path.rstrip("/")
        return path in self.sizes_bytes or any(known.startswith(path + "/") for known in self.sizes_bytes)


def _paths(root):
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=root, capture_output=True,
                            check=False)
    if listed.returncode == 0:
        paths = filter(None, listed.stdout.decode().split("\0"))
        return sorted(path for path in paths if os.path.isfile(os.path.join(root, path)))
    paths = []
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in SKIPPED_FOLDERS]
        paths += [os.path.relpath(os.path.join(folder, name), root) for name in names]
    return sorted(paths)


def load_tree(root):
    files, binary_sizes_bytes = [], {}
    for path in _paths(root):
        with open(os.path.join(root, path), "rb") as file:
            content = file.read()
        try:
            if b"\0" in content:
                raise UnicodeDecodeError("utf-8", content, 0, 1, "zero byte")
            files.append(File(path, content.decode()))
        except UnicodeDecodeError:
            binary_sizes_bytes[path] = len(content)
    return Tree(files, binary_sizes_bytes)
