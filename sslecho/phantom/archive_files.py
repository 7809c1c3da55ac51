"""The files of one clip, and its truth."""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sslecho.phantom.archive_settings import ArchiveSettings
from sslecho.phantom.devices import Settings
from sslecho.phantom.dicom_file import clip_dicom, screen_dicom
from sslecho.phantom.factors import Factors
from sslecho.phantom.kinds import KINDS
from sslecho.phantom.overlay import burn_in, draw_identity, overlay_picture
from sslecho.phantom.plan import Plan, Rendering
from sslecho.phantom.screens.draw import draw_screen
from sslecho.phantom.video import video_bytes
from sslecho.rundir import disk_error, write_atomic, write_json


def write_clip(plan: Plan, out: Path, truth: Path, settings: ArchiveSettings) -> None:
    """Render one clip, write its files and, last, its truth."""
    if KINDS[plan.kind].draw is None:
        _write_screen(plan, out, truth, settings)
    else:
        _write_plain(plan, out, truth, settings)


def _write_plain(plan: Plan, out: Path, truth: Path, settings: ArchiveSettings) -> None:
    """Of all kinds but "archive": gray pictures of one fan or none."""
    draw = KINDS[plan.kind].draw
    assert draw is not None
    factors = Factors.from_seed(settings.seed)
    rendering = Rendering(
        settings.frames_per_clip,
        settings.size,
        settings.jitter,
        with_labels=settings.masks == "labels",
        same_fan=settings.fan == "same",
    )
    clip = draw(plan, factors, rendering)
    identity = draw_identity(factors, plan.patient, plan.study, clip.settings.site)
    frames = clip.frames
    if settings.overlays:
        overlay = overlay_picture(
            clip.sector,
            identity,
            clip.settings,
            depth_mm=float(clip.latents["depth_mm"]),
            mm_per_pixel=clip.mm_per_pixel,
        )
        frames = burn_in(frames, overlay)
    paths = _write_frames(
        plan, out, settings, frames, clip.frame_time_ms, dicom=lambda: clip_dicom(frames, clip, identity, plan)
    )
    write_atomic(truth / "sectors" / f"{plan.clip}.png", _png(clip.sector.astype(np.uint8) * 255))
    if clip.labels is not None:
        content = io.BytesIO()
        np.savez_compressed(content, labels=clip.labels)
        write_atomic(truth / "labels" / f"{plan.clip}.npz", content.getvalue())
    record = {
        "rows": _rows(plan, out, paths, clip.label, clip.settings, n_frames=len(frames), columns=clip.columns),
        "plan": {name: value for name, value in asdict(plan).items() if name != "mode"},
        "frames": len(frames),
        "latents": clip.latents,
        "courses": clip.courses,
    }
    write_json(truth / "clips" / f"{plan.clip}.json", record)


def _write_screen(plan: Plan, out: Path, truth: Path, settings: ArchiveSettings) -> None:
    """Of "archive": a screen in any mode."""
    factors = Factors.from_seed(settings.seed)
    burnt = draw_screen(
        plan,
        factors,
        frames=settings.frames_per_clip,
        size=settings.size,
        jitter=settings.jitter,
        overlays=settings.overlays,
    )
    screen = burnt.screen
    frames = screen.frames
    tags = factors.stream("clip", plan.patient, plan.study, plan.clip, "tags")
    paths = _write_frames(
        plan, out, settings, frames, screen.frame_time_ms, dicom=lambda: screen_dicom(burnt, plan, tags)
    )
    write_atomic(truth / "sectors" / f"{plan.clip}.png", _png(screen.sector.astype(np.uint8) * 255))
    for place, kinds in (("outside", burnt.outside), ("inside", burnt.inside)):
        write_atomic(truth / "glyphs" / f"{plan.clip}-{place}.png", _png(kinds * np.uint8(85)))
    rows = _rows(plan, out, paths, screen.label, screen.settings, n_frames=len(frames), columns={})
    record = {
        "rows": [{**row, "kind": screen.kind} for row in rows],
        "plan": asdict(plan),
        "frames": len(frames),
        "layout": burnt.layout,
        "latents": screen.latents,
    }
    write_json(truth / "clips" / f"{plan.clip}.json", record)


def _rows(
    plan: Plan,
    out: Path,
    paths: list[Path],
    label: str,
    scanner: Settings,
    *,
    n_frames: int,
    columns: Mapping[str, Sequence[float | int | str]],
) -> list[dict[str, Any]]:
    """The clip's rows of labels.csv: one per picture; of a file with many frames one, or one per frame if they differ.

    Args:
        columns: a value per frame.
    """
    unit = KINDS[plan.kind].unit
    shared = {
        "label": label,
        # One body that was scanned again and again tells nothing about patients.
        "patient": f"p{plan.patient:04d}" if unit == "patient" else "",
        "study": f"p{plan.patient:04d}-s{plan.study + 1}",
        "site": f"site{scanner.site}",
        "device": scanner.device.name,
        "clip": plan.clip,
        "acquisition": plan.acquisition,
    }
    if unit != "patient":
        shared["unit"] = f"{unit}{plan.patient:04d}"
    if plan.split:
        shared["split"] = plan.split
    names = [path.relative_to(out).as_posix() for path in paths]
    if len(paths) == 1 and n_frames > 1 and not columns:
        return [{"path": names[0], **shared, "frame": ""}]
    if len(paths) < n_frames:
        shared["clip"] = ""  # the file is the clip; `clip` joins files
    return [
        {"path": names[min(k, len(names) - 1)], **shared, "frame": k} | {name: columns[name][k] for name in columns}
        for k in range(n_frames)
    ]


def _write_frames(
    plan: Plan,
    out: Path,
    settings: ArchiveSettings,
    frames: np.ndarray,
    frame_time_ms: float,
    *,
    dicom: Callable[[], bytes],
) -> list[Path]:
    folder = out / plan.folder
    folder.mkdir(parents=True, exist_ok=True)
    number = plan.clip.split("-")[1]
    if settings.format == "dicom":
        paths = [folder / f"IM{number}.dcm"]
        write_atomic(paths[0], dicom())
    elif settings.format == "video" and len(frames) > 1:
        paths = [folder / f"c{number}.mp4"]
        write_atomic(paths[0], video_bytes(frames, frame_time_ms))
    else:
        paths = _write_png(folder, number, frames)
    return paths


def _write_png(folder: Path, number: str, frames: np.ndarray) -> list[Path]:
    if len(frames) == 1:
        paths = [folder / f"i{number}.png"]
    else:
        (folder / f"c{number}").mkdir(exist_ok=True)
        paths = [folder / f"c{number}" / f"f{frame:03d}.png" for frame in range(len(frames))]
    for path, frame in zip(paths, frames, strict=True):
        try:
            path.write_bytes(_png(frame))
        except OSError as error:
            raise disk_error(path, error) from error
    return paths


def _png(picture: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(picture).save(content, format="PNG", compress_level=3)
    return content.getvalue()
