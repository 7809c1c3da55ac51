"""Take the pictures of the review page in docs/images, on simulated ultrasound alone.

    python docs/screenshots.py [--work DIR]

Needs Chromium and `pip install 'sslecho[browser]'`. With --work the phantom, its store and clusters are kept in DIR and
found there the next time.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import sslecho

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from reviewed import desk_of, served  # noqa: E402

SIZE = {"width": 1280, "height": 860}


def make_run(work: Path) -> Path:
    """Twelve simulated patients, clustered by an untrained network."""
    sslecho.phantom(work / "ph", kind="echo", patients=12, frames=8, views_per_patient=6, clips_per_view=2, size=160)
    sslecho.ingest(
        work / "ph", work / "store", labels=str(work / "ph" / "labels.csv"), patient_from="column:patient", size=128
    )
    sslecho.split(work / "store", test=0.2)
    sslecho.embed(work / "store", work / "emb", encoder="random")
    sslecho.cluster(work / "emb", work / "clusters", k=(8, 12))
    return work / "clusters"


def take(run: Path, images: Path) -> None:
    """Name, mark, look and audit, with a picture of each."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("google-chrome")
    with (
        tempfile.TemporaryDirectory() as folder,
        desk_of(run, Path(folder), known=False) as desk,
        served(desk) as (address, sessions),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context(viewport=SIZE, reduced_motion="reduce")
        context.set_default_timeout(120_000)
        page = context.new_page()

        def shot(path: str, name: str, scheme: str = "light", before: str = "") -> None:
            page.emulate_media(color_scheme=scheme)  # pyright: ignore[reportArgumentType]
            page.goto(address + path)
            page.wait_for_load_state("networkidle")
            if before:
                page.evaluate(before)
            page.screenshot(path=images / f"review_{name}.png")

        page.goto(f"{address}/?token={sessions.token}")
        page.wait_for_url(f"{address}/")
        store = desk.items.store
        assert store is not None
        truth = dict(zip(*(store.column(name).tolist() for name in ("clip_id", "label")), strict=True))
        cards = desk.listing.cards(order="size")
        for card in cards[:-3]:  # named as a person would who knows the views
            words = [truth[desk.items.clip_ids[item]] for item in card.shown]
            desk.board.name(card.group, max(sorted(set(words)), key=words.count))
        largest = cards[0].group
        rows = desk.listing.items(largest, show="all", order="typical")
        desk.do({"do": "accept", "items": rows[:4].tolist()})
        desk.do({"do": "reject", "items": rows[9:10].tolist()})
        desk.do({"do": "label", "items": rows[12:13].tolist(), "name": "plax"})
        desk.audit.draw()
        sample = desk.audit.sample
        assert sample is not None
        for place in range(len(sample.items) - 4):
            item, label = int(sample.items[place]), desk.log.word(int(sample.labels[place]))
            desk.audit.answer(place, truth[desk.items.clip_ids[item]] == label)
        shot("/", "clusters")
        mark = "document.querySelectorAll('[role=option]').forEach((t, i) => { if (i > 4 && i < 9) t.click(); })"
        shot(f"/group/{largest}", "cluster", before=mark)
        shot(f"/item/{int(rows[0])}", "clip", "dark")
        shot("/audit", "audit")
        browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, help="a folder to keep the phantom in")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        take(make_run(options.work or Path(folder)), ROOT / "docs" / "images")


if __name__ == "__main__":
    main()
