"""Draw README's picture: one digit of 28x28 pixels at several sizes, and a window of it, from one encoding.

python scripts/make_readme_picture.py [--model mnist] [-o docs/sizes.png]
"""

import argparse
from pathlib import Path

from PIL import Image, ImageDraw

from amortized_sr import Upscaler
from amortized_sr.weights import DEFAULT_MODEL

_ROOT = Path(__file__).resolve().parent.parent
_SIZES = (28, 56, 112, 224, 448)
_WINDOW = (-0.65, -0.65, 0.05, 0.05)
_GAP, _CAPTION = 12, 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("-o", "--output", type=Path, default=_ROOT / "docs" / "sizes.png")
    arguments = parser.parse_args()
    picture = Image.open(_ROOT / "examples" / "digit_28.png")
    function = Upscaler.from_pretrained(arguments.model).encode(picture)
    panels = [("the 28 pixels", picture.resize((448, 448), Image.Resampling.NEAREST))]
    panels += [(str(size), function.render((size, size))) for size in _SIZES[1:]]
    panels += [("a window of it", function.render((448, 448), _WINDOW))]
    width = sum(panel.width for _, panel in panels) + _GAP * (len(panels) - 1)
    canvas = Image.new("L", (width, 448 + _CAPTION), 255)
    draw = ImageDraw.Draw(canvas)
    left = 0
    for caption, panel in panels:
        canvas.paste(panel, (left, 448 - panel.height))
        draw.text((left + 2, 448 + 4), caption, fill=0)
        left += panel.width + _GAP
    arguments.output.parent.mkdir(exist_ok=True)
    canvas.save(arguments.output, optimize=True)
    print(f"wrote {arguments.output}")


if __name__ == "__main__":
    main()
