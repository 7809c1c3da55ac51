"""The model card as a part of the page: the same card that `sslecho export` writes beside a model."""

from sslecho.report.chapter import Part
from sslecho.report.markup import definitions, prose, text
from sslecho.report.model_card import Card, CardSection
from sslecho.report.model_card_figures import Table

BELOW = ("Training", "Provenance")  # the page has a part of its own for them


def card_part(card: Card) -> Part:
    """The card without what stands below it on the page."""
    shown = [section for section in card.sections if section.title not in BELOW]
    tables = [section for section in shown if section.tables]
    left = [section for section in shown if section.facts and not section.tables]
    right = [section for section in shown if not section.facts and not section.tables]
    columns = "".join(f"<div>{''.join(map(_section, column))}</div>" for column in (left, right))
    body = (
        f'<div class="modelcard card"><p class="sum">{text(card.summary)}</p><div class="halves">{columns}</div>'
        f"{''.join(map(_section, tables))}</div>"
    )
    intro = "What to hand on with the model: what it is, of whom it was made, how good it is on whom, and its limits."
    return Part("card", "Model card", "Model card", intro, body)


def _section(section: CardSection) -> str:
    points = f"<ul>{''.join(f'<li>{prose(point)}</li>' for point in section.points)}</ul>" if section.points else ""
    facts = definitions(section.facts) if section.facts else ""
    tables = "".join(_table(table) for table in section.tables)
    return f'<div class="block"><h3>{text(section.title)}</h3>{facts}{points}{tables}</div>'


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col"{_who(place)}>{text(name)}</th>' for place, name in enumerate(table.columns))
    rows = "".join(
        f'<tr><th scope="row" class="who">{text(row[0])}</th>'
        f"{''.join(f'<td>{text(cell)}</td>' for cell in row[1:])}</tr>"
        for row in table.rows
    )
    return (
        f'<div class="table" tabindex="0"><table><caption>{text(table.title)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _who(place: int) -> str:
    return ' class="who"' if place == 0 else ""
