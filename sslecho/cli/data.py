"""Commands that make and change stores: phantom, ingest, split."""

from pathlib import Path
from typing import Annotated

import typer

from sslecho.api.settings import IngestSettings, PhantomSettings, SplitSettings
from sslecho.cli.command import Call, Out, Said, add_command

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
        lines = [
            f"{result['accepted']} of {result['files']} files accepted: "
            f"{result['clips']} clips, {result['frames']} frames, "
            + ("patients unknown" if result["patients"] is None else f"{result['patients']} patients")
        ]
        lines += [f"quarantined {item['path']}: {item['reason']}" for item in result["quarantine"][:20]]
        if len(result["quarantine"]) > 20:
            lines.append(f"… and {len(result['quarantine']) - 20} more; --json lists all")
        if call.options["dry_run"]:
            return Said(result, lines, "nothing was written (--dry-run); the same command without it does the work")
        return Said(result, lines, f"wrote {out}; next: sslecho split {out}")

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
