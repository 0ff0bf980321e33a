"""Draw README's picture: a photograph of 64x64 pixels, rendered at several sizes and in a window from one encoding.

python scripts/make_readme_picture.py [--model NAME] [-o docs/sizes.png]
"""

import argparse
from pathlib import Path

from PIL import Image, ImageDraw

from amortized_sr import Upscaler
from amortized_sr.weights_header import DEFAULT_MODEL

_ROOT = Path(__file__).resolve().parent.parent
_SIZES = (96, 200, 420)
_WINDOW = (-0.5, -0.7, 0.3, 0.1)
_GAP, _CAPTION = 12, 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("-o", "--output", type=Path, default=_ROOT / "docs" / "sizes.png")
    arguments = parser.parse_args()
    picture = Image.open(_ROOT / "examples" / "kitten_64.png")
    function = Upscaler.from_pretrained(arguments.model).encode(picture)
    panels = [("the input, 64x64 pixels", picture.resize((_SIZES[-1], _SIZES[-1]), Image.Resampling.NEAREST))]
    panels += [(f"{size}x{size}", function.render((size, size))) for size in _SIZES]
    panels += [(f"a window, {_SIZES[-1]}x{_SIZES[-1]}", function.render((_SIZES[-1], _SIZES[-1]), _WINDOW))]
    width = sum(panel.width for _, panel in panels) + _GAP * (len(panels) - 1)
    height = _SIZES[-1]
    canvas = Image.new("RGB", (width, height + _CAPTION), "white")
    draw = ImageDraw.Draw(canvas)
    left = 0
    for caption, panel in panels:
        canvas.paste(panel, (left, height - panel.height))
        draw.text((left + 2, height + 4), caption, fill="black", font_size=14)
        left += panel.width + _GAP
    arguments.output.parent.mkdir(exist_ok=True)
    canvas.save(arguments.output, optimize=True)
    print(f"wrote {arguments.output}")


if __name__ == "__main__":
    main()
