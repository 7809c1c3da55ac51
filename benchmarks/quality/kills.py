"""Kill an ingest many times: does the store come out the same, byte for byte?

    OMP_NUM_THREADS=1 python benchmarks/quality/kills.py [--quick]

A small archive is ingested undisturbed. Then the same again, killed (SIGKILL of the parent, of a worker, of all) at
seeded moments and started anew each time, up to 5 times until it may end; each round's store is compared with the
undisturbed one. Prints a table and, as its last line, one JSON object.
"""

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

sys.path[:0] = [str(Path(__file__).parents[1] / "speed"), str(Path(__file__).parents[2] / "tests")]

from data.archives import contents  # noqa: E402
from data.killing import finish, kill_often, with_key_of, write_archive  # noqa: E402
from measure import finish as report  # noqa: E402

SEED = 0
KILLS_A_ROUND = 5
MOMENTS = ("before it", "in the work", "store stood", "had ended")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="10 kills in place of 60")
    n_kills = 10 if parser.parse_args().quick else 60
    rng = np.random.default_rng(SEED)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        source = write_archive(Path(folder) / "archive", 30)
        whole = Path(folder) / "whole"
        seconds = finish(source, whole, 2)
        wanted = contents(whole)
        killed: Counter[str] = Counter()
        while (n := sum(killed.values()) - killed["had ended"]) < n_kills:
            n_workers = 1 + len(rows) % 2
            out = with_key_of(Path(folder) / f"out{len(rows)}", whole)
            n_more = min(KILLS_A_ROUND, n_kills - n)
            moments = kill_often(source, out, n_workers=n_workers, n_kills=n_more, seconds=seconds, rng=rng)
            finish(source, out, n_workers)
            killed += moments
            rows.append({"round": len(rows), "workers": n_workers, **{name: moments[name] for name in MOMENTS},
                         "same_bytes": contents(out) == wanted})  # fmt: skip
    n_same = sum(row["same_bytes"] for row in rows)
    report("kills", ratios={"kills": n_kills, "same_bytes": n_same / len(rows)}, rows=rows, seeds=(SEED,))
    sys.exit(n_same != len(rows))


if __name__ == "__main__":
    main()
