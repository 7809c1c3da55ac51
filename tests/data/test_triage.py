"""What kind a picture is: colour never passes as b-mode, and a plain gray picture always does."""

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy import ndimage

from sslecho.data.readers.sniff import open_recording
from sslecho.data.triage import KINDS, flow_mask, triage
from sslecho.phantom.factors import Factors
from sslecho.phantom.heart.views import VIEWS
from sslecho.phantom.plan import MODE_SHARES, Plan
from sslecho.phantom.screens.contrast import TINTS, tint
from sslecho.phantom.screens.draw import draw_screen
from sslecho.phantom.screens.fan import draw_fan
from sslecho.phantom.screens.flow import color_bar, draw_flow

SEED = 31


def luma(frame):
    return frame if frame.ndim == 2 else np.asarray(Image.fromarray(frame).convert("L"))


def verdict(frames, **tags):
    return triage([luma(frame) for frame in frames], list(frames[:5]) if frames.ndim == 4 else [], **tags)


def plan(number, mode="b-mode"):
    return Plan("archive", number, 0, list(VIEWS)[number % 12], number, 0, f"p{number:04d}-000", "x", mode)


def screen(mode, number, *, size=256):
    return draw_screen(plan(number, mode), Factors.from_seed(SEED), frames=4, size=size, jitter=1.35).screen.frames


def gray_fan(number, *, size=240):
    return draw_fan(plan(number), Factors.from_seed(SEED), frames=4, size=size, jitter=1.35)


def test_kinds_are_the_phantoms():
    assert set(KINDS) == set(MODE_SHARES)


@pytest.mark.parametrize("number", range(6))
def test_b_mode_with_all_its_graphics_stays(number):
    assert verdict(screen("b-mode", number)).kind == "b-mode"


@pytest.mark.parametrize("number", range(6))
def test_colour_does_not_pass_as_b_mode_whatever_the_tags_say(number):
    frames = screen("colour", number)
    for modes in (frozenset(), frozenset({"b-mode"})):
        assert verdict(frames, modes=modes).kind == "colour"


@pytest.mark.parametrize("mode", ["spectral", "dual", "quad"])
def test_traces_and_panes_are_seen_without_tags(mode):
    found = [verdict(screen(mode, number)).kind for number in range(5)]
    assert found.count(mode) >= 4


@pytest.mark.parametrize("mode", ["m-mode", "contrast", "other"])
def test_what_only_tags_tell_is_taken_from_tags(mode):
    for number in range(3):
        found = verdict(screen(mode, number), modes=frozenset({mode, "b-mode"}))
        assert found.kind != "b-mode"


@pytest.mark.parametrize("name", TINTS)
def test_a_tinted_gray_map_is_b_mode(name):
    fan = gray_fan(2)
    assert verdict(tint(fan.gray, name)).kind == "b-mode"
    assert not flow_mask(tint(fan.gray, name)[0]).any()


def test_a_tint_does_not_hide_flow():
    fan = gray_fan(3)
    flow = draw_flow(fan, np.random.default_rng(1))
    number = int(flow.colored.sum(axis=(1, 2)).argmax())
    mixed = np.where(flow.colored[..., None], flow.rgb, tint(fan.gray, "amber"))
    found = flow_mask(mixed[number])
    inner = ndimage.binary_erosion(flow.colored[number])
    assert inner.sum() > 50
    assert found[inner].mean() > 0.9
    far = ~ndimage.binary_dilation(flow.colored[number], iterations=4)
    assert found[far].mean() < 0.002


@pytest.mark.parametrize("number", range(3, 8))
def test_flow_mask_covers_all_flow_and_nothing_else(number):
    """Every pixel that is missed would be taken for tissue; slow flow, thin threads and even patches are in here."""
    fan = gray_fan(number)
    assert not flow_mask(np.repeat(fan.gray[0][..., None], 3, axis=-1)).any()
    flow = draw_flow(fan, np.random.default_rng(number))
    for frame, colored in zip(flow.rgb, flow.colored, strict=True):
        found = flow_mask(frame)
        assert (found & colored).sum() >= 0.99 * colored.sum()
        assert not (found & ~colored).any()


def test_letters_lines_bars_and_headers_are_no_flow():
    fan = gray_fan(1)
    picture = np.repeat(fan.gray[0][..., None], 3, axis=-1)
    picture[:24] = (40, 70, 140)  # a header
    picture[100:170, 228:236] = color_bar(70, 8, "velocity")
    sheet = Image.fromarray(picture)
    draw = ImageDraw.Draw(sheet)
    draw.text((4, 200), "HR 72 bpm", fill=(90, 240, 120))
    draw.line([(0, 230), (60, 230), (64, 200), (68, 232), (230, 232)], fill=(90, 240, 120), width=2)
    draw.line([(90, 120), (130, 150)], fill=(255, 255, 0), width=4)  # a caliper as thick as a vessel
    picture = np.asarray(sheet)
    assert flow_mask(picture).mean() < 0.0003
    # The bar alone says that colour was switched on.
    found = verdict(picture[None])
    assert (found.kind, found.sure) == ("colour", False)


