"""The review page in a real browser: a clinician's whole way, other sites that try, people who can't use a mouse."""

import csv
import http.server
import threading
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from reviewed import CLASSES, desk_of, make_clusters, served

import sslecho

SAVED = "document.querySelector('#status').textContent.startsWith('Saved')"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_clusters(tmp_path_factory.mktemp("browser"), patients=16, clips=4, frames=4, noise=0.6)


@pytest.fixture
def desk(run, tmp_path):
    with desk_of(run, tmp_path / "review") as desk:
        yield desk


@pytest.fixture
def address(desk, page):
    """The page's address; the tab has shown its token."""
    with served(desk) as (address, sessions):
        page.goto(f"{address}/?token={sessions.token}")
        page.wait_for_url(f"{address}/")
        yield address


def until(page, condition):
    """Wait until a condition holds on the page; Playwright's own way needs `eval`, which the page's policy forbids."""
    for _ in range(1500):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(20)
    raise AssertionError(f"{condition} does not hold; the page says: {page.locator('#status').inner_text()}")


def saved(page, action):
    """Do something and wait until the page says that it is saved."""
    page.evaluate("document.querySelector('#status').textContent = ''")
    action()
    until(page, SAVED)


def test_the_whole_way_from_clusters_to_a_better_probe(run, desk, page, address, tmp_path):
    few = {}
    for row, clip in enumerate(desk.items.clip_ids):
        label = desk.items.known[row]
        if desk.items.in_test[row]:
            few[clip] = label
    truth = dict(zip(*(desk.items.store.column(name) for name in ("clip_id", "label")), strict=True))
    for word in CLASSES:  # a person has labeled one clip of each class
        few[next(c for r, c in enumerate(desk.items.clip_ids) if not desk.items.in_test[r] and truth[c] == word)] = word
    (tmp_path / "few.csv").write_text("clip_id,label\n" + "".join(f"{c},{word}\n" for c, word in few.items()))

    # Names by keyboard alone: n goes to the first field, Enter saves and goes on.
    page.keyboard.press("n")
    for _ in range(4):
        group = page.evaluate("Number(document.activeElement.dataset.nameOf)")
        if group == 3:
            page.keyboard.press("Escape")
            break
        page.keyboard.type(CLASSES[group])
        saved(page, lambda: page.keyboard.press("Enter"))
    names = [desk.log.word(code) for code in desk.board.name_of_group.tolist()]
    assert names == [*CLASSES, None]

    # The mixed cluster: split off what is a disk, correct one, reject one, and undo a slip.
    page.goto(f"{address}/group/3")
    tiles = page.locator('[role="option"]')
    shown = [int(tile.get_attribute("data-item")) for tile in tiles.all()]
    disks = [place for place, item in enumerate(shown) if truth[desk.items.clip_ids[item]] == "disk"]
    for place in disks:
        tiles.nth(place).click()
    saved(page, lambda: page.keyboard.press("s"))
    assert set(desk.board.members(4).tolist()) == {shown[place] for place in disks}
    page.locator('[role="option"]').first.focus()
    item = int(page.evaluate("document.activeElement.dataset.item"))
    page.keyboard.press("l")
    page.keyboard.type(truth[desk.items.clip_ids[item]])
    saved(page, lambda: page.keyboard.press("Enter"))
    assert desk.log.word(int(desk.board.own[item])) == truth[desk.items.clip_ids[item]]
    page.goto(f"{address}/group/4")
    page.keyboard.press("n")
    page.keyboard.type("disk")
    saved(page, lambda: page.keyboard.press("Enter"))
    page.keyboard.press("Escape")
    saved(page, lambda: page.keyboard.press("Shift+R"))
    assert desk.figures()["n_rejected"] == len(disks)
    saved(page, lambda: page.keyboard.press("u"))
    saved(page, lambda: page.keyboard.press("Shift+A"))
    assert desk.figures()["n_accepted"] == len(disks)

    # The audit: look at each, answer, and see what may be claimed.
    page.goto(f"{address}/audit")
    page.get_by_role("button", name="Draw the sample").click()
    page.wait_for_selector("[data-answer]")
    page.wait_for_load_state("networkidle")
    sample = desk.audit.sample
    for place, (row, label) in enumerate(zip(sample.items[:6].tolist(), sample.labels[:6].tolist(), strict=True)):
        right = truth[desk.items.clip_ids[row]] == desk.log.word(label)
        page.keyboard.press("y" if right else "n")
        page.wait_for_url(f"{address}/audit?at={place + 1}")
    assert desk.audit.figures()["checked"] == 6
    assert "95 % interval" in page.locator("#summary").inner_text()

    saved_before = desk.log.last
    page.get_by_role("button", name="Export labels.csv").click()
    until(page, "document.querySelector('#status').textContent.startsWith('Wrote')")
    assert desk.log.last == saved_before
    labels = tmp_path / "review" / "labels.csv"
    with labels.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert np.mean([truth[row["clip_id"]] == row["label"] for row in rows]) > 0.9

    embeddings = run.parent / "emb"
    before = sslecho.probe(embeddings, tmp_path / "before", labels=str(tmp_path / "few.csv")).scores["accuracy"]
    after = sslecho.probe(embeddings, tmp_path / "after", labels=str(labels)).scores["accuracy"]
    assert after > before


