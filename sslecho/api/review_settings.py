"""The settings of `sslecho review`."""

from dataclasses import dataclass

from sslecho.config import option


@dataclass(frozen=True)
class ReviewSettings:
    """A local web page for naming clusters and correcting labels."""

    k: int | None = option(
        None, "Which of several clusterings; by default that of most clusters, as several may share a name.", minimum=1
    )
    known: bool = option(True, "Show labels that are known, and keep them where nobody says otherwise.")
    host: str = option(
        "127.0.0.1", "The address to serve on; others than this machine can reach it only if you say so."
    )
    port: int = option(0, "The port to serve on; 0 takes one that is free.", minimum=0, maximum=65535)
    allow_host: tuple[str, ...] = option((), "Further names under which browsers may ask for the page.")
    serve: bool = option(True, "Serve the page; --no-serve only writes labels.csv from what was saved.")
