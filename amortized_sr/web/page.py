"""Writes the page as a static site, or as one HTML file that opens from a disk. Loads no torch.

The scripts are modules, which node tests. A browser gets them as two classic scripts, because a page that was opened
from a disk may load no modules: `scripts/build_web_page` joins and minifies them, and the result is in `built/`.
"""

import base64
import hashlib
import html
import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from amortized_sr.autoencoder_config import AutoencoderConfig
from amortized_sr.image_io import replacing
from amortized_sr.weights_header import WeightsError, find_weights, read_header

SITE_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; "
    "img-src 'self' blob: data:; style-src 'self'; base-uri 'none'; form-action 'none'"
)
"""What the static site may load and do: its content security policy."""

_BUILT = ("app.js", "worker.js", "style.css")

# Pictures on the page by their names for readers, and who made them.
_EXAMPLES = {"kitten": "kitten_64.png", "owl": "owl_32.png", "digit": "digit_28.png"}
_CREDITS = (
    "Pictures: kitten: budgie-backgrounds, CC0; owl: Noto Emoji by Google, Apache-2.0; "
    "digits: MNIST by LeCun, Cortes and Burges, CC BY-SA 3.0."
)

# The digits from 0 to 9 side by side, each the first of its kind in MNIST's test set; two of them are morphed at first.
_SHEET = "digits_28.png"
_FIRST_MORPH = {"from": 4, "to": 9}


# What the hub reads of a Space: https://huggingface.co/docs/hub/spaces-config-reference
_SPACE = """---
title: Images as functions
emoji: 🔍
colorFrom: blue
colorTo: gray
sdk: static
app_file: index.html
license: mit
short_description: Enlarge pictures to any size, in your browser
---

The page encodes a picture in the browser and draws any part of it at any size. Nothing is uploaded.
It was written by `amortized-sr page --space`.
"""


@dataclass(frozen=True)
class _Models:
    """Contents of weights files by names that can stand in an address: of pictures, and of digits, at most one."""

    upscalers: dict[str, bytes]
    autoencoders: dict[str, bytes]

    @property
    def files(self) -> dict[str, bytes]:
        """The files by their path in the site."""
        every = self.upscalers | self.autoencoders
        return {f"weights/{name}.safetensors": content for name, content in every.items()}


def site_files(models: Sequence[str]) -> dict[str, bytes]:
    """Return the files of the static site by their path in it.

    Args:
        models: Names of bundled weights, or paths of weights files: upscalers, the first of which is chosen when the
            page opens, and at most one autoencoder, which the page morphs digits with.

    Raises:
        WeightsError: If there are no such weights, the page cannot draw with them, or two have the same name.
    """
    found = _models(models)
    pictures = {f"examples/{file}": _part(f"examples/{file}") for file in _pictures(found)}
    page = _page(
        policy=SITE_POLICY,
        style='<link rel="stylesheet" href="style.css">',
        scripts='<script src="app.js" defer></script>',
        models=found,
        sources={file: f"examples/{file}" for file in _pictures(found)},
    )
    files = {"index.html": page.encode(), "core.wasm": _part("core.wasm")}
    files |= {name: _part(f"built/{name}") for name in _BUILT}
    return files | pictures | found.files


def single_file(models: Sequence[str]) -> bytes:
    """Return the page as one HTML file that holds everything, its policy allows no connection at all.

    Args:
        models: As for `site_files`.

    Raises:
        WeightsError: As `site_files`.
    """
    found, (app, worker, style) = _models(models), [_part(f"built/{name}").decode() for name in _BUILT]
    data = {"core.wasm": _part("core.wasm")} | found.files
    held = {name: base64.b64encode(content).decode() for name, content in data.items()} | {"worker.js": worker}
    scripts = [f'<script type="text/plain" id="{html.escape(name)}">{text}</script>' for name, text in held.items()]
    scripts.append(f"<script>{app}</script>")
    policy = (
        f"default-src 'none'; script-src '{policy_hash(app)}' 'wasm-unsafe-eval'; worker-src blob:; "
        f"img-src blob: data:; style-src '{policy_hash(style)}'; base-uri 'none'; form-action 'none'"
    )
    pictures = {file: base64.b64encode(_part(f"examples/{file}")).decode() for file in _pictures(found)}
    page = _page(
        policy=policy,
        style=f"<style>{style}</style>",
        scripts="\n".join(scripts),
        models=found,
        sources={file: f"data:image/png;base64,{content}" for file, content in pictures.items()},
    )
    return page.encode()


