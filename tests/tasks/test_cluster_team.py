"""Two processes of torchrun assign what one would, and end together."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from sslecho.tasks.clusterers.centroids import Centroids
from sslecho.tasks.team import Team, joined

PROGRAM = Path(__file__).with_name("assigning_team.py")


def test_two_processes_assign_what_one_does_and_an_error_of_one_ends_both(tmp_path):
    rng = np.random.default_rng(0)
    vectors, centroids = (rng.normal(size=(n, 5)).astype(np.float32) for n in (101, 7))
    np.save(tmp_path / "vectors.npy", vectors)
    np.save(tmp_path / "centroids.npy", centroids)
    subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", PROGRAM, tmp_path],
        check=True,
        capture_output=True,
        timeout=280,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    for k in (3, 7):
        expected, found = Centroids(centroids[:k]).assign(vectors), np.load(tmp_path / f"{k}.npz")
        np.testing.assert_array_equal(found["clusters"], expected.clusters)
        np.testing.assert_allclose(found["distances"], expected.distances, rtol=1e-6)
        np.testing.assert_allclose(found["confidences"], expected.confidences, atol=1e-6)
    assert "1 embeddings are not finite" in (tmp_path / "led.txt").read_text()
    assert (tmp_path / "followed.txt").read_text() == (tmp_path / "led.txt").read_text()


def test_one_process_is_alone():
    with joined() as team:
        assert team.first
        with team.leading():
            found = team.assign(Centroids(np.eye(3, dtype=np.float32)), np.eye(3, dtype=np.float32)[[2, 0, 1]])
    assert found.clusters.tolist() == [2, 0, 1]


def test_shares_cover_everything_once():
    vectors = np.arange(22, dtype=np.float32).reshape(11, 2)
    clusters = Centroids(np.eye(2, dtype=np.float32))
    shares = [Team(rank, 4)._share(clusters, vectors) for rank in range(4)]
    joint = np.concatenate([share.distances for share in shares])
    np.testing.assert_allclose(joint, clusters.assign(vectors).distances, rtol=1e-6)
    assert [len(share.clusters) for share in shares] == [2, 3, 3, 3]
