"""The review page on 100,000 frames: time to the first picture, time of every action, memory, and what a kill loses.

    python benchmarks/speed/review.py [--quick] [--no-browser]

A store of 100,000 frames of 64 x 64 in clips of 20, 1,250 patients, with embeddings of 512 numbers and 60 clusters of
them, is written; nothing of it is ultrasound. The server runs in a process of its own, as `sslecho review` starts it.

- `first_paint_s`: from asking for the page in a fresh profile of Chromium to its first pictures on the screen; null
  without a browser. `page_ms` is how long the server takes for the page.
- `action_ms_p95`: 400 actions of all kinds as the page sends them, each with the reading of the page that follows it
  where the page does so; by kind in the rows. The server has 2 cores. Writing labels.csv, which grows with the archive,
  is a row and not among them.
- `action_cpu_ms_p95`: the processor time that the server took for the same: what is left of the time where nothing else
  runs on the machine, but for the disk's.
- `peak_gib`: of the server's memory (VmHWM: what it held at most, the mapped embeddings with it).
- `kills`, `lost`: the server is killed (SIGKILL) at random moments while actions come in, and started again: an action
  that was answered as saved and is not there is lost. Prints a table and, as its last line, one JSON object.
"""

import argparse
import atexit
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from measure import finish

from sslecho.data.writer import StoreWriter
from sslecho.embed.embeddings import write_rows
from sslecho.rundir import write_json
from sslecho.tasks.predictions import write_predictions

SEED, FRAMES_A_CLIP, CLIPS_A_PATIENT, SIDE, DIM, K = 0, 20, 4, 64, 512, 60
CORES = 2
GOALS = {"first_paint_s": 1.0, "action_ms_p95": 100.0, "peak_gib": 1.0, "lost": 0}
PAINTED = """() => new Promise((done) => { const look = () => { const seen = [...document.images].filter(
  (i) => i.complete && i.naturalWidth); seen.length >= 6 ? done(performance.now()) : requestAnimationFrame(look); };
  look(); })"""


