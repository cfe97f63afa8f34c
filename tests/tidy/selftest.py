#!/usr/bin/env python3
"""Shows every rule of tidy a violation, which it must find, and the same thing done right, which it must let pass."""

import unittest

import functions
import headers
import rules
import source_tree

HEADER = "// A thing.\n#pragma once\n"
LISTING = {"base/CMakeLists.txt": "add_library(base\n  a.cpp)\n"}


def findings_of(files, sizes_bytes=None, notes=False):
    tree = source_tree.Tree([source_tree.File(path, text) for path, text in files.items()], sizes_bytes)
    return [finding for finding in rules.check_tree(tree) if notes or not finding.is_note]


def long_function(lines):
    return "void f() {\n" + "  g();\n" * (lines - 2) + "}\n"


# rule: [(files with one violation, text of the finding, files without)]
EXAMPLES = {
    "layers": [
        ({"base/a.h": HEADER + '#include "pipeline/x.h"\n', "pipeline/x.h": HEADER}, "base/ may not include",
         {"pipeline/a.h": HEADER + '#include "base/x.h"\n', "base/x.h": HEADER}),
        ({"pipeline/text/jinja/a.h": HEADER + '#include "pipeline/text/x.h"\n', "pipeline/text/x.h": HEADER},
         "a library of its own",
         {"pipeline/text/jinja/a.h": HEADER + '#include "pipeline/text/utf8.h"\n', "pipeline/text/utf8.h": HEADER}),
        ({"transport/a.h": HEADER + '#include "pipeline/x.h"\n', "pipeline/x.h": HEADER}, "transport/ may not include",
         {"actors/a.h": HEADER + '#include "pipeline/x.h"\n', "pipeline/x.h": HEADER}),
        ({"actors/a.h": HEADER + '#include "kernels/x.h"\n', "kernels/x.h": HEADER}, "actors/ may not include",
         {"actors/a.h": HEADER + '#include "kernels/cpu/isa_path.h"\n', "kernels/cpu/isa_path.h": HEADER}),
        ({"gateway/a.h": HEADER + '#include "actors/x.h"\n', "actors/x.h": HEADER}, "gateway/ may not include",
         {"gateway/a.h": HEADER + '#include "transport/x.h"\n', "transport/x.h": HEADER}),
        ({"metrics/a.h": HEADER + '#include "transport/x.h"\n', "transport/x.h": HEADER}, "metrics/ may not include",
         {"actors/a.h": HEADER + '#include "metrics/x.h"\n', "metrics/x.h": HEADER}),
        ({"actors/a.h": HEADER + "#include <prometheus/exposer.h>\n"}, "prometheus-cpp belongs into metrics/",
         {"metrics/a.h": HEADER + "#include <prometheus/exposer.h>\n"}),
        ({"pipeline/a.h": HEADER + "#include <caf/all.hpp>\n"}, "CAF belongs into actors/",
         {"actors/a.h": HEADER + "#include <caf/all.hpp>\n"}),
        ({"actors/a.h": HEADER + "#include <zmq.h>\n"}, "ZeroMQ belongs into transport/",
         {"transport/a.h": HEADER + "#include <zmq.h>\n"}),
        ({"pipeline/a.h": HEADER + "#include <capnp/message.h>\n"}, "Cap'n Proto belongs into transport/",
         {"tests/transport/a.h": HEADER + "#include <capnp/message.h>\n"}),
        ({"actors/a.h": HEADER + '#include "transport/schema/sluice.capnp.h"\n'}, "Cap'n Proto belongs into transport/",
         {"transport/a.h": HEADER + '#include "sluice.capnp.h"\n'}),
        ({"pipeline/a.h": HEADER + "#include <cuda_runtime.h>\n"}, "CUDA belongs into kernels/",
         {"kernels/a.h": HEADER + "#include <cuda_runtime.h>\n"}),
        ({"actors/a.h": HEADER + "#include <spdlog/spdlog.h>\n"}, "spdlog belongs into actors/log.cpp",
         {"cli/a.h": HEADER + "#include <spdlog/spdlog.h>\n"}),
    ],
    "include-path": [
        ({"base/a.h": HEADER + '#include "base/b.h"\n'}, "no such file",
         {"base/a.h": HEADER + '// #include "base/b.h"\n'}),
    ],
    "file-size": [
        ({"base/a.h": HEADER + "int x;\n" * 499}, "501 lines", {"base/a.h": HEADER + "int x;\n" * 498}),
    ],
    "function-size": [
        ({"base/a.h": HEADER + long_function(101)}, "a function of 101 lines",
         {"base/a.h": HEADER + long_function(100)}),
        ({"base/a.h": HEADER + "namespace n {\nclass C : public B {\n" + long_function(101) + "};\n}\n"},
         "a function of 101 lines",
         {"base/a.h": HEADER + "namespace n {\nclass C : public B {\n" + 2 * long_function(60) + "};\n}\n"}),
    ],
    "blob-size": [
        ({}, "bytes, limit", {}),
    ],
    "banned": [
        ({"base/a.h": HEADER + text + "\n"}, instead, {"base/a.h": HEADER + twin + "\n"})
        for text, instead, twin in [
            ("std::mutex m;", "one owner", "// std::mutex m;"),
            ("std::lock_guard lock(m);", "one owner", "/* std::lock_guard\n lock(m); */"),
            ("std::condition_variable_any c;", "one owner", 'auto s = "std::condition_variable";'),
            ("std::this_thread::sleep_for(x);", "ManualClock", "clock.advance(x);"),
            ("usleep(3);", "ManualClock", "int usleeps(3);"),
            ("clock_nanosleep(a, b, &c, d);", "ManualClock", "my_clock_nanosleep;"),
            ("sleep (3);", "ManualClock", "void N::sleep(int);"),
            ("::sleep(3);", "ManualClock", "node.sleep(3);"),
            ("int x = std::rand();", "SplitMix64", "int x = operand();"),
            ("srand(1);", "SplitMix64", "strand(1);"),
            ("int x = atoi(s);", "from_chars", "int x = ratio(s);"),
            ('printf("x");', "LogEvent", 'auto s = "printf(x)";'),
            ("std::snprintf(b, 3, s);", "LogEvent", "snprintf_like;"),
            ('std::cerr << "x";', "LogEvent", "out << x;"),
            ("assert(x);", "SLUICE_CHECK", "static_assert(x);"),
            ("using namespace std;", "write std::", "using namespace std::chrono_literals;"),
            ("throw Bad();", "nothing of ours throws", "int rethrow();"),
            ("std::async(f);", "actors and pools", "async(f);"),
            ("strcpy(a, b);", "std::string", "copy(a, b);"),
            ("std::system(s);", "no shell", "actor_system system(s);"),
            ("int x = system(s);", "no shell", "ecosystem(s);"),
            ("  popen(s, r);", "no shell", "x.popen(s);"),
        ]
    ] + [
        ({"tests/base/a.h": HEADER + "std::mutex m;\n"}, "one owner",
         {"transport/zmq/a.h": HEADER + "std::mutex m;\n"}),
        ({"kernels/norm/a.h": HEADER + "std::mutex m;\n"}, "one owner",
         {"kernels/cpu/thread_pool.h": HEADER + "std::mutex m;\n"}),
    ],
    "header-form": [
        ({"base/a.h": "// A thing.\n"}, "#pragma once", {"base/a.h": HEADER}),
        ({"base/a.h": "#pragma once\n"}, "opens without a comment", {"base/a.h": HEADER}),
    ],
    "names": [
        ({"base/string_util.h": HEADER}, "'util' in a file's name", {"base/utilization.h": HEADER}),
        ({"base/a.h": HEADER + "class BlockManager {};\n"}, "'manager' in a type's name",
         {"base/a.h": HEADER + "class BlockAllocator {};\n"}),
        ({"base/a.h": HEADER + "enum class TestHelper { kA };\n"}, "'helper' in a type's name",
         {"base/a.h": HEADER + "// class TestHelper {};\n"}),
        ({"base/a.h": HEADER + "using Handle = int;\n"}, "'handle' in a type's name",
         {"base/a.h": HEADER + "using caf::handle;\n"}),
    ],
    "unfinished": [
        ({"base/a.h": HEADER + "// FIX" + "ME: later\n"}, "finish it",
         {"base/a.h": HEADER + "// TO" + "DO(perf): later\n"}),
        ({"docs/a.md": "TO" + "DO(now)\n"}, "finish it", {"docs/a.md": "TO" + "DO list\n"}),
    ],
    "machine-path": [
        ({"docs/a.md": "see /home/me/x\n"}, "one machine only", {"docs/a.md": "see home/me/x and http://x/home/me\n"}),
    ] + [
        ({"tools/a": f"cd /{root}/x\n"}, "one machine only", {"tools/a": f"cd ../{root}/x\n"})
        for root in rules.MACHINE_ROOTS
    ],
    "text-form": [
        ({"base/a.h": HEADER + "int x;"}, "exactly one newline", {"base/a.h": HEADER + "int x;\n"}),
        ({"base/a.h": HEADER + "int x;\n\n"}, "exactly one newline", {"docs/a.md": "x\n"}),
        ({"docs/a.md": "x \n"}, "blanks", {"docs/a.md": "x\n"}),
        ({"base/a.h": HEADER + "int x;\r\n"}, "blanks", {"base/a.h": HEADER}),
        ({"base/a.h": HEADER + "\tint x;\n"}, "a tab", {"tools/a": "\tx\n"}),
        ({"base/a.h": HEADER + "x" * 121 + "\n"}, "121 columns", {"base/a.h": HEADER + 'R"(' + "x" * 118 + ')"\n'}),
        ({"base/a.h": HEADER + "//" + "x" * 119 + "\n"}, "121 columns", {"base/a.h": HEADER + "//" + "x" * 118 + "\n"}),
    ],
    "cmake": [
        ({"base/CMakeLists.txt": "file(GLOB x *.cpp)\n"}, "one by one", {"base/CMakeLists.txt": "# no GLOB\n"}),
    ],
    "dead-file": [
        ({"base/b.cpp": "int x;\n", **LISTING}, "does not list b.cpp", {"base/a.cpp": "int x;\n", **LISTING}),
        ({"base/x/a.cpp": "int x;\n", **LISTING}, "does not list x/a.cpp",
         {"base/x/a.cpp": "int x;\n", "base/CMakeLists.txt": "add_library(base x/a.cpp)\n"}),
        ({"base/a.cpp": "int x;\n", "base/CMakeLists.txt": "# a.cpp\n"}, "does not list a.cpp",
         {"base/a.cpp": "int x;\n", **LISTING}),
    ],
    "links": [
        ({"docs/a.md": "[x](b.md)\n"}, "leads nowhere: b.md", {"docs/a.md": "[x](b.md#part)\n", "docs/b.md": "x\n"}),
        ({"docs/a.md": "![x](../b.png)\n"}, "leads nowhere: ../b.png",
         {"docs/a.md": "[x](https://x.org/y) [y](#z) `[z](b.md)`\n"}),
    ],
}


