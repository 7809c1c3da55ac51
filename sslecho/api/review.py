"""`review`: a clustering or propagation -> labels.csv, by a person, in a browser on this machine.

DIR/review/review_K.sqlite   every action, saved when it is done; `review` goes on from there
DIR/review/labels.csv        the labels, as `ingest --labels` and every `--labels` read them
DIR/review/audit.csv         the audit sample with its answers, as `propagate --checked` reads it
DIR/review/result.json       what the naming bought
"""

from pathlib import Path
from typing import Any

from sslecho.api.review_settings import ReviewSettings
from sslecho.config import build
from sslecho.review.desk import Desk
from sslecho.review.items import ReviewItems
from sslecho.review.server import hosts_of, is_loopback, listen, serve
from sslecho.rundir import say, warn

FOLDER = "review"


def review(run: Path | str, out: Path | str | None = None, **options: Any) -> Path:
    """Serve the page on which clusters are named and labels corrected, until Ctrl-C; then write labels.csv.

    Args:
        run: the folder that `cluster` or `propagate` wrote; nothing in it is changed but its `review/`.
        out: the folder to keep the review in, instead of `run/review`.
        options: the fields of `ReviewSettings` (`k=20`, `port=8800`, `serve=False` to only write labels.csv, …).

    Returns:
        The path of labels.csv.

    Raises:
        InputError: the run, the settings or the folder are not as they must be.
    """
    return Path(review_with_summary(run, out, **options)["labels_csv"])


def review_with_summary(run: Path | str, out: Path | str | None = None, **options: Any) -> dict[str, Any]:
    """As `review`; returns what the naming bought, ready for JSON."""
    settings = build(ReviewSettings, options)
    hosts_of(settings.host, settings.port, settings.allow_host)  # before any work: what is wrong is said at once
    items = ReviewItems.read(run, k=settings.k, known=settings.known)
    desk = Desk.open(items, Path(out) if out is not None else Path(run) / FOLDER)
    try:
        if settings.serve:
            _serve(desk, settings)
        return desk.export()
    finally:
        desk.close()


def _serve(desk: Desk, settings: ReviewSettings) -> None:
    bound = listen(settings.host, settings.port)
    if not is_loopback(settings.host):
        warn(
            f"the page is served on {settings.host} without encryption: whoever is on that network may read pictures "
            "and labels. Safer: leave --host out and use `ssh -L`, as docs/review.md says"
        )
    for note in desk.items.notes:
        warn(note)
    say(desk.figures()["said"])
    with bound:
        serve(
            desk,
            bound,
            host=settings.host,
            allowed=settings.allow_host,
            announce=lambda address: say(f"open this address in a browser (it works once): {address}"),
        )
