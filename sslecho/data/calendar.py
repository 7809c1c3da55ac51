"""When a study was made, without its date: days since the patient's first study, and the tenth of the archive it is in.

While an ingest runs, days are counted from a secret day that the store's key decides; at the end only differences
within a patient are kept, and the order of the archive in ten parts.
"""

import datetime
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from sslecho.data.identity import Identity

SHIFT_DAYS = 7305  # the secret day lies anywhere within twenty years
PARTS = 10


def shifted_day(identity: Identity, date: str | None) -> int | None:
    """Days since the store's secret day.

    Args:
        identity: has the store's key.
        date: YYYYMMDD; None, or one that is no date, has no day.
    """
    try:
        ordinal = datetime.datetime.strptime(date or "", "%Y%m%d").toordinal()
    except ValueError:
        return None
    return ordinal - int(identity.id("calendar", "secret day"), 16) % SHIFT_DAYS


class Calendar:
    """What the days of all clips together say.

    Args:
        rows: of the clips' table, `day` as `shifted_day` gives it.
        true_dates: False where dates were shifted patient by patient, so that they order no two patients.
    """

    def __init__(self, rows: Iterable[Mapping[str, Any]], *, true_dates: bool = True):
        self._true_dates = true_dates
        self._first_of_patient: dict[str, int] = {}
        studies: dict[str, int] = {}
        for row in rows:
            day, patient = row.get("day"), row.get("patient_id")
            if day is None:
                continue
            if patient is not None:
                self._first_of_patient[patient] = min(day, self._first_of_patient.get(patient, day))
            study = row.get("study_id") or row["clip_id"]
            studies[study] = min(day, studies.get(study, day))
        self._days = np.sort(np.array(list(studies.values()), dtype=np.int64))

    def placed(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The row with `day` since its patient's first study, and `period`; without a day both are None.

        `period` is 0 for the first tenth of the archive's studies in order of date, 9 for the last.
        """
        day, patient = row.get("day"), row.get("patient_id")
        if day is None:
            return {**row, "day": None, "period": None}
        since_first = day - self._first_of_patient[patient] if patient is not None else None
        earlier = int(np.searchsorted(self._days, day, side="left"))
        return {
            **row,
            "day": since_first,
            "period": PARTS * earlier // len(self._days) if self._true_dates else None,
        }
