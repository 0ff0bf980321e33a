"""The HTML table of a comparison, without a browser."""

import re

from amortized_sr.benchmark.columns import COLUMNS
from amortized_sr.benchmark.comparison import MethodResult
from amortized_sr.benchmark.protocol import Quality
from amortized_sr.benchmark.results_table import results_table


def rows(table: str) -> dict[str, list[str]]:
    """Return the cells below the header by the method, as HTML."""
    body = table.split("<tbody>")[1].split("</tbody>")[0]
    found = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", line) for line in body.strip().splitlines()]
    return {cells[0]: cells[1:] for cells in found}


def result(method: str, psnr: float | None, seconds: float, **more: object) -> MethodResult:
    return MethodResult(method, quality=Quality(psnr=psnr), encode_seconds=seconds, draw_seconds=0.5, **more)


def best(cells: list[str]) -> list[str]:
    return [COLUMNS[place].name for place, cell in enumerate(cells) if "<strong>" in cell]


def test_the_highest_quality_and_the_lowest_time_are_marked_for_eyes_and_ears():
    found = rows(results_table([result("a", 31.0, 0.2), result("b", 30.0, 0.1), result("c", None, 0.3)], "Means."))

    assert best(found["a"]) == ["psnr"]
    assert best(found["b"]) == ["encode_seconds"]
    # Drawing takes the same time for all, so that none is better.
    assert best(found["c"]) == []
    assert found["a"][0] == '<strong>31.00</strong><span class="unseen"> (best)</span>'
    assert found["c"][0] == "-"


def test_values_that_look_equal_are_all_the_best():
    found = rows(results_table([result("a", 31.001, 0.2), result("b", 31.002, 0.1), result("c", 7.0, 0.3)], "Means."))

    assert "psnr" in best(found["a"])
    assert "psnr" in best(found["b"])


def test_each_kind_of_input_has_its_best_values():
    results = [
        result(name, psnr, 0.1, input=kind)
        for kind, low in (("clean", 30.0), ("noise 25", 20.0))
        for name, psnr in ((f"a {kind}", low), (f"b {kind}", low + 1))
    ]
    table = results_table(results, "Means.")
    found = rows(table)

    assert [name for name, cells in found.items() if "<strong>" in cells[1]] == ["b clean", "b noise 25"]
    assert found["a noise 25"][0] == "noise 25"
    assert table.count('<th scope="col"') == len(COLUMNS) + 2


def test_headers_have_units_directions_and_explanations_and_rows_have_headers():
    table = results_table([result("a", 31.0, 0.2), result("b", 30.0, 0.1)], "Means.")

    for column in COLUMNS:
        assert f'aria-describedby="about-{column.name}"' in table
        assert f'<dd id="about-{column.name}">{column.about}</dd>' in table
    assert 'PSNR <span class="unit">dB</span>' in table
    assert 'encode <span class="unit">s</span>' in table
    assert table.count('<th scope="row">') == 2
    firsts = re.findall(r'data-first="(\w+)"', table)
    assert firsts[1] == "descending"
    assert firsts[1 + [column.name for column in COLUMNS].index("encode_seconds")] == "ascending"


def test_names_and_errors_are_escaped():
    table = results_table([result("<b>", 31.0, 0.2), MethodResult("bad", error="ValueError: <img src=x> & 'y'")], "<i>")

    assert "<b>" not in table
    assert "<img" not in table
    assert "<i>" not in table
    assert "failed: ValueError: &lt;img src=x&gt; &amp; &#x27;y&#x27;" in table
