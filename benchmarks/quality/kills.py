"""Kill an ingest many times: does the store come out the same, byte for byte?

    OMP_NUM_THREADS=1 python benchmarks/quality/kills.py [--quick]

A small archive is ingested undisturbed. Then the same again, killed (SIGKILL of the parent, of a worker, of all) at
seeded moments and started anew each time, in rounds of 5 kills; each round's store is compared with the undisturbed
one. Prints a table and, as its last line, one JSON object.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).parents[1] / "speed"), str(Path(__file__).parents[2] / "tests")]

from data.archives import contents  # noqa: E402
from data.killing import finish, kill_often, with_key_of, write_archive  # noqa: E402
from measure import finish as report  # noqa: E402

SEED = 0
KILLS_A_ROUND = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="2 rounds in place of 12")
    n_rounds = 2 if parser.parse_args().quick else 12
    rng = np.random.default_rng(SEED)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        source = write_archive(Path(folder) / "archive", 60)
        whole = Path(folder) / "whole"
        seconds = finish(source, whole, 2)
        wanted = contents(whole)
        for number in range(n_rounds):
            n_workers = 1 + number % 2
            out = with_key_of(Path(folder) / f"out{number}", whole)
            moments = kill_often(source, out, n_workers=n_workers, n_kills=KILLS_A_ROUND, seconds=seconds, rng=rng)
            finish(source, out, n_workers)
            rows.append({"round": number, "workers": n_workers, "kills": KILLS_A_ROUND, **moments,
                         "same bytes": contents(out) == wanted})  # fmt: skip
    n_same = sum(row["same bytes"] for row in rows)
    report("kills", ratios={"same_bytes": n_same / len(rows)}, rows=rows, seeds=(SEED,))
    sys.exit(n_same != len(rows))


if __name__ == "__main__":
    main()
