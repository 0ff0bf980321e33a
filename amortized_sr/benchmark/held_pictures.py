"""The pictures of a comparison as a page holds them: facts for its script, bytes by name, notes for its readers."""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from amortized_sr.benchmark.comparison import Comparison
from amortized_sr.benchmark.grid import pictures_of
from amortized_sr.benchmark.zoomable import LARGEST_LATENTS, Zoomable

SHOWN_PIXELS = 1 << 25
"""Pixels of all pictures of a page; a browser holds them decoded, and phones have little memory."""

# Some browsers draw nothing on canvases with longer sides.
_LONGEST_SIDE = 8192


@dataclass
class HeldPictures:
    """What a page holds of some images.

    Attributes:
        images: For each image its name, its size, and its pictures, as JSON.
        data: PNG files and latents by the names that `images` gives them.
        latent_bytes: How much of the page all latents take.
    """

    images: list[dict[str, Any]] = field(default_factory=list)
    data: dict[str, bytes] = field(default_factory=dict)
    latent_bytes: int = 0

    @property
    def notices(self) -> list[str]:
        """What the page says about the images, with their names."""
        return [f"{one['name']}: {note}" for one in self.images for note in one["notes"]]


def hold(images: Sequence[Comparison]) -> HeldPictures:
    """Return the pictures of images for a page: large ones are cropped to their middle, latents come while they fit."""
    held = HeldPictures()
    for one in images:
        _add(held, one)
    return held


def _add(held: HeldPictures, one: Comparison) -> None:
    pictures = pictures_of(one)
    whole = next(iter(pictures.values())).size
    size = _shown_size(whole, len(pictures))
    cropped = size != whole
    latents = {} if cropped else _latents(held, one)
    panes: list[dict[str, Any]] = []
    for name, picture in pictures.items():
        key = f"{len(held.images)}-{len(panes)}"
        held.data[key] = png_bytes(_middle(picture, size))
        pane: dict[str, Any] = {"name": name, "picture": key, "measured": _measured(one, name), "latent": None}
        if name in latents:
            held.data[f"{key}-latent"] = latents[name].data
            pane["latent"] = {**latents[name].facts, "data": f"{key}-latent"}
        panes.append(pane)
    notes = _zoom_notes(one, latents, cropped)
    if cropped:
        notes.append(f"the middle {size[0]}x{size[1]} of {whole[0]}x{whole[1]} pixels, as many as a page holds.")
    facts = {"name": one.name, "width": size[0], "height": size[1], "target": one.target is not None}
    held.images.append({**facts, "panes": panes, "notes": notes})


def _latents(held: HeldPictures, one: Comparison) -> dict[str, Zoomable]:
    """Return the latents by method that still fit into the page, and count them."""
    found: dict[str, Zoomable] = {}
    for name, prediction in one.predictions.items():
        latent = prediction.zoomable
        if isinstance(latent, Zoomable) and held.latent_bytes + latent.page_bytes <= LARGEST_LATENTS:
            found[name] = latent
            held.latent_bytes += latent.page_bytes
    return found


def _zoom_notes(one: Comparison, latents: dict[str, Zoomable], cropped: bool) -> list[str]:
    """Return which methods are drawn at every zoom and which are not, and why; nothing if that was not asked for."""
    drawn = ", ".join(f"{name} ({latent.page_bytes / 1e6:.2g} MB of the page)" for name, latent in latents.items())
    notes = [f"drawn anew at every zoom: {drawn}."] if latents else []
    missing: dict[str, list[str]] = {}
    for name, prediction in one.predictions.items():
        if prediction.zoomable is None or name in latents:
            continue
        reason = prediction.zoomable
        if isinstance(reason, Zoomable):
            full = f"all latents of a page take at most {LARGEST_LATENTS / 1e6:.0f} MB"
            reason = "its picture is too large for the page" if cropped else full
        missing.setdefault(reason, []).append(name)
    if missing:
        named = "; ".join(f"{', '.join(names)} ({reason})" for reason, names in missing.items())
        notes.append(f"pixels only: {named}.")
    return notes


def _measured(one: Comparison, name: str) -> str:
    psnr = one.predictions[name].quality.psnr if name in one.predictions else None
    return "" if psnr is None else f"{psnr:.2f} dB"


def _shown_size(size: tuple[int, int], count: int) -> tuple[int, int]:
    """Return the width and height that `count` pictures may have."""
    share = min(1.0, math.sqrt(SHOWN_PIXELS / (count * size[0] * size[1])))
    width, height = (max(1, min(int(side * share), _LONGEST_SIDE)) for side in size)
    return width, height


def _middle(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    left, top = ((own - shown) // 2 for own, shown in zip(picture.size, size, strict=True))
    return picture if picture.size == size else picture.crop((left, top, left + size[0], top + size[1]))


def png_bytes(picture: Image.Image) -> bytes:
    """Return a picture as a PNG file."""
    file = io.BytesIO()
    picture.save(file, format="PNG")
    return file.getvalue()
