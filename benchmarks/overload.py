#!/usr/bin/env python3
"""What becomes of an engine to which more is offered than it can do: goodput, refusals, memory, recovery.

    benchmarks/overload.py [--sluice build/release/bin/sluice] [--seconds 20] [--factors 2,5,10]

Serves the mock model (no kernels: everything around them is what is measured), finds its peak P with a closed loop,
then offers open-loop Poisson arrivals at each factor times P for --seconds, and after each looks whether half of P is
served as before any overload. Meanwhile it reads the metrics, and prints the longest that each queue was beside its
bound. Standard library only; the engine and the load share the machine.
"""

import argparse
import threading

from serving import MODEL, SLUICE, Serving

TOPOLOGY = """
[model]
path = "{model}"
weights = "mock"

[mock]
step_us = {step_us}
token_us = 0

[ingress]
bind = "tcp://127.0.0.1:*"
max_requests = 128

[batcher]
max_batch_tokens = 512
max_sequences = 64
kv_cache = "64MiB"

[metrics]
bind = "http://127.0.0.1:*"
interval_ms = 250

[[stage]]
layers = "0-5"
ranks = ["head/cpu:0"]
"""

# Gauges of queues by the beginning of their names, and their bounds. A link's sender holds twice the window of 64
# messages and what one input of its actor causes: a terminal message or a token for each of 128 requests.
BOUNDS = {
    "sluice_requests_running": 128,
    "sluice_sequences_waiting": 128,
    "sluice_sequences_running": 64,
    "sluice_link_queued_messages": 2 * 64 + 128,
    "sluice_link_held_messages": 64,
}

REQUESTS = ["--connections", "4", "--prompt-tokens", "16..64", "--output-tokens", "16..16", "--vocab", "4096"]


class WatchedServing(Serving):
    """On the mock model, with a thread that watches the metrics."""

    def __enter__(self):
        super().__enter__()
        self.longest = dict.fromkeys(BOUNDS, 0)
        self.stopping = threading.Event()
        self.watcher = threading.Thread(target=self.watch)
        self.watcher.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.watcher.join()
        super().__exit__()

    def watch(self):
        while not self.stopping.wait(0.25):
            for series, value in self.metrics().items():
                name = series.split("{")[0]
                if name in self.longest:
                    self.longest[name] = max(self.longest[name], value)

    def memory_mib(self, field):
        with open(f"/proc/{self.process.pid}/status") as status:
            for line in status:
                if line.startswith(field + ":"):
                    return int(line.split()[1]) / 1024
        raise SystemExit(f"no {field}")


def row(name, report, peak, memory_mib):
    outcomes = report["outcomes"]
    failed = sum(outcomes["failed"].values())
    finished = sum(outcomes["finished"].values())
    latency = report["latency_ms"]
    print(f"{name:10} {report['offered']:8} {finished:9} {outcomes['refused']:8} {failed:7} "
          f"{outcomes['timed_out'] + outcomes['unsent']:5} {report['goodput']['requests_per_s']:9.1f} "
          f"{report['goodput']['requests_per_s'] / peak:7.3f} {latency['refusal']['p99']:10.2f} "
          f"{latency['first_token']['p50']:9.1f} {latency['first_token']['p99']:9.1f} "
          f"{latency['send_lag']['p99']:8.2f} {memory_mib:8.1f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sluice", default=SLUICE)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--factors", default="2,5,10")
    parser.add_argument("--step-us", type=int, default=8000, help="cost of a step of the mock model")
    arguments = parser.parse_args()

    with WatchedServing(arguments.sluice, TOPOLOGY.format(model=MODEL, step_us=arguments.step_us)) as engine:
        print("times in ms; goodput in requests/s and as a share of the peak; memory: resident, MiB")
        print(f"{'load':10} {'offered':>8} {'finished':>9} {'refused':>8} {'failed':>7} {'lost':>5} {'goodput':>9} "
              f"{'/ peak':>7} {'refuse p99':>10} {'ttft p50':>9} {'ttft p99':>9} {'lag p99':>8} {'memory':>8}")
        closed = engine.load(*REQUESTS, "--closed", 96, "--duration", arguments.seconds)
        peak = closed["goodput"]["requests_per_s"]
        row("peak", closed, peak, engine.memory_mib("VmRSS"))
        half = [*REQUESTS, "--rate", peak / 2, "--duration", 5]
        row("half", engine.load(*half), peak, engine.memory_mib("VmRSS"))
        for factor in map(float, arguments.factors.split(",")):
            offered = engine.load(*REQUESTS, "--rate", peak * factor, "--duration", arguments.seconds)
            row(f"x {factor:g}", offered, peak, engine.memory_mib("VmRSS"))
            row("then half", engine.load(*half), peak, engine.memory_mib("VmRSS"))
        print(f"most memory ever: {engine.memory_mib('VmHWM'):.1f} MiB")
        for name, longest in engine.longest.items():
            print(f"longest: {name:28} {longest:6.0f} of at most {BOUNDS[name]}")


if __name__ == "__main__":
    main()
