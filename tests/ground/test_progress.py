from sslecho import progress
from sslecho.progress import track


def test_plain_lines_where_stderr_is_no_terminal(capsys, monkeypatch):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    with track("ingest", total=4, unit="files", done=1) as bar:
        bar.advance(2, loss="1.50")
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("ingest: 3/4 files, ")
    assert last.endswith(" s left, loss 1.50")


def test_quiet_while_nothing_took_long(capsys):
    with track("ingest", total=4, unit="files") as bar:
        bar.advance(4)
    assert capsys.readouterr().err == ""
