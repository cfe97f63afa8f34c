#!/usr/bin/env python3
"""What clients that never read cost the others: time between tokens with and without them, in turns.

    benchmarks/stalled_clients.py [--sluice build/release/bin/sluice] [--stalled 200] [--rounds 5]

Serves the demo model on a free port, opens the stalled clients, waits until the engine has set all of them aside, and
measures a closed loop of 16 callers; then without them; and again. Prints the p99 of the time between tokens of each
round, and the ratio of the medians. It wants an idle machine. Standard library only.
"""

import argparse
import json
import pathlib
import signal
import statistics
import subprocess
import tempfile
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
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


def line_starting(process, prefix):
    for line in process.stdout:
        if line.startswith(prefix):
            return line.removeprefix(prefix).strip()
    raise SystemExit(f"sluice serve ended before it said '{prefix}'")


def wait_for_paused(metrics_url, count):
    while True:
        with urllib.request.urlopen(metrics_url) as answer:
            text = answer.read().decode()
        paused = [line.split()[1] for line in text.splitlines() if line.startswith("sluice_streams_paused ")]
        if paused and float(paused[0]) == count:
            return


def measure(sluice, ingress, requests):
    flags = ["--closed", "16", "--requests", str(requests), "--output-tokens", "64", "--vocab", "4000", "--json"]
    run = subprocess.run([sluice, "load", "--connect", ingress, *flags], stdout=subprocess.PIPE, check=True)
    report = json.loads(run.stdout)
    if report["outcomes"]["finished"]["length"] != requests:
        raise SystemExit(f"not all requests finished: {report['outcomes']}")
    return report["latency_ms"]["between_tokens"]["p99"]


def measure_beside_stalled(sluice, ingress, metrics_url, stalled, requests):
    # Its own requests come so rarely that there are none.
    flags = ["--stalled", str(stalled), "--rate", "0.001", "--duration", "86400", "--quiet"]
    beside = subprocess.Popen([sluice, "load", "--connect", ingress, *flags], stdout=subprocess.DEVNULL)
    try:
        wait_for_paused(metrics_url, stalled)
        return measure(sluice, ingress, requests)
    finally:
        beside.send_signal(signal.SIGKILL)
        beside.wait()
        wait_for_paused(metrics_url, 0)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--sluice", default=str(ROOT / "build/release/bin/sluice"))
    arguments.add_argument("--stalled", type=int, default=200)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--requests", type=int, default=160)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        topology = pathlib.Path(folder) / "topology.toml"
        model = ROOT / "examples/models/storyteller-llama"
        topology.write_text(TOPOLOGY.format(model=model, max_requests=options.stalled + 64))
        command = [options.sluice, "serve", "--log-level", "warn", topology]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as engine:
            try:
                ingress = line_starting(engine, "ingress ")
                metrics_url = line_starting(engine, "metrics ")
                line_starting(engine, "ready")
                target = (options.sluice, ingress)
                measure(*target, options.requests)
                alone, beside = [], []
                for _ in range(options.rounds):
                    alone.append(measure(*target, options.requests))
                    beside.append(measure_beside_stalled(*target, metrics_url, options.stalled, options.requests))
                    print(f"between tokens, p99: {alone[-1]:.3f} ms alone, {beside[-1]:.3f} ms beside", flush=True)
                ratio = statistics.median(beside) / statistics.median(alone)
                print(f"{options.stalled} stalled clients: {ratio:.3f} times the median of {options.rounds} rounds")
            finally:
                engine.send_signal(signal.SIGINT)


if __name__ == "__main__":
    main()
