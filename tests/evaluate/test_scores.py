"""The Scores noun: what is saved is what is loaded, and what isn't scores is told so."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sslecho.errors import NounError
from sslecho.evaluate.scores import Scores

ROW = {
    "metric": "accuracy",
    "arm": "probe",
    "value": 0.5,
    "low": None,
    "high": 1,
    "n_patients": 3,
    "seed": 0,
    "split": "test",
}


def test_what_is_saved_is_what_is_loaded(tmp_path):
    scores = Scores.of([{**ROW, "value": None, "labels": 4}, {**ROW, "why": "so"}])
    assert scores.table.column_names == [*ROW, "labels", "why"]
    scores.save(tmp_path)
    assert Scores.load(tmp_path).table == scores.table
    assert [file.name for file in tmp_path.iterdir()] == ["scores.parquet"]
    assert scores.table["value"].to_pylist() == [None, 0.5]
    assert scores.table["why"].to_pylist() == [None, "so"]


def test_a_row_that_lacks_a_column_is_refused():
    with pytest.raises(ValueError, match="lacks seed, split"):
        Scores.of([{name: value for name, value in ROW.items() if name not in ("seed", "split")}])


def test_what_is_no_scores_is_named(tmp_path):
    with pytest.raises(NounError, match="holds no scores"):
        Scores.load(tmp_path)
    pq.write_table(pa.table({"metric": ["a"]}), tmp_path / "scores.parquet")
    with pytest.raises(NounError, match=r"is None version None, not 'sslecho.scores' version 1"):
        Scores.load(tmp_path)
