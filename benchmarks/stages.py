#!/usr/bin/env python3
"""What a second stage brings: decode throughput of two single-thread stages against one, in turns.

    benchmarks/stages.py [--sluice build/release/bin/sluice] [--rounds 5] [--sequences 16]

The demo model in f32, decode-heavy requests of a closed loop. Prints the throughput of each round, the ratio of the
medians, and for the two stages the share of time without a micro-batch while the engine had work (bubble), and how far
the stages' compute times are apart (imbalance: the part of the bubble that a better cut would save). It wants an idle
machine with a core for each stage; clients and the rest of the engine run on the same cores. Standard library only.
"""

import argparse
import statistics

from serving import MODEL, SLUICE, Serving

TOPOLOGY = """
[model]
path = "{model}"
dtype = "bf16"
compute = "f32"
[ingress]
bind = "tcp://127.0.0.1:*"
client_window_tokens = 1024
[batcher]
max_sequences = {sequences}
kv_cache = "256MiB"
[metrics]
bind = "http://127.0.0.1:*"
interval_ms = 100
"""
STAGE = """[[stage]]
layers = "{layers}"
ranks = ["{place}"]
threads = 1
"""
OUTPUT_TOKENS = 256


def topology(sequences, *stages):
    text = TOPOLOGY.format(model=MODEL, sequences=sequences)
    return text + "".join(STAGE.format(layers=layers, place=place) for layers, place in stages)


def measure(engine, sequences):
    """Output tokens a second; by stage: seconds busy and seconds of bubble."""
    before = engine.metrics()
    flags = ["--closed", sequences, "--requests", 2 * sequences, "--prompt-tokens", "16", "--vocab", 4000]
    report = engine.load_all(*flags, "--output-tokens", OUTPUT_TOKENS)
    after = engine.metrics()

    def grown(name):
        return [after[key] - before.get(key, 0) for key in sorted(after) if key.startswith(name + "{")]

    return (
        report["goodput"]["output_tokens_per_s"],
        grown("sluice_stage_busy_seconds_total"),
        grown("sluice_stage_bubble_seconds_total"),
    )


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--sluice", default=SLUICE)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--sequences", type=int, default=16)
    arguments.add_argument("--cut", default="0-4,5", help="layers of the two stages; the last one also samples")
    options = arguments.parse_args()
    first, second = options.cut.split(",")
    one = topology(options.sequences, ("0-5", "head/cpu:0"))
    two = topology(options.sequences, (first, "head/cpu:0"), (second, "head/cpu:0"))
    with Serving(options.sluice, one) as of_one, Serving(options.sluice, two) as of_two:
        measure(of_one, options.sequences)
        measure(of_two, options.sequences)
        rates = {1: [], 2: []}
        busy, bubble = [0.0, 0.0], [0.0, 0.0]
        for _ in range(options.rounds):
            rates[1].append(measure(of_one, options.sequences)[0])
            rate, busy_s, bubble_s = measure(of_two, options.sequences)
            rates[2].append(rate)
            for stage in range(2):
                busy[stage] += busy_s[stage]
                bubble[stage] += bubble_s[stage]
            print(f"tokens/s: {rates[1][-1]:.0f} with one stage, {rates[2][-1]:.0f} with two", flush=True)
    print(f"two stages: {statistics.median(rates[2]) / statistics.median(rates[1]):.2f} times the median of one")
    for stage in range(2):
        whole = busy[stage] + bubble[stage]
        print(
            f"stage {stage}: bubble {100 * bubble[stage] / whole:.1f} %, "
            f"of which imbalance {100 * max(0.0, max(busy) - busy[stage]) / whole:.1f} %"
        )


if __name__ == "__main__":
    main()