def write_site(folder: Path, models: Sequence[str], space: bool = False) -> list[Path]:
    """Write the static site into a folder and return the paths of its files; see `site_files`.

    Args:
        folder: The folder.
        models: As for `site_files`.
        space: Whether to add what makes the folder a static Space of the Hugging Face hub.
    """
    paths: list[Path] = []
    for name, content in (site_files(models) | ({"README.md": _SPACE.encode()} if space else {})).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            file.write(content)
        paths.append(path)
    return paths


def _page(policy: str, style: str, scripts: str, models: _Models, sources: Mapping[str, str]) -> str:
    options = "".join(f"<option>{html.escape(name)}</option>" for name in models.upscalers)
    examples = "\n".join(
        f'<button class="example" type="button"><img src="{sources[file]}" alt="{title}"></button>'
        for title, file in _EXAMPLES.items()
    )
    return string.Template(_part("index.html").decode()).substitute(
        policy=policy,
        style=style,
        scripts=scripts,
        models=options,
        hidden="hidden" if len(models.upscalers) == 1 else "",
        examples=examples,
        digits="".join(html.escape(name) for name in models.autoencoders),
        morphs="" if models.autoencoders else "hidden",
        sheet=sources.get(_SHEET, ""),
        credits=_CREDITS,
        **{place: _digits(first) for place, first in _FIRST_MORPH.items()},
    )


def _digits(chosen: int) -> str:
    """Return the choices of a digit."""
    digits = [f"<option{' selected' if digit == chosen else ''}>{digit}</option>" for digit in range(10)]
    return "".join([*digits, '<option value="">mine</option>'])


def _pictures(models: _Models) -> list[str]:
    """Return the files of the pictures that a page shows."""
    return [*_EXAMPLES.values(), *([_SHEET] if models.autoencoders else [])]


def _models(models: Sequence[str]) -> _Models:
    """Return the weights of a page."""
    result = _Models({}, {})
    for model in models:
        path = find_weights(model)
        if problem := _obstacle(path):
            raise WeightsError(f"{path}: {problem}; choose others")
        name = name_in_address(path)
        if name in result.upscalers or name in result.autoencoders:
            raise WeightsError(f"{path}: two models of the page have the name {name}; rename one file")
        kind = result.autoencoders if is_autoencoder(model) else result.upscalers
        kind[name] = path.read_bytes()
    if not result.upscalers:
        raise WeightsError(f"{', '.join(models)}: the page needs an upscaler for its pictures; add one, as photo-tiny")
    if len(result.autoencoders) > 1:
        raise WeightsError(f"{', '.join(result.autoencoders)}: the page morphs with one autoencoder; choose one")
    return result


def is_drawable(model: str) -> bool:
    """Return whether the page can draw with a model; see `site_files` for its name.

    Raises:
        WeightsError: If there are no such weights.
    """
    return _obstacle(find_weights(model)) is None


def name_in_address(path: Path) -> str:
    """Return a name for a weights file that can stand in an address.

    Example:
        >>> name_in_address(Path("runs/my cats/model.safetensors"))
        'my_cats'
    """
    # A run's folder says more than the name of the file in it.
    name = path.parent.name if path.name == "model.safetensors" else path.stem
    return re.sub(r"[^\w.-]+", "_", name, flags=re.ASCII) or "model"


def is_autoencoder(model: str) -> bool:
    """Return whether a model is an autoencoder; see `site_files` for its name.

    Raises:
        WeightsError: If there are no such weights.
    """
    return isinstance(read_header(find_weights(model)).config, AutoencoderConfig)


def _obstacle(path: Path) -> str | None:
    """Return why the page cannot draw with a weights file, or None."""
    config = read_header(path).config
    if isinstance(config, AutoencoderConfig):
        if config.decoder in ("linear", "modulated") and config.code_grid == 1:
            return None
        return (
            "the page morphs with autoencoders with the decoder linear or modulated and code_grid 1, "
            f"these weights have {config.decoder} and {config.code_grid}"
        )
    if config.field == "hyper" and config.encoder in ("edsr", "hybrid"):
        return None
    return (
        "the page draws upscalers with the field hyper and the encoder edsr or hybrid, "
        f"these weights have {config.field} and {config.encoder}"
    )


def policy_hash(text: str) -> str:
    """Return what a content security policy calls a script or a style that is inside of the page."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _part(name: str) -> bytes:
    return (resources.files("amortized_sr.web") / name).read_bytes()
