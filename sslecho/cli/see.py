"""Commands to look with: demo, doctor, check, augmentations, visualize, report, review."""

from pathlib import Path
from typing import Annotated

import typer

from sslecho.api.review_settings import ReviewSettings
from sslecho.api.settings import AugmentationsSettings, CheckSettings, DemoSettings, VisualizeSettings
from sslecho.cli.command import Call, Out, Said, add_command, result_of
from sslecho.cli.data import StoreArgument
from sslecho.cli.learn import EmbeddingsArgument


def add_to(app: typer.Typer) -> None:
    """Register this file's commands."""

    @add_command(app, DemoSettings)
    def demo(
        call: Call,
        out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write.")] = Path("sslecho-demo"),
    ) -> Said:
        """Do everything once on simulated ultrasound: archive, store, encoder, clusters, labels, report page."""
        from sslecho.api.demo import demo

        page = demo(out, overwrite=call.overwrite, **call.options)
        result = result_of(out)
        return Said(result, result["lines"], f"the report page is {page}; open it in a browser")

    @add_command(app, None, overwrite=False)
    def doctor(call: Call) -> Said:
        """Say what works on this machine and how to mend what doesn't."""
        from sslecho.api.doctor import doctor

        result = doctor()
        return Said(result, result["lines"], "next: sslecho demo")

    @add_command(app, CheckSettings, overwrite=False)
    def check(
        call: Call,
        store: StoreArgument,
        out: Annotated[
            Path | None, typer.Option("--out", "-o", help="A page to write, with pictures.", show_default=False)
        ] = None,
    ) -> Said:
        """Look for damage, leaks, copies, contradictory labels, and clips that show nothing."""
        from sslecho.api.check import check_with_summary, said

        result = check_with_summary(store, out, **call.options)
        closing = f"next: sslecho check {store} -o check.html" if out is None else f"wrote {out}; open it in a browser"
        if out is not None and result["split"] == "all":
            closing += f"; next: sslecho split {store}"
        if result["failed"]:
            closing = f"--fail-on {call.options['fail_on']}: found {', '.join(result['failed'])}; {closing}"
        return Said(result, said(store, result), closing, exit_code=int(bool(result["failed"])))

    @add_command(app, AugmentationsSettings, overwrite=False)
    def augmentations(call: Call, store: StoreArgument, out: Out) -> Said:
        """Draw each augmentation at several strengths, and each policy's draws, on frames of a store."""
        from sslecho.api.augmentations import augmentations_with_summary

        result = augmentations_with_summary(store, out, **call.options)
        return Said(result, [], f"wrote {out}; next: sslecho pretrain {store} --policy NAME -o run")

    @add_command(app, VisualizeSettings, overwrite=False)
    def visualize(call: Call, embeddings: EmbeddingsArgument, out: Out) -> Said:
        """Draw the embedding map (UMAP): .png for papers, .html to explore offline, .parquet for Embedding Atlas."""
        from sslecho.api.visualize import closing, visualize_with_summary

        result = visualize_with_summary(embeddings, out, **call.options)
        return Said(result, [], f"wrote {out}{closing(result)}")

    @add_command(app, None, overwrite=False)
    def report(
        call: Call,
        run: Annotated[
            Path, typer.Argument(help="A run's folder, or one that holds several runs.", show_default=False)
        ],
        out: Out,
    ) -> Said:
        """Draw one self-contained page of a run, or of all runs in a folder."""
        from sslecho.api.report import report_with_summary

        result = report_with_summary(run, out)
        lines = [f"{one['command']}: {one['title']}" for one in result["runs"]]
        return Said(result, lines, f"wrote {out}; open it in a browser")

    @add_command(app, ReviewSettings, overwrite=False)
    def review(
        call: Call,
        run: Annotated[
            Path, typer.Argument(help="A folder that `sslecho cluster` or `propagate` made.", show_default=False)
        ],
        out: Annotated[
            Path | None,
            typer.Option("--out", "-o", help="The folder to keep the review in; RUN/review if none is named."),
        ] = None,
    ) -> Said:
        """Name clusters and correct labels on a web page of this machine; writes labels.csv when it is closed."""
        from sslecho.api.review import review_with_summary

        result = review_with_summary(run, out, **call.options)
        closing = f"wrote {result['labels_csv']}; next: sslecho probe EMB --labels {result['labels_csv']} -o probe"
        return Said(result, [result["said"]], closing)
