"""The confusion matrix as an HTML table: read by eye as a picture, and aloud as a table."""

import numpy as np
from jaxtyping import Int64

from sslecho.report.markup import text
from sslecho.report.wording import share

MOST_SHOWN = 40  # classes; a larger matrix can't be read


def confusion_of(truth: np.ndarray, answers: np.ndarray, classes: list[str]) -> Int64[np.ndarray, "c c"]:
    """How many items of each class (rows) got each answer (columns)."""
    place = {name: code for code, name in enumerate(classes)}
    table = np.zeros((len(classes), len(classes)), np.int64)
    for true, answer in zip(truth.tolist(), answers.tolist(), strict=True):
        table[place[true], place[answer]] += 1
    return table


def confusion_table(counts: Int64[np.ndarray, "c c"], classes: list[str], *, items: str) -> str:
    """The matrix as HTML; a cell is the darker the larger its share of the class.

    Args:
        items: what is counted, in the plural.
    """
    if len(classes) > MOST_SHOWN:
        return f"<p>{len(classes)} classes are too many for a matrix; the pairs below say what is mixed up.</p>"
    of_class = counts.sum(1)
    head = "".join(f'<th scope="col"><span>{text(name)}</span></th>' for name in classes)
    rows = []
    for place, name in enumerate(classes):
        cells = []
        for column, count in enumerate(counts[place].tolist()):
            part = count / of_class[place] if of_class[place] else 0.0
            kind = "right" if place == column else "wrong"
            strong = " strong" if part > 0.55 else ""
            shade = f' style="--share:{part:.3f}"' if count else ""
            title = f"{count:,} of {int(of_class[place]):,} {items} of {name} were called {classes[column]}"
            cells.append(
                f'<td class="{kind}{strong}"{shade} title="{text(title)}">{f"{count:,}" if count else "·"}</td>'
            )
        rows.append(
            f'<tr><th scope="row">{text(name)}</th>{"".join(cells)}<td class="sum">{int(of_class[place]):,}</td></tr>'
        )
    return (
        '<div class="table card matrix" tabindex="0"><table><thead><tr><td class="corner">truth ↓ answer →</td>'
        f'{head}<th scope="col" class="sum"><span>{text(items)}</span></th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def worst_pairs(counts: Int64[np.ndarray, "c c"], classes: list[str], *, most: int = 5) -> list[str]:
    """The pairs that are mixed up most often, in words, by how many items each one costs."""
    off = counts.copy()
    np.fill_diagonal(off, 0)
    order = np.argsort(-off.ravel(), kind="stable")[:most]
    said = []
    for place in order.tolist():
        row, column = divmod(place, len(classes))
        n = int(off[row, column])
        if n:
            part = share(n / int(counts[row].sum()))
            said.append(f"{classes[row]} called {classes[column]}: {n:,} ({part} of its class)")
    return said
