"""Kind `motion`: classes of which a frame tells nothing, or not all.

    tube_breath, tube_heart          a vessel whose caliber follows the breath or the heart
    lung_sliding, lung_still         pleura and the echoes below it, sliding or standing
    tilt_up, tilt_down               the plane of four chambers tilted to five, and back
    level_mitral, level_papillary    neighboring short axes

In the first three pairs any one frame, whatever its number in the clip, has the same distribution in both classes;
the last is partly ambiguous (`motion.levels`, `motion.bayes`). It holds for pictures as they are drawn (PNG, DICOM):
a video's codec spends its bits by what moves, so that a decoded frame may tell.

A clip covers a fixed span, however many frames it has: 5.2 s of the vessel (more than a breath), 2 s of lung and level,
3 s of the tilt. 13 frames are the fewest that show a heart beat in the vessel; 16 do for all.
"""

from sslecho.phantom.echo import Clip
from sslecho.phantom.factors import Factors
from sslecho.phantom.motion.film import Film, Pair
from sslecho.phantom.motion.levels import LEVELS
from sslecho.phantom.motion.lung import LUNG
from sslecho.phantom.motion.tilt import TILT
from sslecho.phantom.motion.tube import TUBE
from sslecho.phantom.plan import Plan, Rendering

EQUAL: tuple[Pair, ...] = (TUBE, LUNG, TILT)  # in every single frame
PAIRS: tuple[Pair, ...] = (*EQUAL, LEVELS)
PAIR_OF = {name: pair for pair in PAIRS for name in pair.classes}
CLASSES = dict.fromkeys(PAIR_OF, 1 / len(PAIR_OF))


def film(plan: Plan, factors: Factors, rendering: Rendering) -> Film:
    """The clip that a plan says, ready to be drawn frame by frame."""
    return Film(PAIR_OF[plan.view], plan, factors, rendering)


def draw(plan: Plan, factors: Factors, rendering: Rendering) -> Clip:
    """The clip that a plan says."""
    return film(plan, factors, rendering).render(with_labels=rendering.with_labels)
