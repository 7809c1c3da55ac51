"""Commands that make and change stores: phantom, ingest, split."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from sslecho.api.settings import IngestSettings, PhantomSettings, SplitSettings
from sslecho.cli.command import Call, Out, Said, add_command

SHOWN = 10  # reasons for which files were quarantined
SHOWN_OF_ONE = 3  # files of each
StoreArgument = Annotated[Path, typer.Argument(help="A store that `sslecho ingest` made.", show_default=False)]


def add_to(app: typer.Typer) -> None:
    """Register this file's commands."""

    @add_command(app, PhantomSettings)
    def phantom(call: Call, out: Out) -> Said:
        """Write an archive of simulated ultrasound, with fake identities to remove."""
        from sslecho.api.phantom import phantom

        result = phantom(out, overwrite=call.overwrite, **call.options)
        from sslecho.report.markup import counted

        lines = [
            f"{counted(result['n'], 'clip')} of {counted(result['n_patients'], result['unit'])}, "
            f"{counted(result['files'], 'file')}"
        ]
        if result["unit"] == "sweep":  # one body
            whose = "--unit sweep --patient-from unknown"
        else:
            whose = f"--patient-from {'dicom' if call.options['format'] == 'dicom' else 'column:patient'}"
        return Said(
            result,
            lines,
            f"wrote {out} (truth in {result['truth']}); "
            f"next: sslecho ingest {out} --labels {out}/labels.csv {whose} -o store",
        )

    @add_command(app, IngestSettings)
    def ingest(
        call: Call,
        sources: Annotated[list[Path], typer.Argument(help="Files and folders of ultrasound.", show_default=False)],
        out: Out,
    ) -> Said:
        """Turn files into a store: gray frames, no identity, one row a clip."""
        from sslecho.api.ingest import ingest_with_summary

        _, result = ingest_with_summary(sources, out, overwrite=call.overwrite, **call.options)
        lines = _ingested(result)
        if call.options["dry_run"]:
            n = result["doubtful"]
            if n and call.options["doubtful"] == "quarantine":
                lines.append(
                    f"{n} of the clips {'has' if n == 1 else 'have'} an uncertain sector by the first frames; what "
                    "other clips of the device can't settle will be left out"
                )
            return Said(result, lines, "nothing was written (--dry-run); the same command without it does the work")
        did = f"{out} was written before, nothing was done" if result["already"] else f"wrote {out}"
        return Said(result, lines, f"{did}; next: sslecho check {out} -o check.html, then sslecho split {out}")

    @add_command(app, SplitSettings)
    def split(call: Call, store: StoreArgument) -> Said:
        """Divide a store into train, val and test, a patient never in two of them."""
        from sslecho.api.split import split_with_summary
        from sslecho.report.markup import counted

        _, result = split_with_summary(store, overwrite=call.overwrite, **call.options)
        lines = [
            f"{name}: {counted(counts['clips'], 'clip')}, {counted(counts['units'], 'unit')}"
            for name, counts in result["splits"].items()
        ]
        did = "stood there before, nothing was done" if result["already"] else "was written"
        return Said(result, lines, f"the split of {store} {did}; next: sslecho pretrain {store} -o run")


def _ingested(result: dict[str, Any]) -> list[str]:
    """What an ingest did, or would do, for a reader."""
    from sslecho.data.identity import key_folder
    from sslecho.report.markup import counted

    layout = result["layout"]
    lines = [f"recognized: {layout['name']} ({layout['why']})"] if layout["name"] != "none" else []
    lines.append(
        f"{result['accepted']:,} of {counted(result['files'], 'file')} accepted: "
        f"{counted(result['clips'], 'clip')}, {counted(result['frames'], 'frame')}, "
        + ("patients unknown" if result["patients"] is None else counted(result["patients"], "patient"))
    )
    lines.append("kinds: " + ", ".join(f"{n} {kind}" for kind, n in result["kinds"].items()))
    if result["left_out"]:
        left_out = ", ".join(f"{n} {kind}" for kind, n in result["left_out"].items())
        lines.append(f"left out for their kind (--kinds takes them): {left_out}")
    if "gigabytes" in result:
        size = f"{result['gigabytes']:.2f} GB" if result["gigabytes"] >= 0.01 else "less than 0.01 GB"
        lines.append(
            f"{size}, about {_duration(result['hours'])} on this machine; "
            "--max-frames and --every keep fewer frames a clip"
        )
    refused = [item for item in result["quarantine"] if not item["reason"].startswith("its kind is")]
    lines += by_reason(refused)
    if result["store"] is not None and any("--sign-off" in item["reason"] for item in refused):
        key = key_folder(Path(result["store"]))
        lines.append(
            f"to sign off: look at the pictures in {key}/doubtful, write yes or whole under accept in "
            f"{key}/doubtful.csv, and run the same command with --sign-off {key}/doubtful.csv --overwrite"
        )
    return lines


def by_reason(refused: Iterable[dict[str, str]]) -> Iterator[str]:
    """Files that were quarantined, the commonest reason first."""
    from sslecho.data.reasons import without_figures

    files_of: dict[str, list[str]] = defaultdict(list)
    whole = {}
    for item in refused:
        reason = without_figures(item["reason"])
        files_of[reason].append(item["path"])
        whole[reason] = item["reason"]
    sorted_files = sorted(files_of.items(), key=lambda item: -len(item[1]))
    for reason, files in sorted_files[:SHOWN]:
        if len(files) == 1:
            yield f"quarantined {files[0]}: {whole[reason]}"
            continue
        yield f"quarantined {len(files):,} files: {reason}"
        yield from (f"  {file}" for file in files[:SHOWN_OF_ONE])
        if len(files) > SHOWN_OF_ONE:
            yield f"  … and {len(files) - SHOWN_OF_ONE:,} more; --json lists all"
    left = sum(len(files) for _, files in sorted_files[SHOWN:])
    if left:
        yield f"… and {left:,} more for other reasons; --json lists all"


def _duration(hours: float) -> str:
    """Hours for a reader."""
    minutes = hours * 60
    return "a minute" if minutes < 1.5 else f"{minutes:.0f} minutes" if minutes < 90 else f"{hours:.1f} hours"
