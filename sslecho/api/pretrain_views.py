"""How `pretrain` shows frames: a maker for each view that the objective needs."""

from sslecho.api.settings import PretrainSettings
from sslecho.models.encoder import Encoder
from sslecho.objectives.objective import Objective
from sslecho.views.policies import Views, local_policy, policy


def view_makers(objective: Objective, encoder: Encoder, settings: PretrainSettings) -> list[Views]:
    """What makes each view that the objective needs."""
    side, seed = encoder.image_size, settings.seed
    whole = Views(policy(settings.policy, size=side, min_area=settings.min_area), size=side, seed=seed)
    makers = [whole] * objective.n_views
    local = objective.local
    if local is not None:
        # A network with a position for each patch takes one size only, so there a small crop is drawn large.
        fixed = encoder.net.default_cfg.get("fixed_input_size", False)
        small = side if fixed or isinstance(side, tuple) else max(1, round(local.size * side))
        pieces = local_policy(settings.policy, size=small, min_area=local.min_area, max_area=local.max_area)
        makers += [Views(pieces, size=small, seed=seed)] * local.count
    return makers