class SelfTest(unittest.TestCase):
    def test_every_rule_has_examples(self):
        names = {name for key in rules.RULES for name in key.split(", ")}
        self.assertEqual(names, set(EXAMPLES))

    def test_every_ban_has_an_example(self):
        shown = "\n".join(text for files, _, _ in EXAMPLES["banned"] for text in files.values())
        for ban in rules.BANS:
            self.assertTrue(ban.pattern.search(shown), ban.pattern.pattern)

    def test_violations_are_found_and_their_twins_pass(self):
        for rule, examples in EXAMPLES.items():
            for bad, message, good in examples:
                if not bad:
                    continue
                with self.subTest(rule=rule, bad=bad):
                    found = findings_of(bad)
                    self.assertEqual([finding.rule for finding in found], [rule])
                    self.assertIn(message, found[0].message)
                    self.assertEqual(findings_of(good), [])

    def test_large_blobs_are_found_outside_the_models(self):
        self.assertEqual([f.rule for f in findings_of({}, {"docs/a.bin": (1 << 20) + 1})], ["blob-size"])
        self.assertEqual(findings_of({}, {"examples/models/m/model.safetensors": 1 << 30, "docs/a.bin": 1 << 20}), [])

    def test_soft_limits_are_notes(self):
        found = findings_of({"base/a.h": HEADER + long_function(71) + "int x;\n" * 200}, notes=True)
        self.assertEqual([(f.rule, f.is_note) for f in found], [("file-size", True), ("function-size", True)])

    def test_lines_are_those_of_the_file(self):
        text = HEADER + '/* two\nlines */ auto s = R"(three\n"lines" // here\n)"; int n = 1\'000;\nstd::mutex m;\n'
        self.assertEqual([f.line for f in findings_of({"base/a.h": text})], [7])

    def test_function_lengths_see_scopes_and_control_flow(self):
        code = source_tree.strip_code(
            "namespace n {\nstruct S {\n  int f() const {\n    if (x) {\n    }\n  }\n  int y = 3;\n};\n"
            "#define M(x) do { (x); } while (0)\nauto g(int a,\n       int b) -> int {\n  return [&] {\n    return a;\n"
            '  }();\n}\nTEST_SUITE("t") {\n  TEST_CASE("c") {\n    int x{};\n  }\n}\n}\n')
        self.assertEqual(functions.function_lengths(code), [(3, 4), (10, 6), (17, 3)])

    def test_headers_included_first_somewhere_are_not_compiled_again(self):
        tree = source_tree.Tree([source_tree.File("base/a.h", HEADER), source_tree.File("base/b.h", HEADER),
                                 source_tree.File("base/a.cpp", '#include "base/a.h"\n#include "base/b.h"\n')])
        self.assertEqual(headers.headers_to_compile(tree), ["base/b.h"])


if __name__ == "__main__":
    unittest.main()
