"""Conversations with what templates meet: tools and their calls, odd white space, empty and missing contents."""

# What a client must not smuggle stands for U+E000: render_lines finds it where it comes out trusted.
_PIECES = ["Hello", " ", "  \n", "\n\n", "\t", "\r\n", "x", "<think>", "</think>", "<think>\nhm\n</think>\n", "\ue000",
           "<|im_end|>", "<tool_response>", "</tool_response>", "{{ x }}", "{% y %}", "ß", "İ", "ΑΣ", "e\u0301", "多行",
           "🦊", "\u3000", "\u00a0", "\u2028", "\x1f", "\x85", "\x00", "\x7f", "\"quoted\"", "it's", "\\", "</s>", "ǆ",
           "1", "-", "(", "[INST]"]
_NAMES = ["get_weather", "stop", "f", "naïve", "a b"]


def text(random):
    return "".join(random.choice(_PIECES) for _ in range(random.randint(0, 6)))


def value(random, depth=0):
    kind = random.randrange(9 if depth < 3 else 6)
    if kind == 0:
        return random.choice([True, False, None])
    if kind == 1:
        return random.randint(-5, 1000)
    if kind == 2:
        return random.choice([0.5, -1.25, 1e20, 3.0, 1e-7, 123456789.123])
    if kind < 6:
        return text(random)
    if kind == 6:
        return [value(random, depth + 1) for _ in range(random.randint(0, 3))]
    return {text(random): value(random, depth + 1) for _ in range(random.randint(0, 3))}


def _arguments(random):
    if random.random() < 0.3:
        return text(random)
    return {text(random): value(random, 1) for _ in range(random.randint(0, 3))}


def _tool(random):
    properties = {random.choice(["city", "when", "Zone", "áb"]): random.choice([
        {"type": "string"}, {"type": "array", "items": {"type": "integer"}}, {"type": ["string", "null"]}, {}])
        for _ in range(random.randint(0, 3))}
    function = {"name": random.choice(_NAMES), "description": text(random),
                "parameters": {"type": "object", "properties": properties}}
    if random.random() < 0.5:
        function["parameters"]["required"] = list(properties)[:1]
    if random.random() < 0.2:
        function["return"] = {"type": "string"}
    return {"type": "function", "function": function}


def _call(random):
    call = {"type": "function", "function": {"name": random.choice(_NAMES), "arguments": _arguments(random)}}
    if random.random() < 0.8:
        call["id"] = random.choice(["abcdefghi", "123456789", "short"])
    return call


def _message(random, role):
    message = {"role": role, "content": text(random)}
    if role == "assistant":
        if random.random() < 0.3:
            message["tool_calls"] = [_call(random) for _ in range(random.randint(1, 3))]
            message["content"] = random.choice([None, text(random)])
        if random.random() < 0.2:
            message["reasoning_content"] = random.choice([None, text(random)])
        if random.random() < 0.1:
            message["prefix"] = True
    elif role == "tool":
        message["tool_call_id"] = random.choice(["abcdefghi", "x"])
        message["name"] = random.choice(_NAMES)
        if random.random() < 0.1:
            message["content"] = value(random)
    elif random.random() < 0.1:
        message["content"] = [{"type": "text", "text": text(random)} if random.random() < 0.8 else {"type": "image"}
                              for _ in range(random.randint(0, 3))]
    return message


def _roles(random):
    """Mostly as they come in conversations, sometimes as they do not."""
    if random.random() < 0.15:
        return [random.choice(["system", "user", "assistant", "tool", "ipython"])
                for _ in range(random.randint(1, 5))]
    roles = ["system"] if random.random() < 0.4 else []
    for _ in range(random.randint(1, 3)):
        roles += ["user", "assistant"]
        if random.random() < 0.3:
            roles += ["tool", "assistant"]
    return roles[:-1] if random.random() < 0.7 else roles


def context(random):
    made = {"messages": [_message(random, role) for role in _roles(random)],
            "tools": [_tool(random) for _ in range(random.randint(1, 3))] if random.random() < 0.4 else None,
            "documents": None,
            "add_generation_prompt": random.random() < 0.6,
            "bos_token": "<s>",
            "eos_token": "</s>"}
    for name in ("enable_thinking", "thinking", "tools_in_user_message"):
        if random.random() < 0.3:
            made[name] = random.random() < 0.5
    if random.random() < 0.2:
        made["date_string"] = text(random)
    if random.random() < 0.1:
        made["builtin_tools"] = ["brave_search", "code_interpreter"]
    return made
