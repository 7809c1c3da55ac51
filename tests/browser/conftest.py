"""A real browser for the tests of pages: this machine's Chromium, driven by Playwright; skipped where there is none."""

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium, started once; `SSLECHO_TEST_CHROMIUM` names another program."""
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="playwright is missing: pip install 'sslecho[browser]'"
    )
    given = os.environ.get("SSLECHO_TEST_CHROMIUM")
    program = given or next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("no Chromium here: apt-get install chromium, or name one in SSLECHO_TEST_CHROMIUM")
    with sync_api.sync_playwright() as playwright:
        # Its sandbox needs namespaces that containers and root don't have; the pages are the tests' own.
        chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield chromium
        chromium.close()


@pytest.fixture
def context(browser: Any) -> Iterator[Any]:
    """A fresh profile, 1,280 x 900; whatever a page reports as an error fails the test."""
    fresh = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    fresh.set_default_timeout(30_000)
    yield fresh
    fresh.close()


@pytest.fixture
def page(context: Any) -> Iterator[Any]:
    """A tab; an exception in its scripts, or something that its policy blocks, fails the test."""
    tab = context.new_page()
    problems: list[str] = []
    tab.on("pageerror", lambda error: problems.append(str(error)))
    tab.on("console", lambda line: problems.append(line.text) if "Content Security Policy" in line.text else None)
    yield tab
    assert not problems
