"""A real ingest that is killed at seeded moments, and goes on."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
from data.archives import pattern, write_png, write_video
from moving_fan import moving_fan

from sslecho.data.store import Store
from sslecho.errors import NounError

VICTIMS = ("all", "parent", "worker")  # the process group; the parent alone; a worker, and later the group
SECONDS = 120


def write_archive(folder: Path, n_pictures: int) -> Path:
    """Pictures without a sector, which get a second turn, videos of fans, and two files that no one can read."""
    for number in range(n_pictures):
        write_png(folder / f"{number % 3}/{number:03d}.png", pattern(96, 128, seed=number))
    for number in range(n_pictures // 2):
        write_video(folder / f"{number % 4}/v{number}.mp4", moving_fan(3, 120, 160, seed=number))
    (folder / "2/bad.png").write_bytes(b"rubbish")
    (folder / "0/empty.dcm").write_bytes(b"")
    return folder


def start(source: Path, out: Path, n_workers: int) -> subprocess.Popen:
    """`sslecho ingest` as a user starts it, in a process group of its own."""
    words = [str(source), "-o", str(out), "--patient-from", "unknown", "--size", "32"]
    return subprocess.Popen(
        [sys.executable, "-m", "sslecho", "ingest", *words, "--workers", str(n_workers)],
        cwd=Path(__file__).parents[2],
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(source: Path, out: Path, n_workers: int) -> float:
    """Run to the end; returns the seconds from the first sign of work on."""
    running = start(source, out, n_workers)
    began = first_sign(running, out)
    said = running.communicate(timeout=SECONDS)[1]
    assert running.returncode == 0, said
    return time.monotonic() - began


def with_key_of(out: Path, other: Path) -> Path:
    """Give a store to be made the key of another, so that their ids can be compared."""
    folder = out.with_name(f"{out.name}.key")
    folder.mkdir()
    (folder / "key").write_text((other.with_name(f"{other.name}.key") / "key").read_text())
    return out


def kill_often(
    source: Path, out: Path, *, n_workers: int, n_kills: int, seconds: float, rng: np.random.Generator
) -> Counter[str]:
    """Kill up to `n_kills` runs, each at a moment of its own; what stands in the folder is a whole store or none.

    Args:
        seconds: how long an undisturbed run works.

    Returns:
        How many died when: "before the work", "in the work", "store stood", "had ended".
    """
    moments: Counter[str] = Counter()
    for _ in range(n_kills):
        victim = str(rng.choice(VICTIMS))
        running = start(source, out, n_workers)
        if rng.random() < 0.1:
            time.sleep(rng.uniform(0, 1))  # while it is still starting
        else:
            first_sign(running, out)
            time.sleep(rng.uniform(0, 0.7 * seconds))
        if victim == "worker" and (children := _children(running.pid)):
            _kill(int(rng.choice(children)))
            time.sleep(rng.uniform(0, seconds / 2))
        started = (out / ".writing/journal.jsonl").exists()
        if victim == "parent":
            running.kill()
        elif running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
        running.communicate(timeout=SECONDS)
        assert running.returncode in (0, -signal.SIGKILL)
        stands = _whole(out)
        ended = running.returncode == 0
        moments["had ended" if ended else "store stood" if stands else "in the work" if started else "before it"] += 1
        if stands:
            break  # there is nothing left to disturb
    return moments


def first_sign(running: subprocess.Popen, out: Path) -> float:
    """Wait until work begins; returns when that was."""
    deadline = time.monotonic() + SECONDS
    while not (out / ".writing").exists() and running.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    return time.monotonic()


def _whole(out: Path) -> bool:
    try:
        store = Store.open(out)
    except NounError:
        return False
    assert store.verify() == []
    return True


def _children(parent: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(words[1]) == parent:
            found.append(int(stat.parent.name))
    return found


def _kill(number: int) -> None:
    try:
        os.kill(number, signal.SIGKILL)
    except ProcessLookupError:
        return
