#!/usr/bin/env python3
"""Checks the tree for what a compiler does not see: layers, sizes, banned calls, names, links. Standard library only.

    tests/tidy/tidy.py [--root DIR]                     all rules of rules.py
    tests/tidy/tidy.py --headers COMPILER [-I DIR ...]  each header compiles alone
"""

import argparse
import os
import sys

import headers
import rules
import source_tree


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
    parser.add_argument("--headers", metavar="COMPILER", help="compile headers alone instead")
    parser.add_argument("-I", dest="include_dirs", action="append", default=[],
                        help="with --headers: where to look besides")
    arguments = parser.parse_args()

    tree = source_tree.load_tree(arguments.root)
    if arguments.headers:
        findings = headers.check_headers(tree, arguments.root, arguments.headers, arguments.include_dirs)
    else:
        findings = rules.check_tree(tree)
    for finding in findings:
        print(finding)
    errors = sum(not finding.is_note for finding in findings)
    print(f"tidy: {len(tree.files)} files, {errors} errors, {len(findings) - errors} notes")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
