"""The settings of every command: one frozen class each, read by the command line, TOML files and notebooks alike.

Nothing heavy is imported here: `sslecho --help` reads this file.
"""

from dataclasses import dataclass

from sslecho.config import option
from sslecho.data.layouts import LAYOUT_CHOICES
from sslecho.objectives import OBJECTIVES
from sslecho.tasks.clusterers import CLUSTERERS


@dataclass(frozen=True)
class Machine:
    """What a command may use of the machine; it never decides the result."""

    workers: int = option(0, "Processes or threads to work with; 0 takes one a core.", minimum=0, decides=False)


POLICIES = ("echo", "fetal", "lung", "none", "simclr", "chartsias", "fusc", "madani", "stfm")
PHANTOM_KINDS = ("echo", "echo9", "cactus", "chartsias", "fetal", "motion", "archive")


@dataclass(frozen=True)
class PhantomSettings(Machine):
    """Simulated ultrasound."""

    kind: str | None = option(
        None, "What is simulated: echo, or what the named sizes are of, if nothing is said.", choices=PHANTOM_KINDS
    )
    classes: tuple[str, ...] = option((), "Which of the kind's classes; all of them if none is named.")
    patients: int = option(24, "How many patients.", minimum=1)
    views_per_patient: int = option(
        4, "How many of the echo views, or objects of an archive, a patient has.", minimum=1, maximum=12
    )
    clips_per_view: int = option(2, "Repeats of a view in one patient, at most.", minimum=1, maximum=4)
    frames: int = option(16, "Frames a clip (stills have one).", minimum=1)
    format: str = option("png", "How the files are written.", choices=("dicom", "video", "png"))
    size: int = option(
        256, "Side of the pictures, in pixels; the height of an archive's screens.", minimum=64, maximum=1024
    )
    masks: str = option("sector", "Truth to write: sectors, or a map of structures too.", choices=("sector", "labels"))
    fan: str = option(
        "device", "The sector's outline: each device's own, or the same for all.", choices=("device", "same")
    )
    sizes: str | None = option(
        None,
        "Class sizes of a published set to the scale of --patients, with its splits; --views-per-patient and "
        "--clips-per-view don't count then.",
        choices=("fetal_planes", "cactus", "chartsias"),
    )
    overlays: bool = option(True, "Burn fake names and dates in, outside the sector.")
    seed: int = option(0, "Decides every random number.", minimum=0)


@dataclass(frozen=True)
class IngestSettings(Machine):
    """Files to a store."""

    labels: str | None = option(None, "CSV with path or clip_id, then label, patient, clip, frame, grade, split …")
    label_column: str = option("label", "The column of the CSV that holds the label.")
    labels_from: str | None = option(None, "Take each file's label from the name of its folder.", choices=("folder",))
    layout: str = option("auto", "How a known data set lays out its files.", choices=LAYOUT_CHOICES)
    patient_from: str | None = option(
        None, "Where patients come from: column:NAME, folder, regex:…, dicom, clip, or unknown."
    )
    unit: str = option("patient", "What counts as independent.", choices=("patient", "sweep", "clip"))
    kinds: tuple[str, ...] = option(
        ("b-mode",), "Kinds of clips to take: b-mode, colour, contrast, m-mode, spectral, dual, quad, other, or all."
    )
    sector: str = option("mask", "Blank what lies outside the sector, or leave it.", choices=("mask", "off"))
    doubtful: str = option(
        "quarantine", "Clips whose sector is uncertain: leave them out, or keep them.", choices=("quarantine", "keep")
    )
    sign_off: str | None = option(None, "The doubtful.csv in which a person has accepted clips.", is_path=True)
    text_inside: str = option(
        "keep", "Clips with what looks like text inside the sector.", choices=("keep", "quarantine")
    )
    keep: tuple[str, ...] = option(
        (), "Further columns to keep: device,site,… of the labels; view_name,stage_name,… of DICOM."
    )
    size: int = option(256, "Side of the stored frames in pixels, letterboxed.", minimum=16, maximum=2048)
    every: int = option(1, "Keep every n-th frame of a clip.", minimum=1)
    max_frames: int | None = option(
        None, "Keep at most so many frames a clip, evenly spread; by default all.", minimum=1
    )
    max_seconds: int = option(600, "Time for one file before it is quarantined.", minimum=1, decides=False)
    max_memory_mb: int = option(4096, "Memory for one file before it is quarantined.", minimum=64, decides=False)
    scheduler: str | None = option(None, "A Dask scheduler to work on, tcp://HOST:PORT.", decides=False)
    dry_run: bool = option(False, "Say what would be done, write nothing.", decides=False)


