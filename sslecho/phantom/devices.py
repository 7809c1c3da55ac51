"""Scanners: geometry, frequency, resolution and display habits, one per site.

Ranges are those of common products of each kind; frequencies are the received ones (harmonic imaging where
usual). A study draws its settings within its device's ranges.

The phased probes' point spreads are those before compounding over three beams, and narrower than such probes' nominal
0.6-1.0 mm by 1.3-1.8 degrees: with those, speckle came out wider than in real clips. Their radius, dynamic range and
gray curve follow real clips as well.
"""

from dataclasses import dataclass

import numpy as np

from sslecho.phantom.sites import Site


@dataclass(frozen=True)
class Device:
    """Ranges (low, high) of a scanner.

    Args:
        radius_mm: from the virtual apex to the face.
        angle_deg: of the sector.
        overlay: layout of the text around it ("corners", "left", "bottom").
        s_shape, slice_mm: see `renderer.Look`.
    """

    name: str
    radius_mm: float
    angle_deg: tuple[float, float]
    frequency_mhz: tuple[float, float]
    axial_fwhm_mm: tuple[float, float]
    lateral_fwhm_deg: tuple[float, float]
    depth_mm: tuple[float, float]
    frames_per_s: tuple[float, float]
    dynamic_range_db: tuple[float, float]
    gamma: tuple[float, float]
    haze_db: float
    compounding: float
    persistence: float
    overlay: str
    maker: str  # invented
    s_shape: float = 0.0
    slice_mm: float = 1.2


DEVICES: dict[str, Device] = {
    device.name: device
    for device in (
        Device("phased_adult", 13.0, (65.0, 90.0), (3.2, 3.8), (0.4, 0.55), (0.55, 0.75), (100.0, 220.0), (30.0, 60.0),
               (52.0, 66.0), (0.95, 1.15), -34.0, 1.0, 0.0, "corners", "Sonara S5", 1.0, 2.4),
        Device("phased_old", 0.0, (75.0, 90.0), (2.0, 2.5), (0.7, 1.0), (0.8, 1.1), (120.0, 220.0), (25.0, 40.0),
               (50.0, 62.0), (0.9, 1.1), -27.0, 0.8, 0.15, "left", "Echotron 2", 1.0, 2.8),
        Device("handheld", 9.0, (70.0, 85.0), (2.5, 3.5), (0.5, 0.7), (0.65, 0.9), (110.0, 200.0), (20.0, 30.0),
               (48.0, 58.0), (0.9, 1.1), -30.0, 1.0, 0.3, "bottom", "PocketView", 1.0, 2.8),
        Device("phased_premium", 15.0, (70.0, 95.0), (3.4, 4.0), (0.35, 0.5), (0.5, 0.65), (100.0, 240.0), (40.0, 70.0),
               (56.0, 68.0), (0.95, 1.15), -37.0, 1.0, 0.0, "corners", "Cardiana X", 1.0, 2.2),
        Device("phased_cart", 10.0, (60.0, 85.0), (2.5, 3.5), (0.5, 0.7), (0.65, 0.85), (110.0, 220.0), (25.0, 50.0),
               (50.0, 62.0), (0.9, 1.15), -31.0, 0.9, 0.1, "left", "Sonara Go", 1.0, 2.6),
        Device("curved", 55.0, (58.0, 75.0), (4.0, 6.0), (0.4, 0.6), (0.45, 0.6), (80.0, 180.0), (20.0, 40.0),
               (56.0, 66.0), (0.9, 1.1), -36.0, 0.5, 0.2, "bottom", "Gravida C6"),
        Device("curved_old", 60.0, (60.0, 72.0), (3.0, 4.0), (0.7, 0.9), (0.7, 0.9), (90.0, 190.0), (15.0, 30.0),
               (50.0, 58.0), (0.9, 1.1), -30.0, 0.3, 0.1, "left", "Echotron C"),
        Device("endocavity", 11.0, (120.0, 150.0), (5.0, 7.5), (0.3, 0.4), (1.2, 1.6), (55.0, 90.0), (15.0, 30.0),
               (56.0, 66.0), (0.9, 1.1), -36.0, 0.5, 0.2, "corners", "Gravida V9"),
    )
}  # fmt: skip

ZOOMING = ("phased_adult", "phased_old", "phased_premium", "phased_cart", "handheld")


@dataclass(frozen=True)
class Settings:
    """What a study's scanner was set to; views change angle and depth."""

    device: Device
    site: int
    display: Site
    frequency_mhz: float
    axial_fwhm_mm: float
    lateral_fwhm_deg: float
    frame_time_ms: float
    dynamic_range_db: float
    gamma: float
    angle_share: float  # 0..1 within the device's range of sector angles
    box: tuple[float, float, float] | None = None  # of a zoomed study: shares of width, depth of its top, its bottom


def draw_settings(rng: np.random.Generator, sites: tuple[Site, ...], site: int) -> Settings:
    """Settings of one study at one site."""
    display = sites[site % len(sites)]
    device = DEVICES[display.device]

    def within(bounds: tuple[float, float]) -> float:
        return float(rng.uniform(*bounds))

    return Settings(
        device=device,
        site=site,
        display=display,
        frequency_mhz=within(device.frequency_mhz),
        axial_fwhm_mm=within(device.axial_fwhm_mm),
        lateral_fwhm_deg=within(device.lateral_fwhm_deg),
        frame_time_ms=float(round(1000 / within(device.frames_per_s), 2)),
        dynamic_range_db=within(device.dynamic_range_db),
        gamma=within(device.gamma),
        angle_share=float(rng.uniform()),
        box=_box(rng) if device.name in ZOOMING else None,
    )


def _box(rng: np.random.Generator) -> tuple[float, float, float] | None:
    """In one study of ten the sector is cut to a rectangle, the zoom box."""
    zoomed = rng.uniform() < 0.1
    box = rng.uniform((0.55, 0.05, 0.8), (0.75, 0.2, 0.95))
    return (float(box[0]), float(box[1]), float(box[2])) if zoomed else None
