"""The command that asks what embeddings and labels may owe to something else than anatomy: audit."""

from typing import Any

import typer

from sslecho.api.audit_settings import AuditSettings
from sslecho.cli.command import Call, Out, Said, add_command, result_of
from sslecho.cli.learn import EmbeddingsArgument


def add_to(app: typer.Typer) -> None:
    """Register this file's command."""

    @add_command(app, AuditSettings)
    def audit(call: Call, embeddings: EmbeddingsArgument, out: Out) -> Said:
        """Look for shortcuts: what tells the label although it is no anatomy, and whether the embedding has it."""
        from sslecho.api.audit import audit

        audit(embeddings, out, overwrite=call.overwrite, **call.options)
        result = result_of(out)
        return Said(
            result, _audited(result), f"wrote {out}; {out}/audit.png shows it, docs/audit.md says what it means"
        )


def _audited(result: dict[str, Any]) -> list[str]:
    """The figures, then what they mean."""
    lines = [f"{'':45} {'':>6} {'95 %':>13} {'chance':>7} {'p':>6}"]
    for row in result["rows"]:
        words = f"{row['what']} from {row['source']}"
        if row["value"] is None:
            lines.append(f"{words:45} {'–':>6}")
            continue
        interval = "" if row["low"] is None else f"({row['low']:.3f}–{row['high']:.3f})"
        lines.append(f"{words:45} {row['value']:6.3f} {interval:>13} {row['chance']:7.3f} {row['p']:6.3f}")
    return [
        *lines,
        f"n = {result['n']} clips of {result['n_patients']} {result['unit']}s, split: test; above chance: the interval "
        f"is, and p is at most {result['alpha']:.4f} (5 % over {result['tests']} suspects)",
        *result["verdicts"],
    ]
