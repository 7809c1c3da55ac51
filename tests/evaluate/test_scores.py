"""The Scores noun: one save, one load."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sslecho.errors import NounError
from sslecho.evaluate.scores import COLUMNS, Scores


def test_scores_come_back_as_they_were_saved(tmp_path):
    rows = [{"metric": "macro_f1", "arm": "a", "value": 0.5, "n_patients": 9, "split": "test", "x": 4}, {"low": 0.1}]
    Scores.from_rows(rows, meta={"protocol": "p"}, x=pa.int64()).save(tmp_path)
    scores = Scores.load(tmp_path)
    assert scores.meta == {"protocol": "p"}
    assert scores.table.column_names == [*COLUMNS, "x"]
    assert scores.table["x"].to_pylist() == [4, None]
    assert scores.table["value"].to_pylist() == [0.5, None]
    assert [path.name for path in tmp_path.iterdir()] == ["scores.parquet"]


def test_what_holds_no_scores_is_refused(tmp_path):
    with pytest.raises(NounError, match="holds no scores"):
        Scores.load(tmp_path)
    pq.write_table(pa.table({"a": [1]}), tmp_path / "scores.parquet")
    with pytest.raises(NounError, match="holds no scores"):
        Scores.load(tmp_path)
    table = pa.table({"a": [1]}).replace_schema_metadata({b"sslecho": b'{"schema": "sslecho.scores", "version": 9}'})
    pq.write_table(table, tmp_path / "scores.parquet")
    with pytest.raises(NounError, match="version 9"):
        Scores.load(tmp_path)
