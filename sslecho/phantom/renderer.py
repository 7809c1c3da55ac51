"""From label maps to pictures: moving speckle, specular echoes, attenuation, point spread, compression.

Order of a frame: label map on the beam grid -> tissues through the beam's thickness -> scatterers gathered at
material coordinates -> amplitude (tissue, slow texture, surfaces that the beam meets squarely, window, attenuation)
-> still clutter, near-field haze and noise -> axial and lateral point spread, constant in angle (Gao et al. 2009,
COLE) -> haze -> compounding -> log compression -> gray curve -> scan conversion. All random fields and tables are
made once per clip. What is "chosen" here and in `acquisition` was chosen beside real adult clips
(benchmarks/quality/phantom_calibration.py and phantom_realism.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, UInt8

from sslecho.phantom import speckle
from sslecho.phantom.geometry import BeamGrid, scan_converter
from sslecho.phantom.scene import Stage
from sslecho.phantom.speckle import DB
from sslecho.phantom.tissues import Tissue, structure_table

TGC_DB_PER_CM_MHZ = 0.5  # what the scanner assumes of all tissue
MOST_ENHANCEMENT_DB = 5.0
# Where between black and white the 96th percentile of the echoes should lie: walls light gray, only the brightest
# white. An S-shaped curve lifts what lies above the middle, hence the second.
BRIGHT, BRIGHT_S = 0.80, 0.65
FLOWING = 0.7  # persistence up to which scatterers flow (chosen)
SAME_TISSUE = np.float32(0.9)  # share of the tissue's echo that is the same in every beat and in every repeat
SURFACE_MM = 1.6  # thickness of a wall's surface that reflects (chosen)
ROUGH_DB = 7.0  # SD along a wall of what its surface reflects (chosen)
SKEW = np.float32(0.3)  # of the fine texture in dB (chosen)
SMOOTH_SHARE = np.float32(0.5)  # amplitude of a surface that reflects as a mirror; the rest is as rough as speckle


@dataclass(frozen=True)
class Look:
    """How device, settings and patient make the picture; a plane's content is not in it.

    Args:
        frequency_mhz: received.
        axial_fwhm_mm, lateral_fwhm_deg: the point spread.
        slice_mm: how far the plane's thickness smears edges: walls are curved and slanted, so that their edges are
            soft and thin leaflets pale. About half of the beam's elevational width.
        dynamic_range_db: shown between black and white.
        white_db: the level that is white, against myocardium.
        gain_db: error of whoever set the gain.
        auto_gain: how far a bright percentile of the first frame pulls white to itself (0: not at all), as
            scanners and sonographers do.
        gamma: of the gray curve; above 1 darkens the middle.
        s_shape: 0 (straight) .. 1 (S): share of the gray curve 3 v^2 - 2 v^3. In 97 real clips the SD of the speckle
            over its mean gray level goes as sqrt(g (1 - g)), which is that curve's.
        haze_db: side lobes and multiple scattering, against the echo that makes them.
        noise_db: receiver noise at the face against myocardium; it rises by 10 dB over the depth.
        clutter, clutter_mm, reverberations: of the near field: amplitude, decay with depth, bands.
        near_haze_db: multiple scattering between chest wall and probe, at the face; it falls by 8.7 dB every 22 mm.
        texture_db: SD of the slow texture.
        dropout_db: loss of a wall that runs along the beam.
        compounding: share of the power blurred across three beams; a fifth of it along them.
        persistence: share of the previous frame.
    """

    frequency_mhz: float = 3.4
    axial_fwhm_mm: float = 0.8
    lateral_fwhm_deg: float = 1.5
    slice_mm: float = 1.2
    dynamic_range_db: float = 60.0
    white_db: float = 22.0
    gain_db: float = 0.0
    auto_gain: float = 0.9
    gamma: float = 1.0
    s_shape: float = 0.0
    haze_db: float = -34.0
    noise_db: float = -44.0
    clutter: float = 0.9
    clutter_mm: float = 7.0
    near_haze_db: float = -200.0
    reverberations: int = 2
    texture_db: float = 3.0
    dropout_db: float = 4.0
    compounding: float = 0.4
    persistence: float = 0.0


class Renderer:
    """Draws the frames of one clip.

    Args:
        stage: the scene before its beams.
        look: device and settings.
        view_rng: generator of what repeats of a view have in common: the tissue's scatterers and slow texture.
        rng: the clip's generator.
        frame_rng: the frames' generator: receiver noise.
        size: the picture's side in pixels.
        window_db: transmission of the acoustic window per beam and sample (lung, ribs, edges), or None for 0.
        losses: (column of the coefficients, dB lost along the beams where that time course is 1), each: contact lost
            and found again within a clip.
        tissues: structure -> the tissue it is made of in this clip, where that is not the table's (contrast agents).

    Raises:
        ValueError: `tissues` names a structure that is not in the table.
    """

    def __init__(
        self,
        stage: Stage,
        look: Look,
        *,
        view_rng: np.random.Generator,
        rng: np.random.Generator,
        frame_rng: np.random.Generator,
        size: int = 256,
        window_db: Float32[np.ndarray, "lines samples"] | None = None,
        losses: Sequence[tuple[int, Float32[np.ndarray, "lines samples"]]] = (),
        tissues: Mapping[str, Tissue] | None = None,
    ):
        self.stage, self.look, self.size = stage, look, size
        self.grid: BeamGrid = stage.grid
        self.converter = scan_converter(self.grid, size)
        self._axial = speckle.gaussian_taps(look.axial_fwhm_mm / self.grid.axial_step_mm)
        self._lateral = speckle.gaussian_taps(look.lateral_fwhm_deg / self.grid.line_step_deg)
        self._losses = tuple(losses)
        self._echo = structure_table("echo_db", tissues)
        self._attenuation = structure_table("attenuation", tissues) - np.float32(TGC_DB_PER_CM_MHZ)
        self._attenuation *= np.float32(2 * look.frequency_mhz * self.grid.axial_step_mm / 10)
        self._patchy = structure_table("patchy_db", tissues)
        power, reflectance = np.exp(2 * DB * self._echo), structure_table("reflectance", tissues)
        self._tissues = (power + 1j * reflectance).astype(np.complex64)
        self._persistence = structure_table("persistence", tissues)
        self._textured = (self._persistence > FLOWING).astype(np.float32)
        self._returning = np.where(self._persistence > 0.9, SAME_TISSUE, np.float32(0))
        self._crowding_db = self._crowding()
        pitch_mm = (self.grid.radius_mm + 0.6 * self.grid.depth_mm) * np.deg2rad(self.grid.line_step_deg)
        self._slice = [speckle.triangle_taps(look.slice_mm / step) for step in (pitch_mm, self.grid.axial_step_mm)]
        self._draw_fields(view_rng, rng, frame_rng, window_db)
        self._white_db = look.white_db - look.gain_db
        if look.auto_gain > 0:
            below_white = 1 - BRIGHT + look.s_shape * (BRIGHT - BRIGHT_S)
            self._white_db += look.auto_gain * (self._bright_db() + below_white * look.dynamic_range_db - look.white_db)
        self._previous: tuple[int, np.ndarray] | None = None

    def _draw_fields(
        self,
        view_rng: np.random.Generator,
        rng: np.random.Generator,
        frame_rng: np.random.Generator,
        window_db: np.ndarray | None,
    ) -> None:
        grid, look = self.grid, self.look
        self._scatterers = speckle.complex_white(view_rng, *speckle.CELLS).ravel()
        rows, columns = speckle.CELLS
        # Elongated across the beam: the walls' layers and the muscle of the surroundings mostly lie so.
        fine = speckle.smooth_field(view_rng, (rows, columns // 2), (0.8, 1.5))
        # Few bright strands between much that is even: real tissue's texture is skewed.
        fine = (fine + SKEW * (fine * fine - 1)) / np.sqrt(1 + 2 * SKEW**2)
        coarse = speckle.smooth_field(view_rng, (rows, columns // 2), (4.0, 8.0))
        self._texture = (look.texture_db * (0.9 * fine + 0.5 * coarse)).ravel()
        self._patches = speckle.smooth_field(view_rng, (rows, columns // 2), (7.0, 9.0)).ravel()
        self._surface = speckle.smooth_field(view_rng, (rows, columns // 2), (2.0, 2.0)).ravel()
        still = speckle.near_field(
            view_rng, grid, clutter=look.clutter, decay_mm=look.clutter_mm, bands=look.reverberations
        )
        still += speckle.haze(view_rng, grid, look.near_haze_db)
        self._still = np.ascontiguousarray(still)
        noise = speckle.convolve(speckle.complex_white(rng, 2 * grid.lines, grid.samples + 64), self._axial, axis=1)
        self._noise = noise
        depth_share = grid.depths_mm / grid.depth_mm
        self._noise_gain = np.exp(DB * (look.noise_db + 10 * depth_share)).astype(np.float32)
        self._gain_db = np.zeros((grid.lines, grid.samples), np.float32) if window_db is None else window_db
        self._gain_db = self._gain_db - self._dropout_db()
        # Where each structure's fresh scatterers come from: offsets into the field, redrawn when they are used up.
        self._offsets = rng.integers(0, rows * columns, size=4096)
        self._phase = float(rng.uniform())
        self._noise_starts = frame_rng.integers(0, grid.lines, size=(997, 2))

    def _crowding(self) -> Float32[np.ndarray, " samples"]:
        """Rise of the power where samples lie closer than scatterer cells and share them, in dB over depth.

        The power behind taps w is the sum of w_i w_j rho(i - j), rho falling linearly to 0 at one cell.
        """
        pitch = (self.grid.radius_mm + self.grid.depths_mm) * np.deg2rad(self.grid.line_step_deg)
        power = np.ones(self.grid.samples)
        for taps, step_mm in (
            (self._lateral, pitch),
            (self._axial, np.full(self.grid.samples, self.grid.axial_step_mm)),
        ):
            pairs = np.correlate(taps, taps, mode="full")[len(taps) - 1 :]
            lags = np.arange(len(taps))[:, None]
            shared = np.clip(1 - lags * step_mm[None, :] / speckle.CELL_MM, 0, 1)
            power *= shared.T @ (pairs * np.where(lags[:, 0] > 0, 2, 1))
        return (10 * np.log10(power)).astype(np.float32)

    def _dropout_db(self) -> Float32[np.ndarray, "lines samples"]:
        """Loss of walls that run along the beam, from the plane at rest; smooth, so that it needs no motion."""
        labels = self.stage.label_map(np.zeros(len(self.stage.courses)))
        soft = (self._echo[labels] > -12).astype(np.float32)
        soft = speckle.box_blur(speckle.box_blur(soft, 5, 11), 5, 11)
        across, along = self._gradient(soft)
        strength = along**2 + across**2
        parallel = across**2 / np.maximum(strength, 1e-8)
        weight = np.clip(np.sqrt(strength) / 0.06, 0, 1)
        return speckle.box_blur((self.look.dropout_db * parallel * weight).astype(np.float32), 5, 9)

    def _gradient(self, field: Float32[np.ndarray, "lines samples"]) -> tuple[np.ndarray, np.ndarray]:
        """Per mm, across the beams and along them."""
        grid = self.grid
        along = np.empty_like(field)
        along[:, 1:-1] = field[:, 2:] - field[:, :-2]
        along[:, 0] = along[:, -1] = 0
        along *= np.float32(0.5 / grid.axial_step_mm)
        pitch = (grid.radius_mm + grid.depths_mm) * np.float32(np.deg2rad(grid.line_step_deg))
        across = np.empty_like(field)
        across[1:-1] = field[2:] - field[:-2]
        across[0] = across[-1] = 0
        across *= 0.5 / np.maximum(pitch, np.float32(0.05))
        return across, along

    def _thick(self, labels: UInt8[np.ndarray, "lines samples"]) -> tuple[np.ndarray, np.ndarray]:
        """Power of the tissues and their reflectance, as a beam of some thickness across the plane meets them."""
        both = speckle.convolve(speckle.convolve(self._tissues[labels], self._slice[0], 0), self._slice[1], 1)
        return np.ascontiguousarray(np.real(both)), np.ascontiguousarray(np.imag(both))

    def _specular(self, reflectance: Float32[np.ndarray, "lines samples"]) -> Float32[np.ndarray, "lines samples"]:
        """Impedance step along the beam times the squared cosine of the angle of incidence."""
        across, along = self._gradient(reflectance)
        step = along * along
        step /= step + across * across + np.float32(1e-4)
        return np.abs(along) * step * np.float32(SURFACE_MM)

    def _gather(
        self, labels: np.ndarray, coefficients: np.ndarray, frame: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Scatterers, slow texture in dB and roughness of surfaces (SD 1), at every sample's material coordinates."""
        x, z = self.stage.material_mm(coefficients)
        column = (x * np.float32(1 / speckle.CELL_MM)).astype(np.int32)
        row = (z * np.float32(1 / speckle.CELL_MM)).astype(np.int32)
        # Rows x 512 cells of scatterers; rows x 256 cells of texture, of which the rows are twice as high.
        cell = ((row & 255) << 9) | (column & 511)
        slow = (((row >> 1) & 255) << 8) | ((column >> 1) & 255)
        texture, surface = self._texture.take(slow), self._surface.take(slow)
        flat = labels.ravel()
        texture *= self._textured.take(flat)
        texture += self._patches.take(slow) * self._patchy.take(flat)
        # Scatterers turn over from one draw to the next on a quarter circle; blood takes a step of acos(.6) per
        # frame, tissue of acos(.97).
        step = np.arccos(self._persistence) / (np.pi / 2)
        turn = self._phase + frame * step
        which = np.floor(turn).astype(np.int64)
        angle = ((turn - which) * (np.pi / 2)).astype(np.float32)
        moving = np.sqrt(1 - self._returning**2)
        limit = self._scatterers.size - 1
        first = (cell + self._offsets[which % 4096].astype(np.int32).take(flat)) & limit
        second = (cell + self._offsets[(which + 1) % 4096].astype(np.int32).take(flat)) & limit
        scatterers = self._scatterers.take(cell) * self._returning.take(flat)
        scatterers += self._scatterers.take(first) * (moving * np.cos(angle)).take(flat)
        scatterers += self._scatterers.take(second) * (moving * np.sin(angle)).take(flat)
        shape = labels.shape
        return scatterers.reshape(shape), texture.reshape(shape), surface.reshape(shape)

    def envelope(
        self, coefficients: Float[np.ndarray, " courses"], frame: int
    ) -> tuple[Float32[np.ndarray, "lines samples"], UInt8[np.ndarray, "lines samples"]]:
        """Squared envelope before compression, and the label map it came from.

        Args:
            coefficients: of the time courses at this frame.
            frame: number in the clip; it picks the receiver's noise and the turn-over of the scatterers.
        """
        labels = self.stage.label_map(coefficients)
        scatterers, texture, surface = self._gather(labels, coefficients, frame)
        loss_db = np.cumsum(self._attenuation[labels], axis=1)
        np.maximum(loss_db, np.float32(-MOST_ENHANCEMENT_DB), out=loss_db)
        level_db = self._gain_db - loss_db
        for column, lost_db in self._losses:
            if coefficients[column]:
                level_db -= np.float32(coefficients[column]) * lost_db
        transmission = np.exp(DB * level_db)
        power, reflectance = self._thick(labels)
        amplitude = np.sqrt(power)
        rough = self._specular(reflectance)
        rough *= np.exp((DB * np.float32(ROUGH_DB)) * surface)
        texture -= self._crowding_db
        texture *= DB
        np.exp(texture, out=texture)
        amplitude += rough
        amplitude *= texture
        signal = scatterers * amplitude
        signal += SMOOTH_SHARE * rough
        signal *= transmission
        signal += self._still
        signal = speckle.convolve(signal, self._axial, axis=1)
        line, sample = self._noise_starts[frame % 997]
        lines, samples = labels.shape
        signal += self._noise[line : line + lines, sample % 64 : sample % 64 + samples] * self._noise_gain
        signal = speckle.convolve(signal, self._lateral, axis=0)
        power = np.real(signal) ** 2 + np.imag(signal) ** 2
        power += np.float32(10 ** (self.look.haze_db / 10)) * speckle.box_blur(power, 11, 11)
        return power, labels

    def beams(
        self, coefficients: Float[np.ndarray, " courses"], frame: int
    ) -> tuple[Float32[np.ndarray, "lines samples"], UInt8[np.ndarray, "lines samples"]]:
        """Gray values 0..255 and structure numbers on the beam grid; frames are asked in their order."""
        power, labels = self.envelope(coefficients, frame)
        return self._persist(self.compress(power), frame), labels

    def frame(
        self, coefficients: Float[np.ndarray, " courses"], frame: int
    ) -> tuple[UInt8[np.ndarray, "size size"], UInt8[np.ndarray, "lines samples"]]:
        """The picture, and the label map on the beam grid (see `labels_picture`); frames are asked in their order."""
        gray, labels = self.beams(coefficients, frame)
        return self.converter.picture(gray), labels

    def _bright_db(self) -> float:
        """The 96th percentile of the plane at rest."""
        power, _ = self.envelope(np.zeros(len(self.stage.courses)), 0)
        # As many samples from every area of the picture: the near field fills few pixels.
        depths = (self.grid.samples * np.sqrt((np.arange(160) + 0.5) / 160)).astype(np.int64)
        return float(10 * np.log10(np.percentile(power[::2, depths], 96) + 1e-12))

    def compress(self, power: Float32[np.ndarray, "lines samples"]) -> Float32[np.ndarray, "lines samples"]:
        """Squared envelope -> gray values 0..255 on the beam grid."""
        look = self.look
        if look.compounding > 0:
            power = speckle.soften(speckle.soften(power, look.compounding, 0), 0.2 * look.compounding, 1)
        gray = np.log10(np.maximum(power, np.float32(1e-12)))
        gray *= np.float32(10 / look.dynamic_range_db)
        gray += np.float32(1 - self._white_db / look.dynamic_range_db)
        np.clip(gray, 0, 1, out=gray)
        np.power(gray, np.float32(look.gamma), out=gray)
        if look.s_shape > 0:
            gray += np.float32(look.s_shape) * (gray * gray * (3 - 2 * gray) - gray)
        gray *= 255
        return gray

    def _persist(self, gray: Float32[np.ndarray, "lines samples"], frame: int) -> Float32[np.ndarray, "lines samples"]:
        """Mix in the frame before, if it is the one that was drawn last."""
        if self.look.persistence > 0:
            if self._previous is not None and self._previous[0] == frame - 1:
                gray += np.float32(self.look.persistence) * (self._previous[1] - gray)
            self._previous = (frame, gray)
        return gray

    def labels_picture(self, labels: UInt8[np.ndarray, "lines samples"]) -> UInt8[np.ndarray, "size size"]:
        """A beam-grid label map as a picture; 0 outside the sector."""
        return self.converter.labels(labels)
