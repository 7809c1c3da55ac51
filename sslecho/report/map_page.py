"""The embedding map as one page that works offline: Bokeh draws the points, a script of its own does the rest.

Everything stands in the file, and its policy lets nothing else in: only the three scripts whose hashes it names may
run, and nothing may be loaded or sent. Names that users gave reach the page as JSON and are written as text.
"""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

import numpy as np
from jaxtyping import Float32

from sslecho.report.figure import PALETTE
from sslecho.report.map import scale_colors
from sslecho.report.map_data import as_bytes, in_script, packed
from sslecho.report.markup import text

MOST_POINTS = 200_000  # that a browser moves smoothly
# What the library would load or link to if it were asked to. Names of XML's vocabularies are no addresses.
ADDRESS = re.compile(r"\b(?:https?|wss?):(?=//)(?!//www\.w3\.org/)")


@dataclass(frozen=True)
class MapPage:
    """What is on the page.

    Attributes:
        points: coordinates.
        clip_ids: the clip of each point.
        frames: the frame of each point; None where a point is a clip.
        columns: values of each point by name, None where nothing is known; they color, and stand in table and CSV.
        color: the column that colors first.
        title: says what the points are.
        facts: how the map was made, as terms and values.
        stamp: a warning that must not be missed, such as "groups = clips"; else None.
        pictures: frames of some points, as JPEG, by point.
        pictures_note: why others have none.
    """

    points: Float32[np.ndarray, "n 2"]
    clip_ids: Sequence[str]
    frames: Sequence[int] | None
    columns: Mapping[str, Sequence[Any]]
    color: str
    title: str
    facts: Sequence[tuple[str, str]]
    stamp: str | None = None
    pictures: Mapping[int, bytes] = field(default_factory=dict)
    pictures_note: str = ""


def build_map_page(page: MapPage) -> str:
    """The page as HTML."""
    files = resources.files("sslecho.report")
    own, style, frame = ((files / f"map_page.{kind}").read_text(encoding="utf-8") for kind in ("js", "css", "html"))
    scripts = [*_library(), own]
    policy = (
        f"default-src 'none'; script-src {' '.join(map(_hash, scripts))} 'unsafe-eval'; style-src 'unsafe-inline'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )  # unsafe-eval: WebGL's drawing commands are compiled from text by the library; no text of the page's is
    facts = "".join(f"<div><dt>{text(term)}</dt><dd>{text(value)}</dd></div>" for term, value in page.facts)
    stamp = (
        f'<p class="stamp"><strong>{text(page.stamp[0].upper() + page.stamp[1:])}.</strong></p>' if page.stamp else ""
    )
    options = "".join(
        f'<option value="{text(name)}"{" selected" * (name == page.color)}>{text(said(name))}</option>'
        for name in page.columns
    )
    body = frame.format(
        title=text(page.title),
        facts=facts,
        stamp=stamp,
        options=options,
        pictures=text(page.pictures_note),
        plot=in_script(_plot(page.points)),
        data=in_script(_data(page)),
        scripts="\n".join(f"<script>{script}</script>" for script in scripts),
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{text(policy)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="generator" content="sslecho">\n'
        f"<title>{text(page.title)} · sslecho</title>\n<style>{style}</style>\n</head>\n"
        f"<body>\n{body}</body>\n</html>\n"
    )


def said(column: str) -> str:
    """A column's name for people: cluster_10 is "cluster, k = 10"."""
    clustered = re.fullmatch(r"(cluster|confidence)_(\d+)(?:_(\d+))?", column)
    if clustered:
        what = "cluster" if clustered[1] == "cluster" else "confidence of cluster"
        return f"{what}, k = {clustered[2]}" + (f" (run {clustered[3]})" if clustered[3] else "")
    return column.removesuffix("_id").replace("_", " ")


def _library() -> list[str]:
    """Bokeh's scripts, without the addresses that they hold."""
    from bokeh.resources import Resources

    found = Resources(mode="inline", components=["bokeh", "bokeh-gl"]).js_raw
    return [ADDRESS.sub("", script) for script in found if not script.startswith("Bokeh.set_log_level")]


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _plot(points: Float32[np.ndarray, "n 2"]) -> Mapping[str, Any]:
    """The figure as Bokeh's JSON; the script colors, hides and selects."""
    from bokeh.embed import json_item
    from bokeh.models import (
        BooleanFilter,
        CDSView,
        ColumnDataSource,
        HoverTool,
        LassoSelectTool,
        PanTool,
        TapTool,
        WheelZoomTool,
    )
    from bokeh.plotting import figure

    n = len(points)
    plot = figure(
        name="plot", output_backend="webgl", tools="", toolbar_location=None, match_aspect=True, min_border=0,
        sizing_mode="stretch_both", background_fill_color=None, border_fill_color=None, outline_line_color=None,
    )  # fmt: skip
    plot.axis.visible = False
    plot.grid.visible = False
    color = np.full(n, 0x8A949EFF, dtype=np.uint32)
    source = ColumnDataSource({"x": points[:, 0], "y": points[:, 1], "color": color}, name="points")
    drawn = plot.scatter(
        "x", "y", source=source, size=float(np.clip(330 / max(n, 1) ** 0.45, 3, 11)), color="color",
        fill_alpha=float(np.clip((3000 / max(n, 1)) ** 0.25, 0.4, 0.9)), line_color=None,
        nonselection_fill_alpha=0.12, view=CDSView(filter=BooleanFilter(name="shown")),
    )  # fmt: skip
    spot = ColumnDataSource({"x": [], "y": []}, name="spot")
    plot.scatter("x", "y", source=spot, size=20, fill_color=None, line_color="#d9480f", line_width=3)
    for axis in (plot.x_range, plot.y_range):
        axis.update(renderers=[drawn])  # the spot moves nothing
    pan, wheel, lasso = PanTool(name="pan"), WheelZoomTool(), LassoSelectTool(name="lasso", renderers=[drawn])
    lasso.overlay.update(fill_color="#5cc4d6", fill_alpha=0.18, line_color="#178aa0", line_alpha=1)
    plot.add_tools(
        pan,
        wheel,
        HoverTool(name="hover", tooltips=None, renderers=[drawn]),
        TapTool(renderers=[drawn]),
        lasso,
    )
    plot.toolbar.active_drag, plot.toolbar.active_scroll = pan, wheel
    return json_item(plot)


def _data(page: MapPage) -> Mapping[str, Any]:
    rows = sorted(page.pictures)
    return {
        "n": len(page.points),
        "color": page.color,
        "palette": list(PALETTE),
        "nothing": "#8a949e",
        "ramps": {name: _ramp(is_dark=name == "dark") for name in ("light", "dark")},
        "clip": packed(page.clip_ids),
        "frames": None if page.frames is None else as_bytes(np.array(page.frames, dtype=np.int32)),
        "columns": [{"name": name, "said": said(name), **packed(values)} for name, values in page.columns.items()],
        "pictureRows": rows,
        "pictures": [base64.b64encode(page.pictures[row]).decode() for row in rows],
    }


def _ramp(*, is_dark: bool) -> list[str]:
    return ["#" + "".join(f"{round(255 * part):02x}" for part in color[:3]) for color in scale_colors(is_dark=is_dark)]