@dataclass(frozen=True)
class SplitSettings:
    """Train, val and test by patient."""

    test: float = option(0.2, "Share of clips in the test split.", minimum=0.0, maximum=0.9)
    val: float = option(0.1, "Share of clips in the validation split.", minimum=0.0, maximum=0.9)
    by: str = option(
        "patient",
        "What is never divided; or what test is made of, patients undivided: one site, or the latest time.",
        choices=("patient", "sweep", "clip", "site", "time"),
    )
    hold_out: str | None = option(None, "The site for --by site; by default one whose share is nearest --test.")
    stratify: bool = option(True, "Balance the labels over the splits.")
    seed: int = option(0, "Decides who goes where.", minimum=0)


@dataclass(frozen=True)
class PretrainSettings(Machine):
    """A store to an encoder."""

    method: str = option("simclr", "The objective.", choices=OBJECTIVES)
    backbone: str = option("resnet18", "A timm architecture, madani-60x80 or chartsias-192.")
    weights: str | None = option(
        None,
        "What to begin with: a run, a folder of timm's, .safetensors, or a checkpoint of torch's.",
        is_path=True,
    )
    epochs: int = option(100, "Passes over the frames.", minimum=1)
    batch_size: int = option(128, "Frames a step, over all processes.", minimum=2)
    image_size: int | None = option(
        None,
        "Side of the pictures that the encoder sees, in pixels; by default 128, or that of a named network or run.",
        minimum=16,
        maximum=1024,
    )
    policy: str = option("echo", "Augmentations: an organ's, a published system's, or none.", choices=POLICIES)
    use: str = option("views", "What must survive them: the view, or its grade too.", choices=("views", "grades"))
    min_area: float | None = option(None, "Smallest crop as a share of the picture.", minimum=0.05, maximum=1.0)
    positives: str = option(
        "frame",
        "The second view is of the same frame, or of another one of its clip or patient.",
        choices=("frame", "clip", "patient"),
    )
    max_gap_s: float | None = option(
        None,
        "With --positives clip: the second frame is less than so many seconds away, the nearer the likelier.",
        minimum=1e-3,
    )
    repeats: float = option(
        0.9,
        "Clips of a patient that correlate above this repeat a view, and are never negatives; 0 or 1: none are sought.",
        minimum=0.0,
        maximum=1.0,
    )
    batches: str = option(
        "frames",
        "What makes a batch: frames at random; frames of different clips, where possible; or pairs of a class.",
        choices=("frames", "clips", "classes"),
    )
    temperature: float | None = option(None, "Of the loss; by default the method's own.", minimum=1e-3)
    method_set: tuple[str, ...] = option(
        (), "Settings of the method, KEY=VALUE,…; docs/pretraining.md has them, an unknown KEY lists them."
    )
    optimizer: str = option("adamw", "How to descend.", choices=("adamw", "sgd"))
    lr: float = option(1e-3, "Peak learning rate.", minimum=1e-8)
    weight_decay: float = option(1e-4, "Of weight matrices; biases and norms are left alone.", minimum=0.0)
    warmup_epochs: float = option(5.0, "Epochs in which the learning rate rises.", minimum=0.0)
    clip_grad: float | None = option(None, "Longest gradient; a longer one is scaled down to it.", minimum=1e-6)
    precision: str = option("auto", "Arithmetic: bf16 where the hardware has it.", choices=("auto", "32", "bf16", "16"))
    all: bool = option(False, "Train on the test split too; recorded beside the encoder.")
    baseline: tuple[str, ...] = option(
        (), "Frozen encoders that the verdict compares with too, NAME=FOLDER.", is_path=True, decides=False
    )
    watch_every: int | None = option(
        None,
        "Epochs between two looks at the encoder's health; by default as many as keep their cost near 2 %.",
        minimum=1,
        decides=False,
    )
    device: str = option("auto", "Where to train.", choices=("auto", "cpu", "cuda"), decides=False)
    devices: int = option(1, "GPUs or processes on this machine.", minimum=1)
    nodes: int = option(1, "Machines, each started by torchrun.", minimum=1)
    compile: str = option(
        "auto", "Compile the network: auto does on CUDA.", choices=("auto", "on", "off"), decides=False
    )
    checkpoint_seconds: float = option(
        120.0, "Time between two checkpoints; 0 makes one after every step.", minimum=0.0, decides=False
    )
    keep_checkpoints: int = option(
        2, "How many of the latest checkpoints stay beside the best.", minimum=1, decides=False
    )
    seed: int = option(0, "Decides every random number.", minimum=0)


