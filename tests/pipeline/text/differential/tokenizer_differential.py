#!/usr/bin/env python3
"""Compares tokenizer_lines, which is our tokenizer, with the `tokenizers` package, on random strings and ids.

    tokenizer_differential.py TOKENIZER_LINES STRINGS SEED TOKENIZER_JSON
    tokenizer_differential.py TOKENIZER_LINES STRINGS SEED made:SHAPE

A shape is a tokenizer that is trained here, in the form of a published one (tokenizer_shapes.py). Every string is
encoded with and without the template, and decoded again with and without special tokens; random ids are decoded too.
Code points are limited to those whose category no Unicode version since 3.2 has changed, so that the libraries'
versions do not show.
Exit codes: 0 if all is equal, 1 if not.
"""

import json
import pathlib
import random
import subprocess
import sys
import tempfile
import unicodedata

import tokenizers
import tokenizer_shapes

RANGES = [
    (0x20, 0x7E),
    (0x20, 0x7E),
    (0x41, 0x7A),
    (0x00, 0x1F),
    (0x7F, 0xA0),
    (0xA0, 0x24F),
    (0x300, 0x36F),
    (0x370, 0x3FF),
    (0x400, 0x4FF),
    (0x590, 0x6FF),
    (0x900, 0x97F),
    (0xE00, 0xE7F),
    (0x1100, 0x11FF),
    (0x1680, 0x1680),
    (0x180B, 0x180E),
    (0x1E00, 0x1FFF),
    (0x2000, 0x206F),
    (0x2070, 0x218F),
    (0x2190, 0x2BFF),
    (0x3000, 0x30FF),
    (0x3040, 0x30FF),
    (0x4E00, 0x9FA5),
    (0x9F90, 0x9FA5),
    (0xAC00, 0xD7A3),
    (0xF900, 0xFAFF),
    (0xFB00, 0xFB4F),
    (0xFE00, 0xFFFD),
    (0x10300, 0x1034F),
    (0x1D400, 0x1D7FF),
    (0x20000, 0x2A6D6),
    (0xE0001, 0xE007F),
    (0xE0100, 0xE01EF),
]
PIECES = [
    "'s",
    "'T",
    "'re",
    "'VE",
    "'m",
    "'ll",
    "'D",
    "'\u017f",
    "\u2019s",
    "'",
    "can't",
    "I'M",
    " the",
    "Hello",
    " world",
    "ing",
    "1",
    "12",
    "123",
    "1234567",
    "3.14",
    "1,000",
    "\u0663\u0664",
    "\u00bd",
    "\u2167",
    " ",
    "  ",
    "    ",
    "\n",
    "\n\n",
    "\r\n",
    " \n",
    "\t",
    "\u00a0",
    "\u3000",
    "\u180e",
    "\u2028",
    "\u0085",
    "\u200b",
    "\ufeff",
    "\x00",
    "\x1c",
    "e\u0301",
    "\u0301",
    "a\u0323\u0307",
    "\u1112\u1161\u11ab",
    "\u0928\u093f",
    "\U0001f600",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\U0001f44d\U0001f3fd",
    "\u2764\ufe0f",
    "\U0001f1e9\U0001f1ea",
    "1\ufe0f\u20e3",
    "\u4f60\u597d",
    "\u3053\u3093",
    "\uc548\ub155",
    "\u041f\u0440\u0438",
    "\u2581",
    "\u2581\u2581",
    "<0x0A>",
    "<0xE2>",
    "...",
    "!!!",
    " -",
    "_x",
    "#!",
    "http://a.b/c?d=e",
    "fooBar",
    "<|",
    "|>",
    "\u01c5",
    "\u0130",
    "\u00df",
    "K",
]


def is_stable(code_point):
    c = chr(code_point)
    if code_point == 0x180E or 0x1F300 <= code_point <= 0x1F6FF:
        return unicodedata.category(c) != "Cn"
    old = unicodedata.ucd_3_2_0.category(c)
    return old == unicodedata.category(c) and old not in ("Cn", "Cs")


def drawn_text(rng, added):
    alphabet = [" ", " ", "\n", "a"]
    for _ in range(rng.randint(1, 4)):
        low, high = rng.choice(RANGES)
        alphabet += [chr(c) for c in (rng.randint(low, high) for _ in range(12)) if is_stable(c)]
    parts = []
    for _ in range(rng.randint(1, 24)):
        kind = rng.random()
        if kind < 0.30:
            parts.append(rng.choice(PIECES))
        elif kind < 0.36 and added:
            token = rng.choice(added)
            parts.append(
                rng.choice(["", "", " ", "  ", "\n", "x"])
                + (token if rng.random() < 0.9 else token[:-1])
                + rng.choice(["", "", " ", " \n", "x"])
            )
        else:
            parts.append("".join(rng.choice(alphabet) for _ in range(rng.randint(1, 3))))
    text = "".join(parts)
    if rng.random() < 0.02:
        text *= rng.randint(2, 30)
    return text


def answers(program, tokenizer_json, questions):
    with tempfile.TemporaryFile("w+") as asked:
        asked.writelines(json.dumps(q) + "\n" for q in questions)
        asked.seek(0)
        run = subprocess.run([program, tokenizer_json], stdin=asked, stdout=subprocess.PIPE, check=True)
    return [json.loads(line) for line in run.stdout.decode().split("\n")[:-1]]


def main():
    program, count, seed, what = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    with tempfile.TemporaryDirectory() as directory:
        path = what
        if what.startswith("made:"):
            path = str(pathlib.Path(directory, "tokenizer.json"))
            tokenizer_shapes.save(what.removeprefix("made:"), path)
        tokenizer = tokenizers.Tokenizer.from_file(path)
        added = [t["content"] for t in json.loads(pathlib.Path(path).read_text())["added_tokens"]]
        rng = random.Random(seed)
        size = tokenizer.get_vocab_size()
        questions, expected = [], []

        def ask(question, answer):
            questions.append(question)
            expected.append(answer)

        for _ in range(count):
            text = drawn_text(rng, added)
            special = rng.random() < 0.5
            ids = tokenizer.encode(text, add_special_tokens=special).ids
            ask({"text": text, "special": special}, {"ids": ids})
            if rng.random() < 0.3:
                ids = [
                    rng.randrange(size) if rng.random() < 0.4 else rng.randrange(min(size, 300))
                    for _ in range(rng.randint(0, 16))
                ]
            skip = rng.random() < 0.5
            ask({"ids": ids, "skip": skip}, {"text": tokenizer.decode(ids, skip_special_tokens=skip)})
        got = answers(program, path, questions)
        wrong = [(q, e, g) for q, e, g in zip(questions, expected, got, strict=True) if e != g]
        for question, want, have in wrong[:5]:
            print(f"{what}: {json.dumps(question)}\n  expected {json.dumps(want)}\n  got      {json.dumps(have)}")
        print(f"{what}: {count} strings, seed {seed}: {len(wrong)} differences in {len(questions)} answers")
        return 1 if wrong else 0


sys.exit(main())
