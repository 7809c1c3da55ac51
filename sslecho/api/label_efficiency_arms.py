"""The arms of a label-efficiency benchmark: linear probes on frozen embeddings, and networks that learn end to end.

Each encoder's embeddings of the labeled clips are made once, in the run's folder, or read from what `sslecho embed`
wrote. Further arms are given to `label_efficiency(…, arms=[…])` as they are.
"""

import io
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int64

from sslecho.api.embed import write_embeddings
from sslecho.api.label_efficiency_settings import LabelEfficiencySettings
from sslecho.api.nouns import relative
from sslecho.api.origin import find_origin
from sslecho.api.pretrain_verdict import PIXELS, UNTRAINED, WORDS, named_baselines
from sslecho.data.store import Store
from sslecho.embed.embed import Encodes
from sslecho.embed.embeddings import Embeddings
from sslecho.errors import InputError
from sslecho.evaluate.arms import Arm, ProbeLearner
from sslecho.evaluate.networks import NetworkLearner
from sslecho.models.baselines import PixelEncoder, random_encoder
from sslecho.models.encoder import Encoder
from sslecho.rundir import write_atomic

NAME = re.compile(r"[\w-]+")
NETWORKS = {
    "finetune": "your encoder fine-tuned",
    "scratch": "training from scratch",
    "scratch-plain": "training from scratch without class weights",
}


@dataclass(frozen=True)
class Source:
    """Where the embeddings of an arm come from.

    Attributes:
        encoder_of: the frozen network of a run; None where the embeddings are given.
        given: embeddings that `sslecho embed` wrote.
        seen: units that the encoder was pretrained on.
    """

    name: str
    words: str
    n_runs: int
    hash: str
    encoder_of: Callable[[int], Encodes] | None = None
    given: Embeddings | None = None
    seen: frozenset[str] = frozenset()


def sources(store: Store, settings: LabelEfficiencySettings) -> list[Source]:
    """Every encoder of the benchmark, the one that the verdict is of first; read before the run.

    Raises:
        InputError: no encoder is named, a name is taken, or a folder holds neither an encoder nor embeddings of this
            store.
    """
    if not settings.encoder:
        raise InputError("--encoder is missing; name a pretraining run, such as --encoder run, or NAME=RUN")
    found: list[Source] = []
    first: Encoder | None = None
    for number, text in enumerate(settings.encoder):
        name, path = _named(text, number)
        encoder, given = _read(Path(path), store)
        first = first or encoder
        found.append(
            Source(
                name,
                "your encoder" if name == "encoder" else name,
                1,
                str(given.meta["encoder_hash"]) if given else encoder.hash() if encoder else "",
                None if encoder is None or given else _always(encoder),
                given,
                frozenset((encoder.provenance.get("units") if encoder else None) or ()),
            )
        )
    others = named_baselines(settings.baseline)
    network = "resnet18" if first is None else f"{first.backbone}, {first.image_size}"
    found += [
        Source(
            UNTRAINED,
            WORDS[UNTRAINED] if first else "an untrained ResNet-18 (the embeddings' encoder is gone)",
            settings.runs,
            f"untrained {network}, seed {settings.seed}",
            lambda run: random_encoder(first, seed=settings.seed + run),
        ),
        Source(PIXELS, WORDS[PIXELS], 1, PixelEncoder().hash(), _always(PixelEncoder())),
        *(Source(name, name, 1, network.hash(), _always(network)) for name, network in others.items()),
    ]
    refuse_equal_names(source.name for source in found)
    return found


def refuse_equal_names(names: Iterable[str]) -> None:
    """Raise InputError where two arms have one name, or a name that is no name of a folder."""
    seen: set[str] = set()
    for name in names:
        if not NAME.fullmatch(name):
            raise InputError(f"an arm is called {name!r}; a name is of letters, digits, _ and -")
        if name in seen:
            raise InputError(f"two arms are called {name!r}; give each a name of its own, as --encoder NAME=RUN")
        seen.add(name)


def probe_arms(
    store: Store, clips: Int64[np.ndarray, " n"], found: Sequence[Source], settings: LabelEfficiencySettings, out: Path
) -> list[Arm]:
    """Embed these clips with every encoder and make an arm of each.

    Args:
        clips: rows of the store's clips, ascending.
        out: the run's folder.
    """
    folder = out / "clips"
    folder.mkdir(exist_ok=True)
    _write(folder / "rows.npy", clips)
    arms = []
    for source in found:
        paths = tuple(folder / f"{source.name}-{run}.npy" for run in range(source.n_runs))
        for run, path in enumerate(paths):
            if not path.exists():
                _write(path, _of_clips(frames_of(store, clips, source, run, settings, out), store, clips))
        arms.append(
            Arm(source.name, source.words, ProbeLearner(paths, folder / "rows.npy"), source.n_runs, source.hash)
        )
    return arms


