"""Requests of sizes: labels, limits, and what is refused."""

import pickle
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amortized_sr.sizes import SizeRequest

sides = st.integers(1, 5000)


@pytest.mark.parametrize(
    ("request_", "label", "size"),
    [
        (SizeRequest(4.0), "x4", (24, 32)),
        (SizeRequest(2.5), "x2.5", (15, 20)),
        (SizeRequest(2.0000001), "x2.0000001", (12, 16)),
        (SizeRequest(0.01), "x0.01", (1, 1)),
        (SizeRequest(size=(20, 30)), "30x20", (20, 30)),
        (SizeRequest(width=20), "w20", (15, 20)),
        (SizeRequest(height=20), "h20", (20, 27)),
        (SizeRequest(longest=20), "l20", (15, 20)),
    ],
)
def test_a_request_has_a_label_and_a_size(request_, label, size):
    assert (request_.label, request_.resolve((6, 8))) == (label, size)
    assert pickle.loads(pickle.dumps(request_)) == request_


@given(height=sides, width=sides, wanted=sides)
def test_proportions_are_off_by_half_a_pixel_at_most(height, width, wanted):
    for request_ in (SizeRequest(width=wanted), SizeRequest(height=wanted), SizeRequest(longest=wanted)):
        drawn = request_.resolve((height, width))
        scale = wanted / (width if request_.width else height if request_.height else max(height, width))
        assert wanted in drawn
        for side, large in zip((height, width), drawn, strict=True):
            assert large == 1 or abs(large - side * scale) <= 0.5 + 1e-6


def test_numbers_of_kindred_types_become_plain_ones():
    script = (
        "import numpy\nfrom amortized_sr import SizeRequest\n"
        "request = SizeRequest(size=numpy.array([8, 10]))\n"
        "print(request.size, SizeRequest(size=[8, 10]) == request, SizeRequest(4).label,"
        "    SizeRequest(width=numpy.int64(9)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    assert done.stdout == "(8, 10) True x4 SizeRequest(scale=None, size=None, width=9, height=None, longest=None)\n"


@pytest.mark.parametrize("size", ["64", "(64,)", "(2, 3, 4)", "array(64)", "(2.5, 4)", "'ab'", "(0, 4)"])
def test_a_size_that_is_not_two_numbers_is_a_sentence(size):
    """In a process of its own: in this one the types of arguments are checked, and complain first."""
    script = (
        "from numpy import array\nfrom amortized_sr.sizes import SizeRequest, check_size\n"
        "for use in (check_size, lambda size: SizeRequest(size=size)):\n"
        f"    try:\n        use({size})\n    except ValueError as error:\n        print(error)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    said = f"size must be (height, width) in whole pixels, at least 1 each, got {size}"
    assert done.stdout.splitlines() == [said, said]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "choose one of scale, size, width, height, longest; got none"),
        ({"scale": 2.0, "width": 9}, "choose one of scale, size, width, height, longest; got scale and width"),
        ({"scale": 0.0}, "scale must be a positive number, got 0.0; for example 4 or 2.5"),
        ({"scale": 65537.0}, "scale 65537 makes more than 65536x65536 pixels of a single one; use a smaller scale"),
        ({"size": (0, 4)}, r"size must be \(height, width\) in whole pixels, at least 1 each, got \(0, 4\)"),
        ({"longest": 0}, "longest must be a whole number of pixels, at least 1, got 0"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(values, said):
    with pytest.raises(ValueError, match=f"^{said}$"):
        SizeRequest(**values)


def test_a_scale_that_no_file_can_hold_is_refused():
    with pytest.raises(ValueError, match="above the limit of 4,294,967,296; use a smaller scale"):
        SizeRequest(1000.0).resolve((10_000, 1000))