@dataclass(frozen=True)
class EmbedSettings(Machine):
    """A store and an encoder to embeddings."""

    encoder: str = option(
        "random", "A pretraining run; or a baseline that learned nothing: random, pixels.", is_path=True
    )
    batch_size: int = option(256, "Frames at a time.", minimum=1, decides=False)
    device: str = option("auto", "Where to compute.", choices=("auto", "cpu", "cuda"), decides=False)
    seed: int = option(0, "Of the random encoder.", minimum=0)


@dataclass(frozen=True)
class ClusterSettings(Machine):
    """Embeddings to clusters and their scores."""

    method: str = option("kmeans", "How to cluster.", choices=CLUSTERERS)
    k: tuple[int, ...] = option((5, 10, 20), "Numbers of clusters.", minimum=2)
    choose_k: bool = option(False, "Say which of these k other patients repeat, without a look at labels.")
    model: str | None = option(
        None, "A run whose clusters assign these embeddings, with its method and k; nothing is fitted.", is_path=True
    )
    method_set: tuple[str, ...] = option(
        (), "Settings of the method, KEY=VALUE,…; docs/clustering.md has them, an unknown KEY lists them."
    )
    lam: tuple[float, ...] = option(
        (), "Lambda of fusc and turtle: how strongly sizes are held to the prior; several are compared.", minimum=0.0
    )
    purity: bool = option(False, "Score against labels; they are used only here, never while clustering.")
    level: str = option("clip", "What is clustered: a clip is the mean of its frames.", choices=("clip", "frame"))
    labels: str | None = option(None, "CSV with clip_id and label, in place of the store's labels.", is_path=True)
    label_column: str = option("label", "The column that holds the label.")
    store: str | None = option(None, "The store; by default the one that is recorded.", decides=False, is_path=True)
    encoder: str | None = option(None, "The encoder; by default the one that is recorded.", decides=False, is_path=True)
    device: str = option("auto", "Where to embed baselines.", choices=("auto", "cpu", "cuda"), decides=False)
    baseline: tuple[str, ...] = option((), "Further encoders to compare with, NAME=RUN.", is_path=True)
    other: tuple[str, ...] = option(
        ("other",), "Labels that are no class but what is left over; labeling cost is told with and without them."
    )
    names: str | None = option(
        None,
        "A naming/clusters_K.csv of this run, filled in: its names become named/labels.csv.",
        decides=False,
        is_path=True,
    )
    seed: int = option(0, "Decides every random number.", minimum=0)


