"""A folder for each class, as torchvision's ImageFolder reads it: CLASS/…, or train/CLASS/… and test/CLASS/…

Taken only when it is said: without that, a folder's name may be a person's.
"""

import os
from pathlib import Path, PurePosixPath

from sslecho.data.labels import LabelRow
from sslecho.data.layouts import LAYOUTS
from sslecho.data.layouts.index import folders_of
from sslecho.data.layouts.layout import Layout, Wanted

SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}


@LAYOUTS.add("folder")
class Folder:
    """The first folder below the source is the label; below train, val and test it is the second."""

    rule = "it holds a folder for each class, or train, val and test with a folder for each class"

    def recognize(self, root: Path) -> str | None:
        if not root.is_dir():
            return None
        names = [path.name for path in folders_of(root)]
        if not names:
            return None
        if _are_splits(names):
            return f"it holds the folders {', '.join(names)}, and in them one for each class"
        return f"it holds {len(names)} folders, one for each class"

    def read(self, root: Path, wanted: Wanted) -> Layout:
        wanted.refuse_unknown(root, ())
        why = self.recognize(root) or self.rule
        if not _are_splits([path.name for path in folders_of(root)]):
            return Layout("folder", why, labels_from="folder")
        # Else "train" and "test" would be the labels.
        rows = []
        for folder, folders, names in os.walk(root):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                parts = PurePosixPath((Path(folder) / name).relative_to(root).as_posix()).parts
                if len(parts) > 1 and not name.startswith("."):
                    label = parts[1] if len(parts) > 2 else None
                    split = SPLIT_FOLDERS[parts[0].lower()]
                    rows.append(LabelRow(0, path="/".join(parts), label=label, split=split))
        return Layout("folder", why, labels=wanted.table(root, rows, ()))


def _are_splits(names: list[str]) -> bool:
    splits = [SPLIT_FOLDERS.get(name.lower()) for name in names]
    return len(names) > 1 and None not in splits and len(set(splits)) == len(splits)
