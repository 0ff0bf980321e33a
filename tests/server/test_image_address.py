"""Addresses of drawings: what the IIIF Image API 3.0 says they mean, and that no text is too strange for them."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amortized_sr.server.image_address import (
    declared_size,
    parse_identifier,
    parse_region,
    parse_size,
    parse_view,
)  # fmt: skip
from amortized_sr.server.limits import MAX_SIDE
from amortized_sr.server.refusal import RequestError

AREA = 2**20
WIDE = (300, 400)  # (height, width)


def region(text, declared=WIDE):
    part = parse_region(text, declared)
    return part.left, part.top, part.right, part.bottom


def size(text, part="full", declared=WIDE, area=AREA):
    height, width = parse_size(text, parse_region(part, declared), area)
    return width, height


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("full", (0, 0, 400, 300)),
        ("square", (50, 0, 350, 300)),
        ("125,15,120,140", (125, 15, 245, 155)),
        # Cut at the edges, as the specification's own example.
        ("125,15,400,400", (125, 15, 400, 300)),
        ("pct:41.6,7.5,40,70", (166.4, 22.5, 326.4, 232.5)),
        ("pct:41.6,7.5,66.6,100", (166.4, 22.5, 400, 300)),
    ],
)
def test_regions_mean_what_the_specification_says(text, expected):
    assert region(text) == pytest.approx(expected)


def test_the_whole_is_exactly_the_window_of_the_whole():
    for text in ("full", "0,0,400,300", "0,0,999999,999999", "pct:0,0,100,100"):
        assert parse_region(text, WIDE).window(WIDE) == (-1, -1, 1, 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("max", (400, 300)),
        ("150,", (150, 113)),
        (",150", (200, 150)),
        ("pct:50", (200, 150)),
        ("225,100", (225, 100)),
        ("!225,100", (133, 100)),
        # Not larger than the region without ^: the specification says "as large as possible", and no error.
        ("!2000,3000", (400, 300)),
        ("^360,", (360, 270)),
        ("^800,", (800, 600)),
        ("^,600", (800, 600)),
        ("^pct:200", (800, 600)),
        ("^800,100", (800, 100)),
        ("^!2000,600", (800, 600)),
        ("^max", (1182, 887)),
    ],
)
def test_sizes_mean_what_the_specification_says(text, expected):
    assert size(text) == expected


def test_max_is_as_large_as_the_limits_allow():
    width, height = size("max", declared=(3000, 4000))
    assert width * height <= AREA < (width + 2) * (height + 2)
    assert width / height == pytest.approx(4 / 3, rel=0.01)
    assert size("^max", declared=(1, 400), area=2**23) == (MAX_SIDE, 41)


@pytest.mark.parametrize(
    "text",
    [
        *("", ",", "^", "^,", "!", "!5,", "!,5", "0,", ",0", "0,5", "pct:0", "pct:0.0", "-5,", "5", "5,5,", "5.5,"),
        *("1e3,", "nan,"),
        *("401,", ",301", "400,301", "pct:100.1", "pct:200", "full ", "max,", "^^max", "NaN,", "inf,", "pct:nan"),
        *("²,", "٣,", "5,\n", f"{'9' * 5000},", f"pct:{'9' * 5000}", f"pct:1.{'0' * 5000}", "^999999,", "^1025,1024"),
        *("^999999,999999", "pct:-5", "pct:", "w,h", "%35,", "5, 5"),
    ],
)  # fmt: skip
def test_sizes_that_make_no_sense_are_refused(text):
    with pytest.raises(RequestError) as refused:
        size(text)
    assert refused.value.status == 400
    assert len(refused.value.sentence) < 250


@pytest.mark.parametrize(
    "text",
    [
        *("", "0,0,0,5", "0,0,5,0", "400,0,5,5", "0,300,5,5", "-1,0,5,5", "1,1,1", "1,1,1,1,1"),
        *("pct:100,0,5,5", "pct:0,0,0,5"),
        *("pct:0,0,nan,5", "nan,0,5,5", "0,0,inf,5", "0x0,0,5,5", f"0,0,{'9' * 5000},5", "1.5,0,5,5", "Full", "full\n"),
        *("pct:99.999999999999,0,0,5", "../../etc/passwd", "0,0,1000000,5"),
    ],
)  # fmt: skip
def test_regions_that_make_no_sense_are_refused(text):
    with pytest.raises(RequestError) as refused:
        region(text)
    assert refused.value.status == 400
    assert len(refused.value.sentence) < 250


@pytest.mark.parametrize("text", ["", "45", "90.5", "-90", "!", "!!90", "9e1", "nan", "9" * 5000, "٩٠", "450", "361"])
def test_only_quarter_turns_are_drawn(text):
    with pytest.raises(RequestError, match="rotation must be 0, 90, 180 or 270"):
        parse_view("full", "max", text, "default.jpg", WIDE, AREA)


@pytest.mark.parametrize(
    "name",
    ["", "default", "default.", ".jpg", "default.exe", "default.tif", "colour.jpg", "default.jpg.png", "a" * 5000],
)
def test_only_listed_qualities_and_formats_are_drawn(name):
    with pytest.raises(RequestError, match="the address must end with default or color"):
        parse_view("full", "max", "0", name, WIDE, AREA)


def test_a_turn_and_a_mirror_are_parts_of_the_view():
    view = parse_view("full", "max", "!270", "gray.webp", WIDE, AREA)
    assert (view.mirrored, view.quarter_turns, view.quality, view.format) == (True, 3, "gray", "webp")
    assert parse_view("full", "max", "360", "gray.webp", WIDE, AREA).quarter_turns == 0
    assert parse_view("full", "max", "90.0", "gray.webp", WIDE, AREA).quarter_turns == 1


def test_identifiers_declare_a_factor():
    name = "0123456789abcdef" * 2
    assert parse_identifier(name) == (name, 1)
    assert parse_identifier(f"{name}@64") == (name, 64)
    assert declared_size((64, 48), 64) == (4096, 3072)
    for wrong in ("", "x", name[1:], name + "0", name.upper(), f"{name}@", f"{name}@x", f"{name}@-1", f"{name}@1@2"):
        with pytest.raises(RequestError, match="no picture of this name"):
            parse_identifier(wrong)
    with pytest.raises(RequestError, match="at least 1"):
        parse_identifier(f"{name}@0")
    with pytest.raises(RequestError, match="use at most @15624"):
        declared_size((64, 48), 15625)


NUMBERS = st.integers(0, 1200).map(str) | st.floats(0, 300).map(lambda value: f"{value:.3f}")


@given(
    st.tuples(st.integers(1, 5000), st.integers(1, 5000)),
    st.builds("{}{},{},{},{}".format, st.sampled_from(["", "pct:"]), *[NUMBERS] * 4)
    | st.sampled_from(["full", "square"]),
    st.builds("{}{},{}".format, st.sampled_from(["", "^", "!", "^!"]), NUMBERS | st.just(""), NUMBERS | st.just(""))
    | st.builds("{}pct:{}".format, st.sampled_from(["", "^"]), NUMBERS)
    | st.sampled_from(["max", "^max"]),
)
def test_every_address_is_refused_or_within_all_limits(declared, part, text):
    view = refusal = None
    try:
        view = parse_view(part, text, "0", "default.jpg", declared, AREA)
    except RequestError as error:
        refusal = error
    if view is None:
        assert refusal is not None
        assert refusal.status == 400
        return
    y0, x0, y1, x1 = view.window
    assert -1 <= y0 < y1 <= 1
    assert -1 <= x0 < x1 <= 1
    assert min(view.size) >= 1
    assert view.size[0] * view.size[1] <= AREA
    assert max(view.size) <= MAX_SIDE
    if not text.startswith("^"):
        whole = parse_region(part, declared).size
        assert view.size[0] <= whole[0]
        assert view.size[1] <= whole[1]


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_any_text_is_an_address_or_refused(identifier, part, text, rotation, name):
    for parse in (lambda: parse_identifier(identifier), lambda: parse_view(part, text, rotation, name, WIDE, AREA)):
        with contextlib.suppress(RequestError):
            parse()