def test_letters_enlarged_with_the_picture_are_no_flow():
    """As in breast stills scaled to one size: strokes several pixels thick, of many yellows."""
    small = Image.new("RGB", (90, 60), (70, 70, 70))
    ImageDraw.Draw(small).text((8, 8), "+ 1 D\n2 RT UOQ", fill=(255, 255, 0))
    picture = np.asarray(small.resize((360, 240), Image.Resampling.BICUBIC))
    assert (picture.max(axis=-1) - picture.min(axis=-1).astype(int) > 100).mean() > 0.01
    assert not flow_mask(picture).any()
    assert verdict(picture[None]).kind == "b-mode"


def test_what_stands_still_in_a_moving_picture_is_a_graphic():
    fan = gray_fan(1)
    frames = np.repeat(fan.gray[..., None], 3, axis=-1)
    rng = np.random.default_rng(5)
    badge = np.zeros((24, 24, 3), np.uint8)
    badge[..., 0] = ndimage.gaussian_filter(rng.uniform(0, 255, (24, 24)), 3) * 3 % 255  # uneven, red
    frames[:, 200:224, 4:28] = badge
    assert verdict(frames[:1]).kind == "colour"
    assert verdict(frames).kind == "b-mode"


def test_pages_of_letters_are_other():
    for background, ink in ((0, 255), (255, 0), (35, 220)):
        sheet = Image.new("L", (320, 240), background)
        draw = ImageDraw.Draw(sheet)
        for row in range(9):
            draw.text((12, 20 + row * 22), f"LVIDd {row}.4 cm   IVSd 0.{row} cm   EF {50 + row} %", fill=ink)
        assert verdict(np.asarray(sheet)[None]).kind == "other"


@pytest.mark.parametrize(
    "make",
    [
        lambda rng: np.zeros((64, 64), np.uint8),
        lambda rng: rng.integers(0, 255, (12, 9)).astype(np.uint8),
        lambda rng: np.full((80, 100), 90, np.uint8),
        lambda rng: np.clip(ndimage.gaussian_filter(rng.normal(90, 200, (256, 256)), (1, 3)), 0, 255).astype(np.uint8),
        lambda rng: np.clip(
            np.linspace(220, 20, 256)[:, None] + ndimage.gaussian_filter(rng.normal(0, 120, (256, 256)), (1, 4)), 0, 255
        ).astype(np.uint8),
    ],
    ids=["black", "tiny", "even", "grain to all rims", "layers of a linear probe"],
)
def test_plain_gray_without_tags_is_b_mode(make):
    gray = make(np.random.default_rng(9))
    assert triage([gray], []).kind == "b-mode"
    assert triage([gray], [np.repeat(gray[..., None], 3, axis=-1)]).kind == "b-mode"


def test_a_fan_cut_in_two_by_a_shadow_is_one_pane():
    gray = gray_fan(0).gray.copy()
    gray[:, :, 112:128] = 0
    assert verdict(gray).kind == "b-mode"


def test_two_like_pieces_that_lean_are_no_panes():
    sheet = Image.new("L", (320, 240), 0)
    draw = ImageDraw.Draw(sheet)
    for left in (10, 170):
        draw.polygon([(left, 20), (left + 40, 20), (left + 135, 220), (left + 95, 220)], fill=120)
    grain = np.random.default_rng(3).integers(0, 60, (240, 320))
    gray = np.where(np.asarray(sheet) > 0, 60 + grain, 0).astype(np.uint8)
    assert verdict(gray[None]).kind == "b-mode"


def test_tags_decide_where_pixels_are_silent():
    gray = gray_fan(5).gray
    found = verdict(gray, modes=frozenset({"b-mode"}))
    assert (found.kind, found.sure) == ("b-mode", True)
    for kind in ("colour", "contrast", "m-mode", "spectral", "dual", "quad", "other"):
        found = verdict(gray, modes=frozenset({"b-mode", kind}))
        assert (found.kind, found.sure) == (kind, False)
    # A spectrum's file also speaks of the small picture above it, and of the colour in that.
    assert verdict(gray, modes=frozenset({"b-mode", "colour", "spectral"})).kind == "spectral"


def test_no_frame_is_an_error():
    with pytest.raises(ValueError, match="at least one frame"):
        triage([], [])


def test_real_pictures(real_data):
    """Colour among the breast stills is real: a box with vessels in it, stored as if it were b-mode."""
    colored = {"benign_234", "benign_240", "benign_255", "benign_261", "benign_277"}
    files = sorted((real_data / "busi256" / "benign").glob("benign_2*.png"))
    assert len(files) > 50
    found = set()
    for file in files:
        recording = open_recording(file)
        frame = next(iter(recording.frames([0], in_color=[0])))
        seen = triage([frame.pixels], [] if frame.rgb is None else [frame.rgb])
        assert seen.kind in ("b-mode", "colour")
        if seen.kind == "colour":
            found.add(file.stem)
    assert found == colored
