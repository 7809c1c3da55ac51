"""A blinded quiz for clinicians: twenty simulated frames and twenty real ones, one at a time, real or simulated?

One page, without network, by mouse or keyboard; at the end it shows the score and offers the answers as CSV. All
frames are cut to the same window, a wedge about the fan's apex, so that neither outline nor text nor the picture's
format tells them apart; the sector finder looks for the apex in both kinds. Frames that don't fill the window are left
out. The key is in the page, but not to be read at a glance.

**The page holds real frames. It stays where they may be**: it is refused inside this repository.

    python benchmarks/quality/phantom_quiz.py --real FOLDER --out FILE.html [--seed 10000] [--skip NAME ...]

`--real` is a folder of folders, one per clip, with its frames as pictures. Prints, as its last line, one JSON object
(how many frames were taken and left out; no score: that is the clinicians').
"""

import argparse
import base64
import io
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from string import Template

import numpy as np
from PIL import Image
from scipy import ndimage
from scipy.stats import binom

from sslecho.data.sector import find_sector
from sslecho.phantom.acquisition import JITTER
from sslecho.phantom.factors import Factors
from sslecho.phantom.kinds import KINDS
from sslecho.phantom.plan import Plan, Rendering

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "benchmarks" / "speed"))
from measure import finish  # noqa: E402

EACH = 20
REACH = 460  # pixels of the window from the fan's apex to the lowest row
HALF_ANGLE = np.deg2rad(26)  # narrower than the fans of usual phased probes
NEAR, FAR = 0.16, 0.985  # of that distance: the window's arcs; the face of the probe lies before the first
FILLED = 0.995  # of the window, that a frame must fill
DRAWN = 448  # the side of a simulated picture, as high as real ones often are
FRAMES = 8  # of a clip: the sector is found by what moves
QUALITY = 85  # of the page's JPEG
# Three quarters apical, as transthoracic clips often are.
MIX = ("plax", "psax_av", "psax_mid", "a4c", "a4c", "a4c", "a2c", "a2c", "a3c", "a5c")


def window(frames: Sequence[np.ndarray], which: int) -> np.ndarray | None:
    """One frame of a clip, cut to the wedge; None where no fan is found or the frame doesn't fill it."""
    sector = find_sector(frames)
    if sector is None or sector.outline is None or sector.outline.apex is None:
        return None
    x0, y0 = sector.outline.apex
    reach = (sector.box[3] - 1 - y0) / REACH  # source pixels a pixel
    half = int(REACH * np.sin(HALF_ANGLE))
    top = int(REACH * NEAR * np.cos(HALF_ANGLE))
    rows, columns = np.mgrid[top : REACH + 1, -half : half + 1]
    radius, angle = np.hypot(rows, columns) / REACH, np.arctan2(columns, rows)
    wedge = (radius >= NEAR) & (radius <= FAR) & (np.abs(angle) <= HALF_ANGLE)
    place = np.stack([y0 + reach * rows, x0 + reach * columns])
    # Between pixels of a mask: inside if the nearest one is.
    inside = ndimage.map_coordinates(sector.mask.astype(np.uint8), place, order=0) > 0
    if inside[wedge].mean() < FILLED:
        return None
    values = ndimage.map_coordinates(frames[which].astype(np.float32), place, order=1)
    return np.where(wedge, values, 0).round().astype(np.uint8)


def real_frames(folder: Path, skipped: Sequence[str], rng: np.random.Generator) -> Iterator[np.ndarray | None]:
    """A frame of each clip, in random order."""
    clips = sorted(path for path in folder.iterdir() if path.is_dir() and path.name not in skipped)
    for k in rng.permutation(len(clips)):
        files = sorted(file for file in clips[k].iterdir() if file.suffix.lower() in (".jpg", ".jpeg", ".png"))
        frames = [np.asarray(Image.open(file).convert("L")) for file in files]
        yield window(frames, int(rng.integers(len(frames)))) if frames else None


def phantom_frames(seed: int, rng: np.random.Generator) -> Iterator[np.ndarray | None]:
    """A frame of each patient."""
    draw = KINDS["echo"].draw
    assert draw is not None
    for patient in range(100 * EACH):
        plan = Plan("echo", patient, 0, MIX[patient % len(MIX)], 0, 0, "", "")
        clip = draw(plan, Factors.from_seed(seed), Rendering(FRAMES, DRAWN, JITTER))
        yield window(list(clip.frames), int(rng.integers(FRAMES)))