def network_arms(store: Store, settings: LabelEfficiencySettings) -> list[Arm]:
    """The arms of `--networks`, of the first encoder's architecture.

    Raises:
        InputError: the first encoder is given as embeddings: its weights are not there.
    """
    if not settings.networks:
        return []
    path = Path(_named(settings.encoder[0], 0)[1])
    encoder, given = _read(path, store)
    if encoder is None or given is not None:
        raise InputError(f"--networks need the weights of the first --encoder, and {path} holds embeddings; name a run")
    architecture = (encoder.backbone, encoder.image_size, encoder.mean, encoder.std)
    arms = []
    for name in settings.networks:
        begins = path.absolute() if name == "finetune" else None
        rate = settings.finetune_lr if begins else settings.scratch_lr
        balance = "none" if name == "scratch-plain" else "weights"
        how = (settings.policy, settings.steps, rate, balance)
        learner = NetworkLearner(store.path.absolute(), begins, architecture, *how)
        made_of = encoder.hash() if begins else repr(architecture)
        said = f"{name}, {made_of}, {settings.policy}, {settings.steps} steps at {rate}"
        arms.append(Arm(name, NETWORKS[name], learner, settings.runs, said))
    return arms


def frames_of(
    store: Store, clips: Int64[np.ndarray, " n"], source: Source, run: int, settings: LabelEfficiencySettings, out: Path
) -> Embeddings:
    """The embeddings of the clips' frames, made where they are missing."""
    if source.given is not None:
        return source.given
    assert source.encoder_of is not None
    folder = out / "embeddings" / f"{source.name}-{run}"
    if not (folder / "meta.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        encoder = source.encoder_of(run)
        write_embeddings(
            store,
            encoder,
            folder,
            batch_size=settings.batch_size,
            device=settings.device,
            meta={"encoder": None, "encoder_path": None, "store_path": relative(store.path, folder.parent)},
            rows=np.flatnonzero(np.isin(store.clip_of_frame, clips)).astype(np.int64),
        )
    return Embeddings.load(folder)


def _of_clips(frames: Embeddings, store: Store, clips: Int64[np.ndarray, " n"]) -> Float32[np.ndarray, "n d"]:
    """The mean of each clip's frames.

    Raises:
        InputError: a clip is missing, or a vector is not finite.
    """
    means = frames.per_clip()
    place = {clip_id: row for row, clip_id in enumerate(means.rows["clip_id"].to_pylist())}
    wanted = store.column("clip_id")[clips]
    if missing := sum(clip_id not in place for clip_id in wanted):
        raise InputError(f"{frames.path} lacks {missing} of the {len(wanted)} labeled clips; embed the store again")
    vectors = np.asarray(means.vectors)[[place[clip_id] for clip_id in wanted]]
    if not np.isfinite(vectors).all():
        raise InputError(f"{frames.path} has values that are not finite; embed again with --overwrite")
    return vectors


def _named(text: str, number: int) -> tuple[str, str]:
    """NAME=RUN, or RUN under a name that no path can be read from."""
    name, equals, path = text.partition("=")
    if equals and path and NAME.fullmatch(name):
        return name, path
    return ("encoder" if number == 0 else f"encoder{number + 1}"), text


def _read(path: Path, store: Store) -> tuple[Encoder | None, Embeddings | None]:
    """A run's encoder; or embeddings and, where it is still known, their encoder."""
    if not ((path / "embeddings").is_dir() or (path / "vectors.npy").exists()):
        return Encoder.load(path), None
    given = Embeddings.load(path)
    if given.meta["frames_hash"] != store.frames_hash:
        raise InputError(f"--encoder {path} holds embeddings of other frames than those of {store.path}; embed these")
    return find_origin(given, store=str(store.path), encoder=None).encoder, given


def _always(encoder: Encodes) -> Callable[[int], Encodes]:
    return lambda run: encoder


def _write(path: Path, array: np.ndarray) -> None:
    buffer = io.BytesIO()
    np.save(buffer, array)
    write_atomic(path, buffer.getvalue())
