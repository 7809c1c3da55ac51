import numpy as np
import pyarrow as pa
import pytest
import torch

from sslecho.embed.embed import embed_frames
from sslecho.embed.embeddings import Embeddings, write_rows
from sslecho.errors import NounError, SslechoError
from sslecho.models.baselines import PixelEncoder

PICTURES = np.random.default_rng(0).integers(0, 256, (20, 30, 30)).astype(np.uint8)
ROWS = np.arange(20)


class Counting(PixelEncoder):
    """Counts frames and can fail after some."""

    def __init__(self, fail_after: int | None = None):
        self.seen, self.fail_after = 0, fail_after

    def encode(self, frames: torch.Tensor) -> torch.Tensor:
        if self.fail_after is not None and self.seen >= self.fail_after:
            raise KeyboardInterrupt
        self.seen += len(frames)
        return super().encode(frames)


def embed(folder, encoder, batch_size=4):
    embed_frames(PICTURES.__getitem__, ROWS, encoder, folder=folder, batch_size=batch_size, device="cpu")
    return np.load(folder / "vectors.npy")


def test_vectors_stand_in_the_order_of_the_rows(tmp_path):
    vectors = embed(tmp_path, PixelEncoder())
    assert vectors.dtype == np.float32
    assert np.array_equal(vectors, PixelEncoder().encode(torch.from_numpy(PICTURES)).numpy())


def test_goes_on_where_it_stopped(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        embed(tmp_path, Counting(fail_after=8))
    assert not (tmp_path / "vectors.npy").exists()
    rest = Counting()
    vectors = embed(tmp_path, rest)
    assert rest.seen == 12
    assert np.array_equal(vectors, embed(tmp_path / "straight", PixelEncoder()))


def test_half_a_vector_is_written_anew(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        embed(tmp_path, Counting(fail_after=8))
    part = tmp_path / "vectors.part.npy"
    part.write_bytes(part.read_bytes()[:-7])
    assert np.array_equal(embed(tmp_path, PixelEncoder()), embed(tmp_path / "straight", PixelEncoder()))


def test_values_that_are_not_finite_are_refused(tmp_path):
    class Broken(PixelEncoder):
        def encode(self, frames):
            return super().encode(frames) * float("nan")

    with pytest.raises(SslechoError, match="not finite; pretrain again"):
        embed(tmp_path, Broken())


def make(tmp_path, clip_ids, labels, vectors):
    n = len(clip_ids)
    np.save(tmp_path / "vectors.npy", np.asarray(vectors, np.float32))
    columns = {"row": list(range(n)), "clip_id": clip_ids, "frame_index": list(range(n))}
    columns |= {"patient_id": ["p"] * n, "unit_id": ["p"] * n, "label": labels, "split": [None] * n}
    write_rows(tmp_path, pa.table(columns), meta={"frames_hash": "f", "encoder_hash": "e", "unit": "patient"})
    return Embeddings.load(tmp_path)


def test_a_clip_is_the_mean_of_its_frames(tmp_path):
    # Clip "z" comes first in the store: hashed ids say nothing about the order.
    embeddings = make(
        tmp_path,
        ["z", "z", "z", "a", "a", "m"],
        ["x", "y", "y", "b", "a", None],
        [[0, 3], [3, 0], [6, 0], [1, 1], [2, 2], [5, 7]],
    )
    clips = embeddings.per_clip()
    assert clips.column("clip_id").tolist() == ["z", "a", "m"]
    assert clips.vectors.tolist() == [[3, 1], [1.5, 1.5], [5, 7]]
    assert clips.column("label").tolist() == ["y", "a", None]  # a tie goes to the first in sorted order


def test_wrong_and_damaged_folders(tmp_path):
    with pytest.raises(NounError, match="holds no embeddings .* `sslecho embed`"):
        Embeddings.load(tmp_path)
    make(tmp_path, ["a", "b"], [None, None], [[1, 2], [3, 4]])
    np.save(tmp_path / "vectors.npy", np.zeros((3, 2), np.float32))
    with pytest.raises(NounError, match=r"vectors.npy has 3 rows and rows.parquet 2"):
        Embeddings.load(tmp_path)
    (tmp_path / "vectors.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(NounError, match=r"is damaged .*--overwrite"):
        Embeddings.load(tmp_path)
