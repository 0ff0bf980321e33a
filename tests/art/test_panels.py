"""Pictures side by side: unchanged, with their texts below."""

import numpy as np
import pytest
from PIL import Image

from amortized_sr.art.panels import panels, panels_size


@pytest.mark.parametrize("side", [1, 16, 128, 512])
def test_pictures_stay_as_they_are_and_texts_stand_below(side):
    pictures = [Image.new("L", (side, side), 60), Image.new("RGB", (side, side), (200, 10, 10))]
    row = panels(pictures, ["one", "another text"])
    assert (row.height, row.width) == panels_size(2, (side, side))
    values = np.asarray(row)
    assert (values[:side, :side] == 60).all()
    assert (values[:side, -side:] == (200, 10, 10)).all()
    below = values[side:]
    if side >= 16:
        # Black letters on white, in the cell of each.
        for part in (below[:, :side], below[:, -side:]):
            assert part.min() < 100
            assert (part == 255).mean() > 0.3
    assert not np.array_equal(panels(pictures, ["", ""]), values) or side == 1
