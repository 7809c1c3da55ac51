"""`--layout`: what a source is laid out like, as the user says or as its names and headers tell."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sslecho.data.labels import LabelTable
from sslecho.data.layouts import AUTO, LAYOUTS, NONE
from sslecho.data.layouts.layout import Layout, Wanted
from sslecho.errors import InputError


def choose_layout(
    source: Path,
    said: str = AUTO,
    *,
    keep: Sequence[str] = (),
    label_column: str = "label",
    patient_column: str = "patient",
) -> Layout:
    """Understand one source.

    Args:
        source: a folder, or a file, which has no layout.
        said: a layout's name; "auto" looks which one fits; "none" takes the files and asks nothing of their names.
        keep: further columns of the layout's table to keep.
        label_column: the column that holds the labels; "label" is the layout's own.
        patient_column: the column that holds the patients; "patient" is the layout's own.

    Raises:
        InputError: the source is not laid out as was said, fits two layouts, or its index files are damaged.
    """
    wanted = Wanted(tuple(keep), label_column, patient_column)
    if said == NONE:
        return Layout(NONE, "as was said")
    if said != AUTO:
        reader = LAYOUTS[said]()
        why = reader.recognize(source)
        if why is None:
            raise InputError(
                f"--layout {said}: {source} is not laid out that way; {reader.rule}. Name the folder that does, "
                "another --layout, or --layout none"
            )
        return reader.read(source, wanted)
    if not source.is_dir():
        return Layout(NONE, "it is a single file")
    # A folder's name may be a person's, so that it becomes a label only when that is said.
    found = {name: why for name in LAYOUTS if name != "folder" and (why := LAYOUTS[name]().recognize(source))}
    others = [name for name in found if name != "csv"]
    if "csv" in found:
        # The user's own word counts more than the data set's.
        layout = LAYOUTS["csv"]().read(source, wanted)
        said_too = [f"{source} looks like {name} too; its labels.csv was taken (--layout {name})" for name in others]
        return replace(layout, warnings=[*layout.warnings, *said_too])
    if len(others) > 1:
        both = "; ".join(f"{name}: {found[name]}" for name in others)
        raise InputError(f"{source} fits more than one layout ({both}); say which with --layout {'|'.join(others)}")
    if others:
        return LAYOUTS[others[0]]().read(source, wanted)
    return Layout(NONE, "no layout that sslecho knows was recognized")


def choose_layouts(
    sources: Sequence[Path],
    said: str = AUTO,
    *,
    keep: Sequence[str] = (),
    label_column: str = "label",
    patient_column: str = "patient",
) -> Layout:
    """Understand all sources of a run; paths of several sources start with the source's number, as `find_files` does.

    Raises:
        InputError: as `choose_layout`; or sources of one run are laid out in two ways.
    """
    layouts = [
        choose_layout(source, said, keep=keep, label_column=label_column, patient_column=patient_column)
        for source in sources
    ]
    if len(layouts) == 1:
        return layouts[0]
    names = {layout.name for layout in layouts}
    if len(names) > 1:
        listed = "; ".join(f"{source}: {layout.name}" for source, layout in zip(sources, layouts, strict=True))
        raise InputError(
            f"the sources are laid out in different ways ({listed}); ingest them one by one, or say --layout none"
        )
    first = layouts[0]
    tables = [layout.labels for layout in layouts if layout.labels is not None]
    labels = None
    if tables:
        rows = [
            replace(row, path=f"{place}/{row.path}") if row.path is not None else row
            for place, layout in enumerate(layouts)
            if layout.labels is not None
            for row in layout.labels.rows
        ]
        columns = list(dict.fromkeys(name for table in tables for name in table.columns))
        labels = LabelTable(
            tables[0].path, rows, columns, list(dict.fromkeys(name for table in tables for name in table.dropped))
        )
    return replace(
        first,
        labels=labels,
        leave_out=tuple(path for layout in layouts for path in layout.leave_out),
        true_dates=all(layout.true_dates for layout in layouts),
        warnings=list(dict.fromkeys(text for layout in layouts for text in layout.warnings)),
    )