class Server:
    """`sslecho review` in a process of its own, and a browser's side of its session."""

    def __init__(self, run: Path):
        words = [sys.executable, "-m", "sslecho", "review", str(run)]
        cores = sorted(os.sched_getaffinity(0))[:CORES]
        self.process = subprocess.Popen(
            words,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, cores),
        )
        atexit.register(self.process.kill)
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if found := re.search(r"http://127\.0\.0\.1:(\d+)/\?token=(\S+)", line):
                self.port, self.token = int(found[1]), found[2]
                break
        else:
            raise RuntimeError("the server did not start")
        self.addresses: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        self.cookie = self.csrf = ""
        self._asked = 0.0
        answer = self._ask("GET", f"/?token={self.token}")
        self.cookie = answer[1]["set-cookie"].split(";")[0]
        self.csrf = re.search(r'name="csrf" content="([^"]+)"', self.get("/"))[1]  # pyright: ignore

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.addresses += re.findall(r"http://\S+token=\S+", line)

    def _ask(self, method: str, path: str, body: str | None = None) -> tuple[int, Any, bytes]:
        headers = {"Cookie": self.cookie} if self.cookie else {}
        if body is not None:
            origin = f"http://127.0.0.1:{self.port}"
            headers |= {"Origin": origin, "X-CSRF-Token": self.csrf, "Content-Type": "application/json"}
        if time.monotonic() - self._asked > 3:  # the server ends what was idle for five seconds
            self.connection.close()
        self._asked = time.monotonic()
        self.connection.request(method, path, body, headers)
        answer = self.connection.getresponse()
        return answer.status, answer.headers, answer.read()

    def get(self, path: str) -> str:
        status, _, content = self._ask("GET", path)
        assert status == 200, (path, status)
        return content.decode("utf-8", "replace")

    def do(self, **said: Any) -> dict[str, Any]:
        status, _, content = self._ask("POST", "/do", json.dumps(said))
        answer = json.loads(content)
        assert status == 200, answer
        return answer

    def peak_gib(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 2**20  # pyright: ignore

    def cpu_ms(self) -> float:
        """Processor time of all of its threads so far."""
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e6

    def stop(self, how: int = signal.SIGINT) -> None:
        self.process.send_signal(how)
        self.process.wait(timeout=120)


def make_run(folder: Path, n: int) -> Path:
    """The store, its embeddings and 60 clusters of them, of noise around 60 centers."""
    rng = np.random.default_rng(SEED)
    n_clips = n // FRAMES_A_CLIP
    with StoreWriter(folder / "store", (SIDE, SIDE), unit="patient") as writer:
        base = rng.integers(0, 255, (FRAMES_A_CLIP, SIDE, SIDE), dtype=np.uint8)
        for clip in range(n_clips):
            patient = f"p{clip // CLIPS_A_PATIENT:05d}"
            writer.add_clip(
                np.roll(base, clip % SIDE, axis=2), {"clip_id": f"c{clip:06d}", "patient_id": patient, "split": "train"}
            )
        store = writer.commit()
    cluster = rng.integers(0, K, n).astype(np.int32)
    vectors = np.lib.format.open_memmap(folder / "vectors.npy", "w+", np.float32, (n, DIM))
    centers = rng.normal(0, 1, (K, DIM)).astype(np.float32)
    for start in range(0, n, 10_000):
        some = centers[cluster[start : start + 10_000]]
        vectors[start : start + 10_000] = some + rng.normal(0, 1.5, some.shape)
    vectors.flush()
    (folder / "emb" / "embeddings").mkdir(parents=True)
    (folder / "vectors.npy").rename(folder / "emb" / "embeddings" / "vectors.npy")
    unit = pa.array(store.column("patient_id", level="frame").astype(str))
    table = pa.table(
        {
            "row": np.arange(n),
            "clip_id": store.frames["clip_id"],
            "frame_index": store.frames["frame_index"],
            "patient_id": unit,
            "unit_id": unit,
            "label": pa.nulls(n, pa.string()),
            "split": pa.array(["train"] * n),
        }
    )
    about = {"frames_hash": store.frames_hash, "encoder_hash": "0" * 64, "unit": "patient"}
    write_rows(folder / "emb" / "embeddings", table, meta={**about, "dim": DIM, "store_path": "../store"})
    table = table.append_column(f"cluster_{K}", pa.array(cluster))
    table = table.append_column(f"confidence_{K}", pa.array(rng.uniform(0, 1, n).astype(np.float32)))
    run = folder / "clusters"
    run.mkdir()
    meta = {**about, "task": "cluster", "ks": [K], "level": "frame", "store": "../store", "embeddings": "../emb"}
    write_predictions(run, table, meta=meta)
    write_json(run / "run.json", {"command": "cluster", "identity": {}, "state": "done"})
    write_json(run / "result.json", {"unit": "patient"})
    return run


def actions(server: Server, n: int, n_rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Every kind of action and page, again and again: milliseconds of each, on the clock and of the processor."""
    rng = np.random.default_rng(SEED)
    taken: dict[str, list[tuple[float, float]]] = {}

    def timed(kind: str, *work: Any) -> None:
        started, cpu = time.perf_counter(), server.cpu_ms()
        for part in work:
            part()
        elapsed = (time.perf_counter() - started) * 1000
        taken.setdefault(kind, []).append((elapsed, server.cpu_ms() - cpu))

    def page(path: str) -> Any:
        return lambda: server.get(path)

    def act(**said: Any) -> Any:
        return lambda: server.do(**said)

    for group in range(K // 2, K):  # what the audit is drawn from
        timed("name", act(do="name", group=group, name=f"view {group % 9}"))
    for turn in range(n_rounds):
        group, other = (int(g) for g in rng.choice(K // 2, 2, replace=False))
        some = rng.choice(n, 40, replace=False).tolist()
        here = page(f"/group/{group}?show=all&order=typical")
        timed("name", act(do="name", group=group, name=f"view {turn % 7}"))
        timed("open cluster", here)
        timed("sort by uncertainty", page(f"/group/{group}?order=uncertain"))
        timed("sort by disagreement", page(f"/group/{group}?order=disagreement"))
        timed("next page", page(f"/group/{group}?page=7"))
        timed("accept all", act(do="accept", group=group, show="all"), here)
        timed("label 40", act(do="label", items=some, name=f"label {turn % 5}"), here)
        timed("split in two", act(do="split", group=group), here)
        timed("merge", act(do="merge", groups=[group, other], name="merged"), page("/"))
        timed("undo", act(do="undo"), page("/"))
        timed("redo", act(do="redo"), page("/"))
        timed("clusters by disagreement", page("/?order=disagreement"))
        timed("picture, 12 nearest", page(f"/item/{some[0]}"))
        timed("small picture", page(f"/small/{some[1]}.jpg"))
        timed("whole frame", page(f"/frame/{some[2]}.png"))
        timed("undo both", act(do="undo"), act(do="undo"))
        if turn % 10 == 0:
            timed("draw audit", act(do="draw_audit", errors=0), page("/audit"))
        timed("answer", act(do="answer", place=turn % 50, right=True), page(f"/audit?at={turn % 50 + 1}"))
        timed("history", page("/history"))
        timed("export", act(do="export")) if turn == 0 else None
    return taken


def first_paint(server: Server, repeats: int) -> list[float] | None:
    """Seconds from asking for the page to its first six pictures, in fresh profiles; None without a browser."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    if program is None:
        return None
    found = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        for _ in range(repeats):
            name, value = server.cookie.split("=", 1)
            context = browser.new_context(viewport={"width": 1280, "height": 900})
            context.add_cookies([{"name": name, "value": value, "url": f"http://127.0.0.1:{server.port}"}])
            tab = context.new_page()
            tab.set_default_timeout(120_000)
            tab.goto(f"http://127.0.0.1:{server.port}/", wait_until="commit")
            found.append(tab.evaluate(PAINTED) / 1000)
            context.close()
        browser.close()
    return found


def kill_often(run: Path, n_kills: int) -> tuple[int, int]:
    """Kill the server while actions come in; returns how many actions were answered as saved, and how many are gone."""
    rng = np.random.default_rng(SEED)
    n_saved = n_lost = 0
    shown = ""
    shutil.rmtree(run / "review", ignore_errors=True)
    for kill in range(n_kills + 1):
        server = Server(run)
        n_lost += bool(shown) and f"“{shown}”" not in server.get("/history")
        if kill == n_kills:
            server.stop()
            break
        timer = threading.Timer(float(rng.uniform(0.05, 1.5)), server.process.kill)
        timer.start()
        with suppress(OSError, http.client.HTTPException):
            for n in range(1_000_000):
                name = f"name {kill} {n}"
                server.do(do="name", group=int(rng.integers(K)), name=name)
                shown, n_saved = name, n_saved + 1
        timer.join()
        server.process.wait()
    return n_saved, n_lost


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="4,000 frames, 3 rounds, 2 kills")
    parser.add_argument("--no-browser", action="store_true", help="leave the first paint out")
    parser.add_argument("--kills", type=int, default=None, help="how many; by default 20, or 2 with --quick")
    options = parser.parse_args()
    n, n_rounds, n_kills = (4_000, 3, 2) if options.quick else (100_000, 20, 20)
    n_kills = n_kills if options.kills is None else options.kills
    with tempfile.TemporaryDirectory() as folder:
        run = make_run(Path(folder), n)
        started = time.perf_counter()
        server = Server(run)
        starts = [time.perf_counter() - started]
        started = time.perf_counter()
        server.get("/")
        page_ms = (time.perf_counter() - started) * 1000
        paint = None if options.no_browser else first_paint(server, 3 if options.quick else 7)
        taken = actions(server, n, n_rounds)
        peak = server.peak_gib()
        server.stop()
        started = time.perf_counter()
        Server(run).stop()
        starts.append(time.perf_counter() - started)
        n_saved, n_lost = kill_often(run, n_kills)
    rows = []
    for kind, both in taken.items():
        clock, cpu = np.array(both).T
        rows.append({"what": kind, "n": len(both), "median_ms": float(np.median(clock)), "p95_ms": _p95(clock),
                     "cpu_median_ms": float(np.median(cpu)), "cpu_p95_ms": _p95(cpu)})  # fmt: skip
    clock, cpu = np.array([both for kind, values in taken.items() if kind != "export" for both in values]).T
    ratios = {
        "first_paint_s": round(float(np.median(paint)), 3) if paint else None,
        "page_ms": round(page_ms, 1),
        "action_ms_p95": round(_p95(clock), 1),
        "action_cpu_ms_p95": round(_p95(cpu), 1),
        "peak_gib": round(peak, 3),
        "start_s": round(starts[0], 2),
        "start_again_s": round(starts[1], 2),
        "kills": n_kills,
        "saved": n_saved,
        "lost": n_lost,
    }
    finish("review", ratios=ratios, rows=rows, seeds=[SEED], goals=GOALS, n=n, server_cores=CORES)
    sys.exit(bool(n_lost))


def _p95(values: np.ndarray) -> float:
    return float(np.percentile(values, 95))


if __name__ == "__main__":
    main()
