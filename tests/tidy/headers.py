"""Whether each header includes all it needs.

A header that is the first include of some source file has been compiled alone already; only the others are compiled
here.
"""

import concurrent.futures
import os
import subprocess

from rules import Finding


def headers_to_compile(tree):
    sources = [file for file in tree.files.values() if file.path.endswith((".cpp", ".cu")) and file.includes]
    first = {file.includes[0][1] for file in sources}
    return sorted(path for path, file in tree.files.items() if path.endswith(".h") and path not in first)


def _compile(root, compiler, include_dirs, path):
    command = [compiler, "-std=c++20", "-fsyntax-only", "-x", "c++", "-I", root]
    for include_dir in include_dirs:
        command += ["-I", include_dir]
    result = subprocess.run(command + ["-"], input=f'#include "{path}"\n', cwd=root, capture_output=True, text=True,
                            check=False)
    if result.returncode == 0:
        return None
    error = next((line for line in result.stderr.splitlines() if "error" in line), "no message").strip()
    return Finding(path, 1, "header-alone", f"does not compile by itself: {error}")


def check_headers(tree, root, compiler, include_dirs):
    root = os.path.abspath(root)
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        results = pool.map(lambda path: _compile(root, compiler, include_dirs, path), headers_to_compile(tree))
        return [finding for finding in results if finding is not None]
