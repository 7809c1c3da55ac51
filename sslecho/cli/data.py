"""Commands that make and change stores: phantom, ingest, split."""

from pathlib import Path
from typing import Annotated, Any

import typer

from sslecho.api.settings import IngestSettings, PhantomSettings, SplitSettings
from sslecho.cli.command import Call, Out, Said, add_command

SHOWN = 20  # quarantined files that are listed
StoreArgument = Annotated[Path, typer.Argument(help="A store that `sslecho ingest` made.", show_default=False)]


def add_to(app: typer.Typer) -> None:
    """Register this file's commands."""

    @add_command(app, PhantomSettings)
    def phantom(call: Call, out: Out) -> Said:
        """Write an archive of simulated ultrasound, with fake identities to remove."""
        from sslecho.api.phantom import phantom

        result = phantom(out, overwrite=call.overwrite, **call.options)
        lines = [f"{result['n']} clips of {result['n_patients']} patients, {result['files']} files"]
        patients = "dicom" if call.options["format"] == "dicom" else "column:patient"
        return Said(
            result,
            lines,
            f"wrote {out} (truth in {result['truth']}); "
            f"next: sslecho ingest {out} --labels {out}/labels.csv --patient-from {patients} -o store",
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
            return Said(result, lines, "nothing was written (--dry-run); the same command without it does the work")
        return Said(result, lines, f"wrote {out}; next: sslecho check {out} -o check.html, then sslecho split {out}")

    @add_command(app, SplitSettings)
    def split(call: Call, store: StoreArgument) -> Said:
        """Divide a store into train, val and test, a patient never in two of them."""
        from sslecho.api.split import split_with_summary

        _, result = split_with_summary(store, overwrite=call.overwrite, **call.options)
        lines = [
            f"{name}: {counts['clips']} clips, {counts['units']} units" for name, counts in result["splits"].items()
        ]
        did = "stood there before, nothing was done" if result["already"] else "was written"
        return Said(result, lines, f"the split of {store} {did}; next: sslecho pretrain {store} -o run")


def _ingested(result: dict[str, Any]) -> list[str]:
    """What an ingest did, or would do, for a reader."""
    layout = result["layout"]
    lines = [f"recognized: {layout['name']} ({layout['why']})"] if layout["name"] != "none" else []
    lines.append(
        f"{result['accepted']} of {result['files']} files accepted: "
        f"{result['clips']} clips, {result['frames']} frames, "
        + ("patients unknown" if result["patients"] is None else f"{result['patients']} patients")
    )
    lines.append("kinds: " + ", ".join(f"{n} {kind}" for kind, n in result["kinds"].items()))
    if result["left_out"]:
        left_out = ", ".join(f"{n} {kind}" for kind, n in result["left_out"].items())
        lines.append(f"left out for their kind (--kinds takes them): {left_out}")
    if "gigabytes" in result:
        lines.append(
            f"{result['gigabytes']:.2f} GB, about {_duration(result['hours'])} on this machine; "
            "--max-frames and --every keep fewer frames a clip"
        )
    refused = [item for item in result["quarantine"] if not item["reason"].startswith("its kind is")]
    lines += [f"quarantined {item['path']}: {item['reason']}" for item in refused[:SHOWN]]
    if len(refused) > SHOWN:
        lines.append(f"… and {len(refused) - SHOWN} more; --json lists all")
    if any("--sign-off" in item["reason"] for item in refused):
        lines.append("pictures of the clips to sign off, and the list to answer in, lie beside the store's key")
    return lines


def _duration(hours: float) -> str:
    """Hours for a reader."""
    minutes = hours * 60
    return "a minute" if minutes < 1.5 else f"{minutes:.0f} minutes" if minutes < 90 else f"{hours:.1f} hours"
