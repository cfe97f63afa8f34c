#!/usr/bin/env python3
"""What clients that never read cost the others: time between tokens with and without them, in turns.

    benchmarks/stalled_clients.py [--sluice build/release/bin/sluice] [--stalled 200] [--rounds 5]

Serves the demo model on a free port, opens the stalled clients, waits until the engine has set all of them aside, and
measures a closed loop of 16 callers; then without them; and again. Prints the p99 of the time between tokens of each
round, and the ratio of the medians. It wants an idle machine. Standard library only.
"""

import argparse
import statistics
import subprocess

from serving import MODEL, SLUICE, Serving

TOPOLOGY = """
[model]
path = "{model}"
[ingress]
bind = "tcp://127.0.0.1:*"
max_requests = {max_requests}
client_window_tokens = 32
[batcher]
max_sequences = 32
kv_cache = "256MiB"
[metrics]
bind = "http://127.0.0.1:*"
interval_ms = 100
[[stage]]
layers = "0-5"
ranks = ["head/cpu:0"]
"""


def wait_for_paused(engine, count):
    while engine.metrics().get("sluice_streams_paused") != count:
        pass


def measure(engine, requests):
    flags = ["--closed", 16, "--requests", requests, "--output-tokens", 64, "--vocab", 4000]
    report = engine.load(*flags)
    if report["outcomes"]["finished"]["length"] != requests:
        raise SystemExit(f"not all requests finished: {report['outcomes']}")
    return report["latency_ms"]["between_tokens"]["p99"]


def measure_beside_stalled(engine, stalled, requests):
    # Its own requests come so rarely that there are none.
    flags = ["--stalled", str(stalled), "--rate", "0.001", "--duration", "86400", "--quiet"]
    command = [engine.sluice, "load", "--connect", engine.ingress, *flags]
    beside = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        wait_for_paused(engine, stalled)
        return measure(engine, requests)
    finally:
        beside.kill()
        beside.wait()
        wait_for_paused(engine, 0)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--sluice", default=SLUICE)
    arguments.add_argument("--stalled", type=int, default=200)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--requests", type=int, default=160)
    options = arguments.parse_args()
    toml = TOPOLOGY.format(model=MODEL, max_requests=options.stalled + 64)
    with Serving(options.sluice, toml) as engine:
        measure(engine, options.requests)
        alone, beside = [], []
        for _ in range(options.rounds):
            alone.append(measure(engine, options.requests))
            beside.append(measure_beside_stalled(engine, options.stalled, options.requests))
            print(f"between tokens, p99: {alone[-1]:.3f} ms alone, {beside[-1]:.3f} ms beside", flush=True)
    ratio = statistics.median(beside) / statistics.median(alone)
    print(f"{options.stalled} stalled clients: {ratio:.3f} times the median of {options.rounds} rounds")


if __name__ == "__main__":
    main()
