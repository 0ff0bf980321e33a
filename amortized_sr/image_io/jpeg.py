"""What a JPEG file says about its own compression."""

from PIL import Image

from amortized_sr.jpeg_strength import step_of_table


def read_jpeg_step(image: Image.Image) -> float | None:
    """Return the step of an opened JPEG's table for brightness; None for other files, and for converted pictures.

    Pillow keeps the tables with the picture that it opened, and drops them from every other made of it.
    """
    tables: dict[int, list[int]] = getattr(image, "quantization", None) or {}
    # The first table is that of brightness, in every file that says no more than one for brightness and one for colour.
    return step_of_table(tables[min(tables)]) if tables else None
