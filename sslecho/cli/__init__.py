"""The command line: thin typer commands over the public functions."""


def main() -> None:
    """Entry point of the `sslecho` program."""
    from sslecho.cli.app import app

    app()
