"""Tokenizers in the forms of published ones, trained on a small text."""

import json

from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

TEXT = [
    "Once upon a time there was a king who had three daughters, and the youngest of them was so fair "
    "that the sun itself wondered.",
    "I don't think we'll know what they've done; it's what you'd expect, isn't it? I'm sure you're right.",
    "def main():\n    for i in range(10):\n        print(f'{i:>3} {i ** 2}')\n\n\treturn None  # 1234567 "
    "0x1F 3.14\r\n",
    "\u0416\u0438\u043b\u0438-\u0431\u044b\u043b\u0438 \u0434\u0435\u0434 \u0434\u0430 "
    "\u0431\u0430\u0431\u0430. "
    "\u4ece\u524d\u6709\u4e00\u5ea7\u5c71\uff0c\u5c71\u91cc\u6709\u4e00\u5ea7\u5e99\u3002 "
    "\u3080\u304b\u3057\u3080\u304b\u3057",
    "Stra\u00dfe caf\u00e9 na\u00efve \u00c5ngstr\u00f6m \u03b3\u03b5\u03b9\u03ac "
    "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 \u0928\u092e\u0938\u094d\u0924\u0947 "
    "\uc548\ub155 \U0001f600\U0001f600 \u2764\ufe0f <html> a == b && !c || (d[0] != e)",
] * 4

LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
QWEN = LLAMA3.replace("{1,3}", "")


def byte_level(pattern, normalizer=None, before=(), size=700, initial_alphabet=True):
    tokenizer = Tokenizer(models.BPE())
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    splits = [pre_tokenizers.Split(Regex(pattern), "isolated")] if pattern else []
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [*before, *splits, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet() if initial_alphabet else []
    tokenizer.train_from_iterator(
        TEXT, trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False)
    )
    return tokenizer


def characters(normalizer, pre_tokenizer, decoder, size=700):
    bytes_ = [f"<0x{b:02X}>" for b in range(256)]
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    if pre_tokenizer is not None:
        tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoder
    special = ["<unk>", "<s>", "</s>"] + bytes_
    # Without its accented letters and other scripts: those fall back to bytes.
    text = TEXT if pre_tokenizer is not None else [word for line in TEXT for word in line.split(" ")]
    tokenizer.train_from_iterator(
        [line for line in text if line.isascii()],
        trainers.BpeTrainer(vocab_size=size, special_tokens=special, show_progress=False),
    )
    # Bytes are ordinary tokens, as published files have them.
    state = json.loads(tokenizer.to_str())
    state["added_tokens"] = [t for t in state["added_tokens"] if not t["content"].startswith("<0x")]
    tokenizer = Tokenizer.from_str(json.dumps(state))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))]
    )
    return tokenizer


def llama_decoder():
    return decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )


def llama3():
    tokenizer = byte_level(LLAMA3)
    state = json.loads(tokenizer.to_str())
    state["model"]["ignore_merges"] = True
    # Whole words that no merges lead to.
    for word in ("daughters", "\u0120wondered", "supercalifragilistic"):
        state["model"]["vocab"].setdefault(word, len(state["model"]["vocab"]))
    tokenizer = Tokenizer.from_str(json.dumps(state))
    tokenizer.add_special_tokens(["<|begin_of_text|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>"])
    tokenizer.post_processor = processors.Sequence(
        [
            processors.ByteLevel(trim_offsets=False),
            processors.TemplateProcessing(
                single="<|begin_of_text|> $A",
                pair="<|begin_of_text|> $A <|begin_of_text|>:1 $B:1",
                special_tokens=[("<|begin_of_text|>", tokenizer.token_to_id("<|begin_of_text|>"))],
            ),
        ]
    )
    return tokenizer


def qwen3():
    tokenizer = byte_level(QWEN, normalizers.NFC())
    tokenizer.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    tokenizer.add_tokens(
        [
            AddedToken("<think>", normalized=False),
            AddedToken("</think>", normalized=False),
            AddedToken("<caf\u00e9>", normalized=True),
        ]
    )
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


