#!/usr/bin/env python3
"""Writes storyteller-llama.encodings.json: how the `tokenizers` package (0.23.3 when it was made) encodes and decodes.

    python3 -m venv venv && venv/bin/pip install tokenizers==0.23.3
    venv/bin/python tests/golden/make_storyteller_encodings.py

Texts are written by hand for what pre-tokenizers get wrong, or drawn with a fixed seed. Code points are limited to those
assigned in Unicode 13 and earlier, so that libraries of different Unicode versions agree on their categories.
"""
import json
import pathlib
import random
import unicodedata

import tokenizers

HERE = pathlib.Path(__file__).resolve().parent
MODEL = HERE.parent.parent / "examples/models/storyteller-llama/tokenizer.json"

BY_HAND = [
    "", " ", "  ", "   ", "\n", "\n\n", "\r\n", "\r\n\r\n", " \n", "\n ", " \n \n ", "\t", "\t\t x", "a\tb", "\v\f", "a\x00b", "\x00",
    "Hello world", " Hello  world ", "Hello,world!", "HELLO", "hello\nworld", "hello\r\nworld\r\n", "hello \r\n  world  \r",
    "It's", "it'S", "IT'LL", "we've they're I'd I'm don't", "'s 't 're", "''s", "x'\u017f", "\u2019s", "'llama",
    "1", "12", "123", "1234", "12345678", "1,234.56", "3.14159", "0x1F", "\u0661\u0662\u0663\u0664", "\u00bd\u00be", "\u2167", "1\u00b2",
    "!!!", "?!\n\n", "...", " ...", "--- x", "a-b_c", "(a)[b]{c}", "\"quoted\"", "#include <x>", "a  =  b;", "// comment\n\tcode()",
    "caf\u00e9", "cafe\u0301", "\u0301", "na\u00efve \u00c5ngstr\u00f6m", "Stra\u00dfe", "\ufb01ne", "\u1e9e",
    "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440!", "\u0393\u03b5\u03b9\u03ac \u03c3\u03bf\u03c5", "\u05e9\u05dc\u05d5\u05dd", "\u0645\u0631\u062d\u0628\u0627 \u0628\u0643",
    "\u0928\u092e\u0938\u094d\u0924\u0947", "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35", "\u4f60\u597d\uff0c\u4e16\u754c\u3002", "\u3053\u3093\u306b\u3061\u306f \u4e16\u754c", "\uc548\ub155\ud558\uc138\uc694", "\u1112\u1161\u11ab",
    "\U0001f600", "\U0001f44d\U0001f3fd", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f1e9\U0001f1ea", "a\U0001f600b \U0001f600\U0001f600", "\u2764\ufe0f",
    "\u180e", "a\u180eb", " \u180e ", "\u180e\n", "\u180e\u180e x", "x \u180e", "\u00a0", "a\u00a0b", "\u2003x", "\u3000\u3000x", "\u2028", "\u2029\u2029", "\u0085",
    "a\u0085\u0085b", "\u200b", "a\u200bb", "\u202f1", "\u205f", "\u1680x", "\ufeff", "\ufeffx", "\x1c\x1d\x1e\x1f", " \x1f ",
    "\ufffd", "\ue000", "\U000e0001", "\uffff", "\U0010ffff", "\U0001d400\U0001d7ce", "\U00020000",
    " " * 20 + "x", " " * 50, "\n" * 20, "a" * 100, "ab" * 60, "na" * 200, "!" * 70, "1" * 50, "\u00e9" * 40,
    "Once upon a time there was a king who had three daughters", "supercalifragilisticexpialidocious antidisestablishmentarianism",
    "<|begin_of_text|>", "<|user|>Hi<|end_of_turn|>", " <|user|> ", "<|user", "<|user|", "<<|user|>>", "<|User|>", "<|user|><|user|>",
    "<|end_of_text|>\n\n<|assistant|>", "a<|system|>b c", "<|begin_of_text|", "\u00e9<|user|>\u00e9",
]

RANGES = [(0x20, 0x7E), (0x20, 0x7E), (0x09, 0x0D), (0xA0, 0x24F), (0x300, 0x36F), (0x370, 0x3FF), (0x400, 0x4FF), (0x590, 0x6FF),
          (0x900, 0x97F), (0xE00, 0xE7F), (0x1100, 0x11FF), (0x1680, 0x1680), (0x180B, 0x180E), (0x2000, 0x206F), (0x2070, 0x218F),
          (0x2190, 0x2BFF), (0x3000, 0x30FF), (0x4E00, 0x9FA5), (0xAC00, 0xD7A3), (0xFB00, 0xFB4F), (0xFE00, 0xFFFD),
          (0x1D400, 0x1D7FF), (0x1F300, 0x1F6FF), (0xE0100, 0xE01EF)]


def assigned_long_ago(code_point):
    # 3.2 is the oldest database that Python has; what it knows has hardly changed its category since.
    c = chr(code_point)
    old, new = unicodedata.ucd_3_2_0.category(c), unicodedata.category(c)
    return old == new and old not in ("Cn", "Cs") or code_point == 0x180E


def drawn(rng):
    alphabet = []
    for _ in range(rng.randint(1, 4)):
        low, high = rng.choice(RANGES)
        alphabet += [c for c in (rng.randint(low, high) for _ in range(12)) if assigned_long_ago(c)]
    alphabet += [0x20, 0x20, 0x0A, 0x61]
    return "".join(chr(rng.choice(alphabet)) for _ in range(rng.randint(1, 24)))


def main():
    rng = random.Random(2)
    tokenizer = tokenizers.Tokenizer.from_file(str(MODEL))
    texts = BY_HAND + [drawn(rng) for _ in range(200)]
    encodings = [{"text": t, "ids": tokenizer.encode(t, add_special_tokens=False).ids} for t in texts]
    size = tokenizer.get_vocab_size()
    decodings = []
    for _ in range(100):
        # Mostly the 256 single bytes (ids 6 to 261), whose random strings are rarely UTF-8.
        ids = [rng.randrange(size) if rng.random() < 0.2 else rng.randrange(6, 262) for _ in range(rng.randint(1, 16))]
        ids += [rng.randrange(6)] if rng.random() < 0.3 else []
        rng.shuffle(ids)
        decodings.append({"ids": ids, "text": tokenizer.decode(ids, skip_special_tokens=True),
                          "text_with_special": tokenizer.decode(ids, skip_special_tokens=False)})
    lines = ",\n".join(json.dumps(e) for e in encodings)
    more = ",\n".join(json.dumps(d) for d in decodings)
    out = HERE / "storyteller-llama.encodings.json"
    out.write_text('{"encodings": [\n%s\n],\n"decodings": [\n%s\n]}\n' % (lines, more))
    print(out, len(encodings), len(decodings))


main()
