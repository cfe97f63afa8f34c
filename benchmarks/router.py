#!/usr/bin/env python3
"""What the router's policies are worth: two replicas of the mock model, through the whole engine.

    benchmarks/router.py [--sluice build/release/bin/sluice] [--seconds 20]

First, replicas of which one takes three times as long for a step: open-loop Poisson arrivals at shares of what both
can do together, by turns and by load. Second, conversations of several turns, each of which begins with the one before:
by turns, by load and by prefix; how many of the tokens that some replica had computed before were found. Standard
library only; the engine and the load share the machine.
"""

import argparse
import json
import os
import tempfile

from serving import MODEL, SLUICE, Serving

TOPOLOGY = """
[model]
path = "{model}"
weights = "mock"

[mock]
step_us = {step_us}

[router]
policy = "{policy}"

[ingress]
bind = "tcp://127.0.0.1:*"
max_requests = 512
max_queued_prompt_tokens = 10_000_000

[batcher]
max_batch_tokens = 2048
max_sequences = 16
kv_cache = "256MiB"

[metrics]
bind = "http://127.0.0.1:*"
interval_ms = 100

[[replica]]
[[replica.stage]]
layers = "0-5"
[[replica]]
[replica.mock]
step_us = {slow_step_us}
[[replica.stage]]
layers = "0-5"
"""

SEQUENCES = 16  # max_sequences
OUTPUT_TOKENS = 16
REQUESTS = ["--connections", "4", "--prompt-tokens", "16..64", "--output-tokens", f"{OUTPUT_TOKENS}..{OUTPUT_TOKENS}",
            "--vocab", "4096"]
BLOCK_TOKENS = 512  # Of a recorded request's hash_ids, before --scale.


def engine(sluice, policy, step_us, slow_step_us):
    """Of two replicas."""
    return Serving(sluice, TOPOLOGY.format(model=MODEL, policy=policy, step_us=step_us, slow_step_us=slow_step_us))


def sum_of(metrics, name, **labels):
    wanted = [f'{label}="{value}"' for label, value in labels.items()]
    return sum(value for series, value in metrics.items()
               if series.split("{")[0] == name and all(each in series for each in wanted))


def compare_speeds(sluice, seconds, step_us):
    """Of what both replicas can do: the fast one SEQUENCES tokens a step, the slow one a third of it."""
    capacity = (1 + 1 / 3) * SEQUENCES * 1e6 / step_us / OUTPUT_TOKENS
    print(f"one replica three times slower; {capacity:.0f} requests/s are what both can do; times in ms")
    print(f"{'load':>5} {'policy':15} {'finished':>8} {'refused':>8} {'p50':>8} {'p99':>8} {'to the slow one':>16}")
    for share in (0.3, 0.45, 0.6):
        for policy in ("round_robin", "least_loaded"):
            with engine(sluice, policy, step_us, 3 * step_us) as serving:
                report = serving.load(*REQUESTS, "--rate", capacity * share, "--duration", seconds)
                metrics = serving.metrics()
            latency = report["latency_ms"]["end_to_end"]
            decisions = sum_of(metrics, "sluice_router_decisions_total")
            slow = sum_of(metrics, "sluice_router_decisions_total", replica=1)
            print(f"{share:5.2f} {policy:15} {sum(report['outcomes']['finished'].values()):8} "
                  f"{report['outcomes']['refused']:8} {latency['p50']:8.1f} {latency['p99']:8.1f} "
                  f"{slow / max(decisions, 1):15.0%}", flush=True)


def conversations(folder, count, turns):
    """A recording of them, turn by turn; and its tokens that a turn before had already, with blocks of 64 tokens."""
    path = os.path.join(folder, "turns.jsonl")
    reusable = 0
    with open(path, "w") as file:
        for turn in range(turns):
            for conversation in range(count):
                blocks = [conversation * turns + i for i in range(turn + 1)]
                record = {"input_length": BLOCK_TOKENS * len(blocks), "output_length": 8 * OUTPUT_TOKENS,
                          "timestamp": (turn * count + conversation) * 10, "hash_ids": blocks}
                file.write(json.dumps(record) + "\n")
                reusable += turn * BLOCK_TOKENS // 8
    return path, reusable


def compare_reuse(sluice, step_us):
    count, turns = 41, 8  # Odd: turns by round robin change the replica.
    print(f"\n{count} conversations of {turns} turns, two equal replicas")
    print(f"{'policy':15} {'finished':>8} {'found':>8} {'reusable':>8} {'share':>7} {'by prefix':>9} {'overruled':>9}")
    with tempfile.TemporaryDirectory() as folder:
        path, reusable = conversations(folder, count, turns)
        for policy in ("round_robin", "least_loaded", "prefix_affinity"):
            with engine(sluice, policy, step_us, step_us) as serving:
                report = serving.load("--connections", 4, "--replay", "--file", path, "--scale", "0.125",
                                      "--vocab", "4096", "--requests", count * turns)
                metrics = serving.metrics()
            found = sum_of(metrics, "sluice_prefix_hit_tokens_total")
            by_prefix = sum_of(metrics, "sluice_router_decisions_total", by="prefix_affinity")
            print(f"{policy:15} {sum(report['outcomes']['finished'].values()):8} {found:8.0f} {reusable:8} "
                  f"{found / reusable:7.1%} {by_prefix:9.0f} "
                  f"{sum_of(metrics, 'sluice_router_overruled_total'):9.0f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sluice", default=SLUICE)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--step-us", type=int, default=8000, help="cost of a step of the mock model")
    arguments = parser.parse_args()
    compare_speeds(arguments.sluice, arguments.seconds, arguments.step_us)
    compare_reuse(arguments.sluice, arguments.step_us)


if __name__ == "__main__":
    main()