def taken(frames: Iterator[np.ndarray | None]) -> tuple[list[np.ndarray], int]:
    """The first EACH that fill the window, and how many did not until then."""
    found: list[np.ndarray] = []
    left_out = 0
    for frame in frames:
        if frame is None:
            left_out += 1
        else:
            found.append(frame)
        if len(found) == EACH:
            return found, left_out
    sys.exit(f"only {len(found)} frames fill the window, {EACH} are needed: give more clips")


def encoded(truths: Sequence[bool], salt: int, rng: np.random.Generator) -> str:
    """The key: the lowest bit of every byte, under a stream that the page makes from `salt` as well."""
    state, out = salt, bytearray()
    for real in truths:
        state = (state * 1103515245 + 12345) % 2**31
        noise = int(rng.integers(128)) << 1 | int(real)
        out.append(noise ^ (state >> 16 & 255))
    return base64.b64encode(bytes(out)).decode()


def page(frames: Sequence[np.ndarray], truths: Sequence[bool], *, seed: int, rng: np.random.Generator) -> str:
    """The whole quiz as HTML."""
    pictures = []
    for frame in frames:
        buffer = io.BytesIO()
        Image.fromarray(frame).save(buffer, "JPEG", quality=QUALITY)
        pictures.append(base64.b64encode(buffer.getvalue()).decode())
    low, high = binom.ppf([0.025, 0.975], len(frames), 0.5)
    salt = int(rng.integers(1, 2**31 - 1))
    return Template(PAGE).substitute(
        pictures=json.dumps(pictures),
        key=encoded(truths, salt, rng),
        salt=salt,
        seed=seed,
        low=int(low),
        high=int(high),
        width=frames[0].shape[1],
        height=frames[0].shape[0],
    )


PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Real or simulated?</title>
<style>
  body { background: #16181c; color: #e8e8e8; font: 17px/1.5 system-ui, sans-serif; text-align: center; margin: 0 1em; }
  .notice { background: #5a1f1f; padding: .5em 1em; margin: 0 -1em 1em; }
  img { background: #000; display: block; margin: 1em auto; width: ${width}px; height: ${height}px; }
  button { font: inherit; padding: .6em 1.4em; margin: .3em; border: 1px solid #888; border-radius: 6px;
           background: #2b2f36; color: inherit; cursor: pointer; }
  button:focus-visible { outline: 3px solid #6fb1ff; }
  input { font: inherit; padding: .4em; }
  kbd { border: 1px solid #888; border-radius: 3px; padding: 0 .4em; font-size: .85em; }
  section { max-width: 46em; margin: 0 auto; }
  table { margin: 1em auto; border-collapse: collapse; }
  td, th { border: 1px solid #666; padding: .3em .9em; }
  [hidden] { display: none; }
</style>
</head>
<body>
<p class="notice"><strong>Contains frames of real examinations. This file must not leave the premises:</strong>
do not mail, upload or copy it elsewhere. The answers (CSV) hold no picture.</p>

<section id="start">
  <h1>Real or simulated?</h1>
  <p><span class="count"></span> frames of adult hearts, one at a time. Some were scanned, the others are drawn by a
  computer; how many of each is for you to find out. All are cut to the same window, left as they are otherwise.
  Please answer by what you see; there is no time limit.</p>
  <p><label>Your code or role (optional): <input id="reader" autocomplete="off"></label></p>
  <button id="begin">Begin <kbd>Enter</kbd></button>
</section>

<section id="quiz" hidden>
  <p aria-live="polite">Frame <span id="number"></span> of <span class="count"></span></p>
  <img id="picture" alt="an ultrasound frame" width="${width}" height="${height}">
  <button id="real">Real <kbd>R</kbd> <kbd>&larr;</kbd></button>
  <button id="simulated">Simulated <kbd>S</kbd> <kbd>&rarr;</kbd></button>
  <p><button id="back">Back <kbd>Backspace</kbd></button></p>
</section>

<section id="end" hidden>
  <h1><span id="score"></span> of <span class="count"></span> right</h1>
  <p>Guessing reaches ${low} to ${high} in 95 of 100 tries.</p>
  <table>
    <tr><th></th><th>called real</th><th>called simulated</th></tr>
    <tr><th>real</th><td id="rr"></td><td id="rs"></td></tr>
    <tr><th>simulated</th><td id="sr"></td><td id="ss"></td></tr>
  </table>
  <button id="save">Save the answers as CSV</button>
  <p>What gave the simulated ones away? Please write it down; that is what helps most.</p>
</section>

<script>
"use strict";
const pictures = $pictures;
const seed = $seed;
const answers = [];          // {answer, seconds}
let shown = 0, since = 0, running = false;
const at = id => document.getElementById(id);
document.querySelectorAll(".count").forEach(e => e.textContent = pictures.length);

function begin() {
  at("start").hidden = true; at("quiz").hidden = false; running = true; show();
}
function show() {
  at("number").textContent = shown + 1;
  at("picture").src = "data:image/jpeg;base64," + pictures[shown];
  at("back").disabled = shown === 0;
  since = performance.now();
}
function answer(word) {
  if (!running) return;
  answers[shown] = {answer: word, seconds: (performance.now() - since) / 1000};
  shown += 1;
  if (shown < pictures.length) show(); else finish();
}
function back() {
  if (running && shown > 0) { shown -= 1; show(); }
}
function truths() {
  let state = $salt;
  return Array.from(atob("$key"), c => {
    state = Number((BigInt(state) * 1103515245n + 12345n) % 2147483648n);
    return ((c.charCodeAt(0) ^ (state >> 16 & 255)) & 1) ? "real" : "simulated";
  });
}
function finish() {
  running = false;
  const truth = truths();
  const count = (t, a) => answers.filter((x, k) => truth[k] === t && x.answer === a).length;
  at("rr").textContent = count("real", "real");
  at("rs").textContent = count("real", "simulated");
  at("sr").textContent = count("simulated", "real");
  at("ss").textContent = count("simulated", "simulated");
  at("score").textContent = count("real", "real") + count("simulated", "simulated");
  at("quiz").hidden = true; at("end").hidden = false;
}
function csv() {
  const truth = truths();
  const reader = '"' + at("reader").value.replace(/^[=+@-]+/, "").replaceAll('"', '""') + '"';
  const lines = answers.map((x, k) => [reader, seed, k + 1, x.answer, truth[k], x.seconds.toFixed(1)].join(","));
  return "reader,seed,frame,answer,truth,seconds\\n" + lines.join("\\n") + "\\n";
}
function save() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([csv()], {type: "text/csv"}));
  link.download = "real_or_simulated.csv";
  link.click();
}
at("begin").onclick = begin;
at("real").onclick = () => answer("real");
at("simulated").onclick = () => answer("simulated");
at("back").onclick = back;
at("save").onclick = save;
document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const key = event.key.toLowerCase();
  if (!at("start").hidden && key === "enter") { event.preventDefault(); begin(); return; }
  if (!running) return;
  const does = {r: () => answer("real"), arrowleft: () => answer("real"), s: () => answer("simulated"),
                arrowright: () => answer("simulated"), backspace: back}[key];
  if (does) { event.preventDefault(); does(); }
});
</script>
</body>
</html>
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=10000)
    parser.add_argument("--skip", nargs="*", default=(), help="clips of --real that are not shown")
    options = parser.parse_args()
    if options.out.resolve().is_relative_to(ROOT):
        parser.error(f"--out {options.out}: the page holds real frames and must not lie in the repository")
    rng = np.random.default_rng(options.seed)
    real, real_left = taken(real_frames(options.real, options.skip, rng))
    phantom, phantom_left = taken(phantom_frames(options.seed, rng))
    frames, truths = [*real, *phantom], [True] * EACH + [False] * EACH
    order = rng.permutation(len(frames))
    text = page([frames[k] for k in order], [truths[k] for k in order], seed=options.seed, rng=rng)
    options.out.write_text(text, encoding="utf-8")
    rows = [
        {"frames": "real", "shown": EACH, "left out before": real_left},
        {"frames": "simulated", "shown": EACH, "left out before": phantom_left},
    ]
    finish("phantom_quiz", ratios={"megabytes": round(len(text) / 1e6, 2)}, rows=rows, seeds=[options.seed])


if __name__ == "__main__":
    main()
