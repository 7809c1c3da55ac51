"""How long does `sslecho --help` take?

    python benchmarks/speed/startup.py [--quick]

Against a Python that starts and does nothing, and against importing torch, in turn. The goal is under 0.3 s.
Prints a table and, last, one line of JSON.
"""

import argparse
import statistics
import subprocess
import sys
import time

from measure import finish, in_turn, ratio

COMMANDS = {
    "sslecho --help": [sys.executable, "-m", "sslecho", "--help"],
    "python, nothing": [sys.executable, "-c", "pass"],
    "import torch": [sys.executable, "-c", "import torch"],
}


def runs_per_s(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return 1 / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    repeats = 3 if parser.parse_args().quick else 15
    rates = in_turn({name: lambda c=command: runs_per_s(c) for name, command in COMMANDS.items()}, repeats=repeats)
    rows = [
        {"what": name, "seconds": 1 / statistics.median(values), "fastest": 1 / max(values), "slowest": 1 / min(values)}
        for name, values in rates.items()
    ]
    ratios = {"torch": ratio(rates["sslecho --help"], rates["import torch"])}
    finish("startup", ratios=ratios, rows=rows)


if __name__ == "__main__":
    main()
