"""Writes the page as a static site, or as one HTML file that opens from a disk. Loads no torch.

The scripts of the worker are modules, so that node can test them; a browser gets them joined as one classic script,
because a page that was opened from a disk may load no modules. Comments and indentation stay here.
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

from amortized_sr.image_io import replacing
from amortized_sr.model_config import ModelConfig
from amortized_sr.weights_header import WeightsError, find_weights, read_header

SITE_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; "
    "img-src 'self' blob: data:; style-src 'self'; base-uri 'none'; form-action 'none'"
)
"""What the static site may load and do: its content security policy."""

# In the order in which the joined script needs them.
_WORKER = ("core.js", "weights.js", "tables.js", "encoder.js", "function.js", "png.js", "worker.js")


@dataclass(frozen=True)
class _Example:
    """A picture on the page: its file, its name for readers, and who made it."""

    file: str
    title: str
    credit: str


_EXAMPLES = (
    _Example("kitten_64.png", "kitten", "budgie-backgrounds, CC0"),
    _Example("owl_32.png", "owl", "Noto Emoji by Google, Apache-2.0"),
    _Example("digit_28.png", "digit", "MNIST by LeCun, Cortes and Burges, CC BY-SA 3.0"),
)


def site_files(models: Sequence[str]) -> dict[str, bytes]:
    """Return the files of the static site by their path in it.

    Args:
        models: Names of bundled weights, or paths of weights files; the first is chosen when the page opens.

    Raises:
        WeightsError: If there are no such weights, the page cannot draw with them, or two have the same name.
    """
    weights = _weights(models)
    page = _page(
        policy=SITE_POLICY,
        style='<link rel="stylesheet" href="style.css">',
        scripts='<script src="app.js" defer></script>',
        models=weights,
        sources={example.file: f"examples/{example.file}" for example in _EXAMPLES},
    )
    files = {"index.html": page.encode(), "core.wasm": _part("core.wasm")}
    files |= {name: text.encode() for name, text in _texts().items()}
    files |= {f"examples/{example.file}": _part(f"examples/{example.file}") for example in _EXAMPLES}
    return files | {f"weights/{name}.safetensors": content for name, content in weights.items()}


def single_file(models: Sequence[str]) -> bytes:
    """Return the page as one HTML file that holds everything, its policy allows no connection at all.

    Args:
        models: As for `site_files`.

    Raises:
        WeightsError: As `site_files`.
    """
    weights, texts = _weights(models), _texts()
    data = {"core.wasm": _part("core.wasm")} | {f"weights/{name}.safetensors": one for name, one in weights.items()}
    held = {name: base64.b64encode(content).decode() for name, content in data.items()} | {
        "worker.js": texts["worker.js"]
    }
    scripts = [f'<script type="text/plain" id="{html.escape(name)}">{text}</script>' for name, text in held.items()]
    scripts.append(f"<script>{texts['app.js']}</script>")
    policy = (
        f"default-src 'none'; script-src '{policy_hash(texts['app.js'])}' 'wasm-unsafe-eval'; worker-src blob:; "
        f"img-src blob: data:; style-src '{policy_hash(texts['style.css'])}'; base-uri 'none'; form-action 'none'"
    )
    pictures = {example.file: base64.b64encode(_part(f"examples/{example.file}")).decode() for example in _EXAMPLES}
    page = _page(
        policy=policy,
        style=f"<style>{texts['style.css']}</style>",
        scripts="\n".join(scripts),
        models=weights,
        sources={name: f"data:image/png;base64,{content}" for name, content in pictures.items()},
    )
    return page.encode()


def write_site(folder: Path, models: Sequence[str]) -> list[Path]:
    """Write the static site into a folder and return the paths of its files; see `site_files`."""
    paths: list[Path] = []
    for name, content in site_files(models).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            file.write(content)
        paths.append(path)
    return paths


def _page(policy: str, style: str, scripts: str, models: Mapping[str, bytes], sources: Mapping[str, str]) -> str:
    options = "".join(f"<option>{html.escape(name)}</option>" for name in models)
    examples = "\n".join(
        f'<button class="example" type="button"><img src="{sources[one.file]}" alt="{one.title}"></button>'
        for one in _EXAMPLES
    )
    credits = "; ".join(f"{one.title}: {one.credit}" for one in _EXAMPLES)
    return string.Template(_part("index.html").decode()).substitute(
        policy=policy,
        style=style,
        scripts=scripts,
        models=options,
        hidden="hidden" if len(models) == 1 else "",
        examples=examples,
        credits=f"Pictures: {credits}.",
    )


def _texts() -> dict[str, str]:
    """Return the scripts and the style as browsers get them."""
    app = "\n".join(_part(name).decode() for name in ("app.js", "controls.js"))
    texts = {"worker.js": joined([_part(name).decode() for name in _WORKER]), "app.js": _compact(app)}
    return texts | {"style.css": _part("style.css").decode()}


def joined(modules: Sequence[str]) -> str:
    """Return the modules of a page, in the order in which they need each other, as one classic script."""
    text = re.sub(r"^import .*\n|^export (?=async |function|class|const)", "", "\n".join(modules), flags=re.MULTILINE)
    return _compact(f"'use strict';\n{text}")


def _compact(script: str) -> str:
    """Return a script without its indentation and without lines that are comments."""
    lines = (line.strip() for line in script.splitlines())
    return "".join(f"{line}\n" for line in lines if line and not line.startswith("//"))


def _weights(models: Sequence[str]) -> dict[str, bytes]:
    """Return the content of weights files by a name that can stand in an address."""
    result: dict[str, bytes] = {}
    for model in models:
        path = find_weights(model)
        if problem := _obstacle(path):
            needed = "the page draws upscalers with the field hyper and the encoder edsr"
            raise WeightsError(f"{path}: {needed}, these weights {problem}; choose others")
        name = name_in_address(path)
        if name in result:
            raise WeightsError(f"{path}: two models of the page have the name {name}; rename one file")
        result[name] = path.read_bytes()
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


def _obstacle(path: Path) -> str | None:
    """Return why the page cannot draw with a weights file, or None."""
    config = read_header(path).config
    if not isinstance(config, ModelConfig):
        return "hold an autoencoder"
    return None if (config.field, config.encoder) == ("hyper", "edsr") else f"have {config.field} and {config.encoder}"


def policy_hash(text: str) -> str:
    """Return what a content security policy calls a script or a style that is inside of the page."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _part(name: str) -> bytes:
    return (resources.files("amortized_sr.web") / name).read_bytes()
