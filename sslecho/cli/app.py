"""The program: all groups of commands under one name."""

from typing import Annotated

import typer

from sslecho import __version__
from sslecho.cli import audit, benchmark, data, deploy, explain, label, learn, see

app = typer.Typer(
    name="sslecho",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Self-supervised and contrastive pretraining for ultrasound, with the patient as the unit.",
    epilog="Start with `sslecho demo`. Every command is also a function: sslecho.pretrain(store, out, epochs=10).",
)


def _version(asked: bool | None) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool | None, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = None,
) -> None:
    pass


for group in (see, data, learn, label, explain, audit, benchmark, deploy):
    group.add_to(app)
