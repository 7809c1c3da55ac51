"""How `pretrain` shows frames: a maker for each view that the objective needs."""

from sslecho.api.settings import PretrainSettings
from sslecho.models.encoder import Encoder
from sslecho.objectives.objective import Objective
from sslecho.views.policies import Views, local_policy, policy


def view_makers(objective: Objective, encoder: Encoder, settings: PretrainSettings) -> list[Views]:
    """What makes each view that the objective needs."""
    size, seed = encoder.image_size, settings.seed
    pieces = policy(settings.policy, size=size, use=settings.use, min_area=settings.min_area)
    makers = [Views(pieces, size=size, seed=seed)] * objective.n_views
    local = objective.local
    if local is not None:
        # A network with a position for each patch takes one size only, so there a small crop is drawn large.
        fixed = encoder.net.default_cfg.get("fixed_input_size", False)
        small = size if fixed else _share(size, local.size)
        pieces = local_policy(
            settings.policy, size=small, use=settings.use, min_area=local.min_area, max_area=local.max_area
        )
        makers += [Views(pieces, size=small, seed=seed)] * local.count
    return makers


def _share(size: int | tuple[int, int], share: float) -> int | tuple[int, int]:
    if isinstance(size, int):
        return max(1, round(share * size))
    return max(1, round(share * size[0])), max(1, round(share * size[1]))