@dataclass(frozen=True)
class PropagateSettings(Machine):
    """A few labels to all embeddings that they reach."""

    labels: str | None = option(
        None, "CSV with clip_id and the labels to start from; by default the store's.", is_path=True
    )
    label_column: str = option("label", "The column that holds the label.")
    level: str = option("clip", "What gets labels: a clip is the mean of its frames.", choices=("clip", "frame"))
    precision: float = option(
        0.95,
        "Share of the propagated labels that is to be right; the others are left out. 0: a label wherever one reaches.",
        minimum=0.0,
        maximum=0.999,
    )
    confidence: float = option(0.95, "Of the promise that it is.", minimum=0.5, maximum=0.999)
    neighbors: int = option(10, "Neighbors that each item passes labels to.", minimum=1, maximum=1000)
    alpha: float = option(
        0.8, "How far labels spread; nearer to 1 for classes that lie apart.", minimum=0.01, maximum=0.999
    )
    own_patient: bool = option(True, "Items of one patient may be neighbors.")
    class_mass: str = option(
        "none",
        "Weigh classes: none; or labels, so that their shares become those of the given labels, if drawn at random.",
        choices=("none", "labels"),
    )
    prior: tuple[str, ...] = option((), "Shares of classes in the archive where they are known, CLASS=SHARE,….")
    audit_errors: int = option(
        0, "Wrong labels that the audit sample may hold; choose it before you check: none takes 59, one 93.", minimum=0
    )
    checked: str | None = option(
        None, "The audit.csv of this run, filled in: says what precision may be claimed.", decides=False, is_path=True
    )
    store: str | None = option(None, "The store; by default the one that is recorded.", decides=False, is_path=True)
    seed: int = option(0, "Decides the graph, the folds and the audit sample.", minimum=0)


@dataclass(frozen=True)
class AugmentationsSettings:
    """A store to a sheet of its frames, changed."""

    policies: tuple[str, ...] = option((), "Whose draws to show; by default all.", choices=POLICIES)
    use: str = option("views", "What must survive: the view, or its grade too.", choices=("views", "grades"))
    frames: int = option(
        3, "Frames to show, each of a patient of its own where there are so many.", minimum=1, maximum=12
    )
    size: int = option(128, "Side of a picture, in pixels.", minimum=48, maximum=512)
    seed: int = option(0, "Decides the frames and every draw.", minimum=0)


@dataclass(frozen=True)
class VisualizeSettings:
    """Embeddings to a map."""

    color: str = option(
        "label",
        "Color by label, patient, device, split or another column of the store's clips; or by cluster, prediction or "
        "confidence of --predictions. A page begins with it.",
    )
    predictions: tuple[str, ...] = option(
        (), "Runs of cluster, propagate, probe or finetune on these embeddings' store.", is_path=True
    )
    level: str = option("clip", "A point is a clip or a frame.", choices=("clip", "frame"))
    labels: str | None = option(None, "CSV with clip_id and label, in place of the store's labels.", is_path=True)
    label_column: str = option("label", "The column that holds the label.")
    neighbors: int = option(15, "Neighbors that UMAP keeps together.", minimum=2, maximum=200)
    thumbnails: int = option(
        5000, "Points of a page or table whose frame is shown, at most; 0 for none.", minimum=0, maximum=5000
    )
    seed: int = option(0, "Decides the map.", minimum=0)


@dataclass(frozen=True)
class DemoSettings(Machine):
    """Everything once, from the phantom to a report page."""

    kind: str = option("echo", "What is simulated.", choices=("echo", "fetal"))
    patients: int = option(60, "How many patients are simulated.", minimum=24)
    epochs: int = option(18, "Epochs of pretraining.", minimum=1)
    device: str = option("auto", "Where to train and embed.", choices=("auto", "cpu", "cuda"), decides=False)
    # Of the seeds that the phantom was not tuned on.
    seed: int = option(10_000, "Decides every random number.", minimum=0)


@dataclass(frozen=True)
class CheckSettings(Machine):
    """A store to what is wrong with it."""

    embeddings: str | None = option(
        None, "Embeddings of the store: they lead to further near-duplicates.", is_path=True
    )
    examples: int = option(6, "Places that each finding shows on the page; the JSON has all.", minimum=1, maximum=100)
    fail_on: str = option(
        "never",
        "End with exit code 1 where there is a finding as bad as this, or worse.",
        choices=("never", "warning", "error"),
        decides=False,
    )
    seed: int = option(0, "Decides which bits the search for near-duplicates draws.", minimum=0)
