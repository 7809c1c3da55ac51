"""Published recipes of view classification as presets: what each sets, where it stands, and what nobody has said.

What is marked [?] in `unknown` is not in the source, or contradicts another one; the value here is then ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# How many times STFM shows a clip of each of EV9V's classes in an epoch; other classes are evened out.
EV9V_COPIES = {
    "PLHLA": 1, "PMASA": 4, "PMVLSA": 4, "PASA": 5, "A4C": 1, "A5C": 5, "PMPALA": 4, "PPMLSA": 6, "SC4C": 6,
}  # fmt: skip


@dataclass(frozen=True)
class Preset:
    """A recipe.

    Attributes:
        values: of `ViewSettings`; what the user says wins over them.
        from_scratch: likewise, where no --encoder is named.
        source: where it stands.
        unknown: what the source leaves open, each with what is done here.
    """

    values: Mapping[str, Any]
    source: str
    from_scratch: Mapping[str, Any] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()


_STFM = {
    "arch": "stfm",
    "frames": 5,
    "stride": 5,
    "loss": "re-edl",
    "lambda1": 1.0,
    "lambda2": 0.8,
    "balance": "copies",
    "copies": tuple(f"{name}={count}" for name, count in EV9V_COPIES.items()),
    "sampling": "selective",
    "random_epochs": 5,
    "policy": "stfm",
    "aggregate": "evidence",
    "windows": 10,
    "most_frames": 300,
    "clip_grad": 20.0,
    "batch_size": 64,
    "epochs": 100,
    "min_steps": 1,
    "windows_per_clip": 1,
    "layer_decay": 1.0,
}
_STFM_SCRATCH = {"from_": "scratch", "backbone": "resnet18", "image_size": 224}
_STFM_UNKNOWN = (
    "the stored picture is letterboxed to 224 pixels, not pressed into a square of 256 and cut",
    "which weights the network begins with: those of --encoder, else random ones",
)
_JUNE = {"optimizer": "adamw", "weight_decay": 0.05, "schedule": "cosine", "warmup_epochs": 5.0}

PRESETS: dict[str, Preset] = {
    "madani": Preset(
        {
            "arch": "frame",
            "loss": "ce",
            "balance": "none",
            "policy": "madani",
            "aggregate": "vote",
            "windows": 10,
            "windows_per_clip": 0,
            "optimizer": "rmsprop",
            "lr": 1e-3,
            "weight_decay": 0.0,
            "schedule": "cosine",
            "warmup_epochs": 0.0,
            "epochs": 45,
            "min_steps": 1,
            "batch_size": 64,
        },
        "Madani et al. 2018, npj Digital Medicine 1:6 (arXiv 1706.08658): methods",
        from_scratch={"from_": "scratch", "backbone": "madani-60x80"},
        unknown=(
            "filter counts of the network and its dropout: 32, 64, 128 and 0.3 of a third party's copy",
            "the learning rate and its 'adaptive decay': 1e-3, to 0 on a cosine",
            "how many images of a clip vote: 10, as recalled from the journal's version",
            "upside-down mirror images, which the paper has, are off: --flip-y",
        ),
    ),
    "stfm-paper": Preset(
        {
            **_STFM,
            "optimizer": "adam",
            "lr": 1e-4,
            "weight_decay": 0.01,
            "schedule": "step",
            "warmup_epochs": 0.0,
            "epsilon": 0.2,
            "patience": 30,
        },
        "the paper's first version, as a third party quotes it (WilliamQiuzy, docs/REPRODUCTION.md)",
        from_scratch=_STFM_SCRATCH,
        unknown=(*_STFM_UNKNOWN, "epsilon: 0.2, of the code of June", "patience: none", "batch size: 64, of that code"),
    ),
    "stfm-june": Preset(
        # 5 looks of 30 in a run of 100 epochs: 20 epochs.
        {**_STFM, **_JUNE, "lr": 1e-4, "epsilon": 0.2, "patience": 5},
        "the released code of June (commit 532f60b)",
        from_scratch=_STFM_SCRATCH,
        unknown=(*_STFM_UNKNOWN, "epochs: 100, of the paper", "its warm-up begins at a tenth of the rate, ours at 0"),
    ),
    "stfm-readme": Preset(
        # 3 looks of 30 in a run of 100 epochs: 12 epochs, where the README has 10.
        {**_STFM, **_JUNE, "lr": 2e-5, "epsilon": 0.8, "patience": 3},
        "the released code's later README, which 'reproduces the paper'",
        from_scratch=_STFM_SCRATCH,
        unknown=(*_STFM_UNKNOWN, "epochs: 100, of the paper", "its warm-up begins at a tenth of the rate, ours at 0"),
    ),
}


def implied(values: Mapping[str, Any]) -> dict[str, Any]:
    """What the preset among some values stands for, and what the loss does where nothing is said of balance."""
    preset = PRESETS.get(str(values.get("preset", "none")))
    stands_for: dict[str, Any] = {}
    if preset is not None:
        scratch = {} if values.get("encoder") else preset.from_scratch
        # A size or a start that the user names is not the preset's.
        stands_for = {**preset.values, **scratch}
        if "backbone" in values:
            stands_for.pop("image_size", None)
    if values.get("loss", stands_for.get("loss", "ce")) != "ce":
        stands_for.setdefault("balance", "sampler")
    return stands_for
