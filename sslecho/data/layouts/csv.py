"""A folder with a labels.csv in it, as `sslecho.data.labels` describes it."""

from pathlib import Path

from sslecho.data.labels import read_labels
from sslecho.data.layouts import LAYOUTS
from sslecho.data.layouts.index import header_of
from sslecho.data.layouts.layout import Layout, Wanted

INDEX = "labels.csv"


@LAYOUTS.add("csv")
class Csv:
    """The user's own table in the source folder."""

    rule = "it holds a labels.csv with a column `path` or `clip_id`"

    def recognize(self, root: Path) -> str | None:
        if root.is_dir() and {"path", "clip_id"} & set(header_of(root / INDEX)):
            return "it holds a labels.csv with a column `path` or `clip_id`"
        return None

    def read(self, root: Path, wanted: Wanted) -> Layout:
        index = root / INDEX
        table = read_labels(
            index, keep=wanted.keep, label_column=wanted.label_column, patient_column=wanted.patient_column
        )
        return Layout("csv", self.rule, labels=table, leave_out=(index,))
