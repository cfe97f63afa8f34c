"""`sluice serve` on a topology of a benchmark's own, and `sluice load` against it. Standard library only."""

import json
import pathlib
import signal
import subprocess
import tempfile
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
SLUICE = str(ROOT / "build/release/bin/sluice")
MODEL = str(ROOT / "examples/models/storyteller-llama")


class Serving:
    """Serves `toml` until the end of a with statement. Addresses in it are to be free ports ("*")."""

    def __init__(self, sluice, toml):
        self.sluice = sluice
        self.toml = toml
        self.addresses = {}

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        topology = pathlib.Path(self.folder.name) / "topology.toml"
        topology.write_text(self.toml)
        command = [self.sluice, "serve", "--log-level", "error", topology]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        for line in self.process.stdout:
            if line.strip() == "ready":
                return self
            kind, _, address = line.strip().partition(" ")
            self.addresses[kind] = address
        self.folder.cleanup()
        raise SystemExit("sluice serve ended before it was ready")

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.process.wait()
        self.folder.cleanup()

    @property
    def ingress(self):
        return self.addresses["ingress"]

    def metrics(self):
        """Every sample by its name and labels, as a number."""
        with urllib.request.urlopen(self.addresses["metrics"], timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        samples = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {name: float(value) for name, value in samples}

    def load(self, *flags):
        """The report of `sluice load FLAGS --json`."""
        command = [self.sluice, "load", "--connect", self.ingress, "--json", "--quiet", *map(str, flags)]
        return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)

    def load_all(self, *flags):
        """The same, of which every request must have ended by itself."""
        report = self.load(*flags)
        if sum(report["outcomes"]["finished"].values()) != report["offered"]:
            raise SystemExit(f"not all requests finished: {report['outcomes']}")
        return report
