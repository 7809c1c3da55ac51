"""The store's tables: which columns there are, and of what type.

Nothing else may enter a store. A column that a user names with `--keep` is added to the clips' table as text.
"""

from collections.abc import Iterable

import pyarrow as pa

SCHEMA = "sslecho.store"
VERSION = 2

CLIPS = pa.schema(
    [
        ("clip_id", pa.string()),
        ("patient_id", pa.string()),
        ("study_id", pa.string()),
        ("unit_id", pa.string()),
        ("site", pa.string()),
        ("device", pa.string()),
        ("day", pa.int32()),  # days since the patient's first study: never a date
        ("period", pa.int8()),  # the tenth of the archive's studies in order of date, 0 to 9
        ("kind", pa.string()),  # "b-mode", "colour", …: a word of triage.KINDS
        ("label", pa.string()),
        ("grade", pa.float64()),
        ("split", pa.string()),
        ("n_frames", pa.int64()),
        ("first_frame", pa.int64()),
        ("source_id", pa.string()),
        ("frame_time_source", pa.string()),
        ("sector", pa.string()),  # "mask", "whole", "off"
        ("sector_confidence", pa.float64()),
        ("sector_polygon", pa.list_(pa.float32())),  # x0, y0, x1, y1, … in stored pixels
        ("text_inside", pa.bool_()),  # what looks like text lies within the sector
    ]
)

# What DICOM files say of their view, kept on request and never taken for truth.
HINTS = ("series_description", "stage_name", "view_name", "view_code")

FRAMES = pa.schema(
    [
        ("clip_id", pa.string()),
        ("frame_index", pa.int64()),  # 0-based in the source, before any frame was left out
        ("time_s", pa.float64()),
        ("label", pa.string()),
        ("grade", pa.float64()),
        ("spacing_mm", pa.float64()),  # of the stored pixels
        # A source pixel's place in the stored picture is (x - crop_x0) * scale + the letterbox's margin.
        ("crop_x0", pa.int32()),
        ("crop_y0", pa.int32()),
        ("crop_x1", pa.int32()),
        ("crop_y1", pa.int32()),
        ("scale", pa.float64()),
    ]
)

# `kind` is given where a source was left out for its kind alone.
QUARANTINE = pa.schema([("source_id", pa.string()), ("reason", pa.string()), ("kind", pa.string())])


def clips_schema(kept: Iterable[str]) -> pa.Schema:
    """The clips' table with the attributes that the user asked to keep."""
    fields = list(CLIPS)
    fields += [pa.field(name, pa.string()) for name in kept if name not in CLIPS.names]
    return pa.schema(fields)
