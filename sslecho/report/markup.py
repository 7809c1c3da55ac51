"""HTML as text: everything that comes from a user is escaped here, in one place."""

import base64
import re
from collections.abc import Iterable
from html import escape
from typing import Any

from sslecho.report.style import STYLE
from sslecho.report.style_runs import STYLE_OF_RUNS

# Nothing may be loaded and nothing may run, whatever slipped into the page.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
HASH_LETTERS = 12


def text(value: Any) -> str:
    """A value as text that is safe between tags and in quoted attributes."""
    return escape(str(value), quote=True)


def prose(words: Any) -> str:
    """A sentence as HTML, with what stands between backticks as code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", text(words))


def document(title: str, body: str) -> str:
    """A whole page that needs nothing beside it."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{text(POLICY)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="generator" content="sslecho">\n'
        f"<title>{text(title)}</title>\n<style>{STYLE}{STYLE_OF_RUNS}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def section(anchor: str, title: str, intro: str, body: str, *, level: int = 2) -> str:
    """A part of the page; `intro` and `body` are HTML, `title` is text and a heading of that level."""
    lead = f'<p class="intro">{intro}</p>\n' if intro else ""
    head = f'<h{level} class="part" id="{text(anchor)}-title">{text(title)}</h{level}>'
    return f'<section id="{text(anchor)}" aria-labelledby="{text(anchor)}-title">\n{head}\n{lead}{body}\n</section>'


def picture(light: bytes, dark: bytes, *, alt: str, caption: str = "", wide: bool = False) -> str:
    """A figure that follows the page from light to dark; on paper it is light."""
    below = f"<figcaption>{text(caption)}</figcaption>" if caption else ""
    kind = "card wide" if wide else "card"
    # What scrolls must be reachable without a mouse.
    focus = ' tabindex="0"' if wide else ""
    return (
        f'<figure class="{kind}"{focus}><picture>'
        f'<source media="screen and (prefers-color-scheme: dark)" srcset="{_png_address(dark)}">'
        f'<img src="{_png_address(light)}" alt="{text(alt)}"></picture>{below}</figure>'
    )


def definitions(pairs: Iterable[tuple[str, Any]], *, kind: str = "") -> str:
    """A list of terms with their values; pairs without a value are left out."""
    shown = [(text(term), value_of(value)) for term, value in pairs if value not in (None, "")]
    rows = "".join(f"<div><dt>{term}</dt><dd>{value}</dd></div>" for term, value in shown)
    return f'<dl class="{text(kind)}">{rows}</dl>' if kind else f"<dl>{rows}</dl>"


def value_of(value: Any) -> str:
    """A setting or a hash as HTML: hashes are cut to their first letters, all of them on hover."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return text(", ".join(str(item) for item in value)) or "none"
    if isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef"):
        return f'<code title="{value}">{value[:HASH_LETTERS]}</code>'
    if isinstance(value, float):
        return f"{value:g}"
    return text(value)


def counted(n: int, noun: str) -> str:
    """A number with its noun: 1 clip, 1,204 clips."""
    return f"{n:,} {noun}" + ("" if n == 1 else "s")


def _png_address(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()