def deepseek_v2():
    """Anchors, optional white space before letters, single digits."""
    before = [
        pre_tokenizers.Split(Regex(p), "isolated")
        for p in (
            r"[\r\n]",
            r"\s?[A-Za-z\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u0370-\u0373\u0400-\u0481]+",
            r"\s?[!-/:-~\uff01-\uff0f\u2018-\u201f\u3000-\u3002]+",
            r"\s+$",
            r"[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+",
        )
    ]
    tokenizer = byte_level(None, before=[*before, pre_tokenizers.Digits(individual_digits=True)])
    tokenizer.add_special_tokens(["<\uff5cbegin\u2581of\u2581sentence\uff5c>"])
    tokenizer.add_tokens([AddedToken("<\uff5cUser\uff5c>", normalized=True)])
    return tokenizer


def behaviors():
    """Every behavior of Split, inverted too, word characters, scripts, literals, groups of digits."""
    split = pre_tokenizers.Split
    tokenizer = byte_level(
        None,
        normalizers.Sequence(
            [normalizers.NFKC(), normalizers.Replace(Regex(r"[\t ]+x"), " y"), normalizers.Replace("--", "-")]
        ),
        before=[
            split("\n", "removed"),
            split(Regex(r"[.,]"), "merged_with_previous"),
            split(Regex(r"\p{Han}|\p{Greek}+"), "isolated"),
            split(Regex(r"\w+|[^\w\s]+"), "contiguous", invert=True),
            split(" ", "merged_with_next"),
            pre_tokenizers.Digits(),
        ],
    )
    tokenizer.add_tokens(
        [
            AddedToken("<left>", lstrip=True, normalized=False),
            AddedToken("<right>", rstrip=True, normalized=True),
            AddedToken("word", single_word=True, normalized=False),
            AddedToken("\u00e9t\u00e9", single_word=True),
            AddedToken("<both>", lstrip=True, rstrip=True, special=True, normalized=False),
        ]
    )
    return tokenizer


def gpt2():
    """ByteLevel with its own expression and a space before the text; an alphabet with holes, and an unknown token."""
    tokenizer = Tokenizer(models.BPE(unk_token="<|endoftext|>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        TEXT[:1], trainers.BpeTrainer(vocab_size=200, special_tokens=["<|endoftext|>"], show_progress=False)
    )
    tokenizer.post_processor = processors.ByteLevel()
    return tokenizer


def llama2_legacy():
    tokenizer = characters(
        normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")]),
        None,
        llama_decoder(),
    )
    tokenizer.add_tokens(
        [
            AddedToken("<tool>", normalized=True),
            AddedToken("a b", normalized=True),
            AddedToken("[INST]", normalized=False),
        ]
    )
    return tokenizer


def llama2_metaspace():
    tokenizer = characters(None, pre_tokenizers.Metaspace(prepend_scheme="first", split=False), llama_decoder())
    tokenizer.add_tokens([AddedToken("[INST]", normalized=False)])
    return tokenizer


def metaspace_split():
    tokenizer = characters(
        None,
        pre_tokenizers.Metaspace(prepend_scheme="always", split=True),
        decoders.Metaspace(prepend_scheme="always", split=True),
    )
    tokenizer.add_special_tokens(["<sep>"])
    return tokenizer


def unknown():
    """Neither bytes nor fallback: unknown characters, each by itself."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="never")
    tokenizer.train_from_iterator(
        TEXT[:3], trainers.BpeTrainer(vocab_size=300, special_tokens=["<unk>"], show_progress=False)
    )
    return tokenizer


SHAPES = {
    f.__name__: f
    for f in (llama3, qwen3, deepseek_v2, behaviors, gpt2, llama2_legacy, llama2_metaspace, metaspace_split, unknown)
}


def save(shape, path):
    SHAPES[shape]().save(path)
