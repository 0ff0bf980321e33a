"""A comparison's means as an HTML table: sortable, the best values marked, each column explained."""

from collections.abc import Sequence
from html import escape

from amortized_sr.benchmark.columns import COLUMNS, Column
from amortized_sr.benchmark.comparison import MethodResult
from amortized_sr.benchmark.protocol import flat


def results_table(results: Sequence[MethodResult], caption: str) -> str:
    """Return the table of all methods with its explanations; a page's script sorts it.

    The best values are those of one kind of input: methods on other inputs did something else.
    """
    # Where all inputs are of one kind, the protocol says which.
    several = len({one.input for one in results}) > 1
    head = [_header("method"), *([_header("input")] if several else []), *map(_number_header, COLUMNS)]
    best = _best(results)
    rows = "\n".join(_row(one, several, best[row]) for row, one in enumerate(results))
    terms = "\n".join(
        f'<dt>{_label(column)}</dt><dd id="about-{column.name}">{escape(column.about)}</dd>' for column in COLUMNS
    )
    return f"""<div class="scroll" role="region" tabindex="0" aria-labelledby="caption">
<table id="results"><caption id="caption">{escape(caption)} The best values are bold.</caption>
<thead><tr>{"".join(head)}</tr></thead>
<tbody>
{rows}
</tbody></table></div>
<details><summary>What the columns mean</summary><dl>
{terms}
</dl></details>"""


def _header(name: str, attributes: str = "", first: str = "ascending") -> str:
    """Return the header of a column, whose button sorts by it, at first in the given direction."""
    button = f'<button type="button" class="sort" data-first="{first}"{attributes}>{name}</button>'
    return f'<th scope="col" aria-sort="none">{button}</th>'


def _number_header(column: Column) -> str:
    # Best values come first.
    first = "descending" if column.better == "higher" else "ascending"
    return _header(_label(column), f' aria-describedby="about-{column.name}"', first)


def _label(column: Column) -> str:
    unit = f' <span class="unit">{escape(column.unit)}</span>' if column.unit else ""
    return escape(column.label) + unit


def _best(results: Sequence[MethodResult]) -> list[set[str]]:
    """Return for each row the columns whose values are the best of all with its kind of input."""
    found: list[set[str]] = [set() for _ in results]
    for kind in {one.input for one in results}:
        rows = [row for row, one in enumerate(results) if one.input == kind]
        for column in COLUMNS:
            values = [flat(results[row])[column.name] for row in rows]
            for place in column.best(values):
                found[rows[place]].add(column.name)
    return found


def _row(one: MethodResult, several: bool, best: set[str]) -> str:
    named = f'<th scope="row">{escape(one.method)}</th>'
    if several:
        named += f'<td class="input">{escape(one.input)}</td>'
    if one.error:
        return f'<tr>{named}<td class="failed" colspan="{len(COLUMNS)}">failed: {escape(one.error)}</td></tr>'
    values = flat(one)
    cells = "".join(_cell(column, values[column.name], column.name in best) for column in COLUMNS)
    return f"<tr>{named}{cells}</tr>"


def _cell(column: Column, value: int | float | None, best: bool) -> str:
    if value is None:
        return "<td>-</td>"
    text = escape(column.text(value))
    mark = '<span class="unseen"> (best)</span>' if best else ""
    return f'<td data-value="{value!r}">{f"<strong>{text}</strong>{mark}" if best else text}</td>'
