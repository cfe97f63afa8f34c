#!/usr/bin/env python3
"""A client of a running engine in Python: streams a continuation to standard output.

    tools/python-environment     # pyzmq and pycapnp, into .venv
    .venv/bin/python examples/client.py tcp://127.0.0.1:5555 "Once upon a time"
"""
import pathlib
import sys
import uuid

import capnp
import zmq

SCHEMA = pathlib.Path(__file__).resolve().parents[1] / "transport" / "schema" / "sluice.capnp"
# pycapnp brings the imported /capnp/c++.capnp with it, but looks for it only where told to.
sluice = capnp.load(str(SCHEMA), imports=[str(pathlib.Path(capnp.__file__).parents[1])])


def send(socket, **member):
    """Sends a ClientMessage with one member of its union, e.g. cancel={"requestId": "a"}."""
    socket.send(sluice.ClientMessage.new_message(**member).to_bytes())


def receive(socket, timeout_ms=60_000):
    """The next ServerMessage: (name of its union member, contents)."""
    if not socket.poll(timeout_ms):
        sys.exit(f"no answer within {timeout_ms} ms")
    with sluice.ServerMessage.from_bytes(socket.recv()) as message:
        kind = str(message.which())
        return kind, getattr(message, kind).to_dict()


def generate(socket, prompt, welcome):
    """Streams the continuation of `prompt`; returns Finished, or exits with the engine's error."""
    request_id = uuid.uuid4().hex
    sampling = {**welcome["samplingDefaults"], "temperature": 0}  # Greedy: the same story every time.
    send(socket, generate={"requestId": request_id, "prompt": {"text": prompt}, "sampling": sampling, "maxTokens": 200})
    granted = window = welcome["clientWindowTokens"]
    while True:
        kind, message = receive(socket)
        if kind == "failed":
            sys.exit(f"{message['error']['code']}: {message['error']['message']}")
        if kind == "finished":
            return message
        if kind == "tokens":
            print(message["text"], end="", flush=True)
            taken = message["firstIndex"] + len(message.get("tokenIds", ()))  # Absent where only text follows.
            if taken + window // 2 >= granted:  # Half a window is used up: grant the next.
                granted = taken + window
                send(socket, credit={"requestId": request_id, "upToIndex": granted})


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: client.py ADDRESS PROMPT")
    socket = zmq.Context.instance().socket(zmq.DEALER)
    socket.linger = 0
    socket.connect(sys.argv[1])
    send(socket, hello={"versionMin": 1, "versionMax": 1, "clientName": "example-python"})
    kind, welcome = receive(socket)
    if kind != "welcome":
        sys.exit(f"{welcome['error']['code']}: {welcome['error']['message']}")
    finished = generate(socket, sys.argv[2], welcome)
    print(flush=True)
    print(f"{finished['reason']}, {finished['usage']['outputTokens']} tokens", file=sys.stderr)


if __name__ == "__main__":
    main()