def test_a_clip_plays_frame_by_frame(desk, page, address):
    page.goto(f"{address}/item/0")
    canvas = page.locator("canvas")
    until(page, "document.querySelector('canvas').dataset.frame !== undefined")
    assert canvas.get_attribute("data-frame") == "2"  # the middle one of four
    before = canvas.evaluate("c => c.toDataURL()")
    page.keyboard.press("ArrowRight")
    until(page, "document.querySelector('canvas').dataset.frame === '3'")
    assert canvas.evaluate("c => c.toDataURL()") != before
    assert canvas.evaluate("c => c.width") == 32
    page.keyboard.press(" ")
    until(page, "document.querySelector('canvas').dataset.frame === '1'")
    assert page.locator(".near img").count() == 12


def test_labels_that_are_markup_stay_text(desk, page, address):
    evil = "<img src=x onerror=window.hacked=1>"
    field = page.locator('[data-name-of="0"]')
    field.fill(evil)
    saved(page, lambda: field.press("Enter"))
    for path in ("/", "/group/0", "/history", f"/item/{int(desk.board.members(0)[0])}"):
        page.goto(address + path)
        page.wait_for_load_state("networkidle")
        assert evil in page.content().replace("&lt;", "<").replace("&gt;", ">")
        assert page.evaluate("window.hacked") is None


@contextmanager
def another_site(body):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_another_site_can_neither_write_nor_read_nor_frame(desk, page, context, address):
    attack = f"""<!doctype html><meta charset="utf-8"><iframe id="frame" src="{address}/"></iframe>
    <img id="picture" src="{address}/small/0.jpg"><form id="form" method="post" action="{address}/do" target="sent">
    <input name="do" value="undo"></form><iframe name="sent"></iframe>"""
    saved(page, lambda: (page.locator('[data-name-of="0"]').fill("bar"), page.keyboard.press("Enter")))
    with another_site(attack) as site:
        other = context.new_page()
        other.goto(site)
        other.wait_for_load_state("networkidle")
        write = """async (address) => {
          const body = '{"do":"undo"}', headers = {"Content-Type": "application/json", "X-CSRF-Token": "x"};
          const tries = [
            ["/do", {method: "POST", mode: "no-cors", body}],
            ["/do", {method: "POST", credentials: "include", headers, body}],
            ["/labels.csv", {credentials: "include"}],
          ];
          const found = [];
          for (const [path, how] of tries)
            found.push(await fetch(address + path, how).then(r => r.type, () => "refused"));
          return found;
        }"""
        assert other.evaluate(write, address) == ["refused"] * 3
        other.evaluate("document.querySelector('#form').submit()")
        other.wait_for_timeout(300)
        assert other.evaluate("document.querySelector('#picture').naturalWidth") == 0
        assert not [frame for frame in other.frames if frame.url.startswith(address) and frame.query_selector("#top")]
    assert desk.log.events(most=5)[0].undone is False
    assert page.evaluate("document.cookie") == ""
    assert [cookie["httpOnly"] for cookie in context.cookies()] == [True]


HERE = Path(__file__).parent
CONTRAST, NAMELESS = ((HERE / name).read_text(encoding="utf-8") for name in ("contrast.js", "nameless.js"))
PAGES = ["/", "/group/0", "/item/0", "/audit", "/history"]


@pytest.fixture
def worked_on(desk):
    """A review in which everything that a page can show has happened."""
    for group in range(3):
        desk.board.name(group, CLASSES[group])
    desk.do({"do": "accept", "items": [0]})
    desk.do({"do": "reject", "items": desk.board.members(0)[:2].tolist()})
    desk.do({"do": "label", "items": [5], "name": "other"})
    desk.audit.draw()
    desk.audit.answer(0, True)
    desk.audit.answer(1, False)
    desk.board.undo()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_and_controls_have_names(worked_on, page, address, scheme):
    page.emulate_media(color_scheme=scheme)
    for path in PAGES:
        page.goto(address + path)
        page.wait_for_load_state("networkidle")
        assert page.evaluate(CONTRAST) == [], f"{path} in {scheme}"
        assert page.evaluate(NAMELESS) == [], path
        assert page.locator("h1").count() == 1
        assert page.locator("img:not([alt])").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


def test_everything_is_reached_by_keyboard(worked_on, page, address):
    for path in PAGES:
        page.goto(address + path)
        page.wait_for_load_state("networkidle")
        wanted = page.evaluate(
            """() => [...document.querySelectorAll("button, input, select, a[href], summary, [role=option]")]
            .filter((e) => e.checkVisibility() && !e.disabled && e.tabIndex >= 0).length"""
        )
        reached = set()
        for _ in range(wanted + 3):
            page.keyboard.press("Tab")
            reached.add(
                page.evaluate(
                    """() => { const e = document.activeElement, s = getComputedStyle(e);
                    if (e === document.body) return null;
                    const seen = s.outlineStyle !== "none" || e.matches(".skip");
                    return [...document.querySelectorAll("*")].indexOf(e) + (seen ? "" : " without a mark"); }"""
                )
            )
        reached.discard(None)
        assert not [one for one in reached if "without" in str(one)], path
        assert len(reached) >= wanted, path


def test_what_could_not_be_saved_is_said(desk, page, address):
    page.route("**/do", lambda route: route.abort())
    field = page.locator('[data-name-of="0"]')
    field.fill("bar")
    field.press("Enter")
    until(page, "document.querySelector('#status').textContent.startsWith('Not saved')")
    assert field.get_attribute("aria-invalid") == "true"
    assert desk.log.last is None
    page.unroute("**/do")
    saved(page, lambda: field.press("Enter"))
    assert desk.log.last == 1
