"""Mutate thousands of files and ingest them: what becomes of each, and of the good files between them?

    OMP_NUM_THREADS=1 nice python benchmarks/quality/mutations.py [--quick] [--n N] [--data ../shared/data]
    python benchmarks/quality/mutations.py --show NUMBER -o FILE    writes one mutant to look into

Every mutant goes through the whole ingest, in a worker process with limits of time and memory; after every tenth
stands a good picture whose pixels must come out as they went in. The seed files hold canaries wherever a name may
stand; no table of a store may hold one. Prints a table of outcomes and, as its last line, one JSON object.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "speed"), str(Path(__file__).parents[2] / "tests")]

from data.mutants import Found, Mutants, own_kinds, real_kinds, settings_of_a_fuzz  # noqa: E402
from measure import finish  # noqa: E402

SEED = 0
BATCH = 500
LIMITS = {"max_seconds": 30, "max_memory_mb": 1024}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="1,000 mutants")
    parser.add_argument("--n", type=int, default=20_000, help="how many mutants")
    parser.add_argument("--first", type=int, default=0, help="number of the first")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[3] / "shared" / "data")
    parser.add_argument("--show", type=int, help="write this mutant in place of a run")
    parser.add_argument("-o", type=Path, help="where to")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        kinds = own_kinds(Path(folder))
        n_own = len(kinds)
        kinds += real_kinds(given.data)
        mutants = Mutants(kinds, seed=given.seed, n_plain=n_own)
        if given.show is not None:
            suffix, content, done = mutants.file(given.show)
            given.o.write_bytes(content)
            sys.exit(f"{suffix}: {done}")
        found, began = Found(), time.monotonic()
        n = 1000 if given.quick else given.n
        settings = settings_of_a_fuzz(workers=given.workers, **LIMITS)
        for first in range(given.first, given.first + n, BATCH):
            mutants.ingest(Path(folder) / "work", range(first, min(given.first + n, first + BATCH)), found, **settings)
            print(f"{found.n} mutants, {time.monotonic() - began:.0f} s, {len(found.broken)} runs ended by an error, "
                  f"{len(found.lost)} neighbors lost", file=sys.stderr, flush=True)  # fmt: skip
    for first, error in found.broken:
        print(f"the run from mutant {first} on ended with {error}")
    for value in found.named:
        print(f"a canary in a table: {value}")
    rows = [
        {"outcome": outcome, "mutants": count, "first": found.examples.get(outcome)}
        for outcome, count in found.outcomes.most_common()
    ]
    died = sum(count for outcome, count in found.outcomes.items() if "crashed" in outcome or "killed" in outcome)
    slow = sum(count for outcome, count in found.outcomes.items() if "took longer" in outcome)
    big = sum(count for outcome, count in found.outcomes.items() if "needs more" in outcome)
    figures = {"mutants": found.n, "seed_files": len(kinds), "of_them_real": len(kinds) - n_own,
               "good_neighbors": found.n_good, "neighbors_lost": len(found.lost), "runs_ended": len(found.broken),
               "names_in_tables": len(found.named), "workers_died": died, "out_of_time": slow,
               "out_of_memory": big, "accepted": found.outcomes["accepted"]}  # fmt: skip
    finish("mutations", ratios=figures, rows=rows, seeds=(given.seed,))
    sys.exit(bool(found.lost or found.broken or found.named))


if __name__ == "__main__":
    main()
