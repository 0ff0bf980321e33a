"""The parameters of a request -> how a picture is upscaled or encoded: the words of the command line."""

import re
from collections.abc import Iterable, Mapping
from typing import get_args

from PIL import ImageColor

from amortized_sr.choices import FormatName
from amortized_sr.pictures.options import PictureOptions
from amortized_sr.server.limits import Limits
from amortized_sr.server.refusal import RequestError, refusal_of, shortened
from amortized_sr.sizes import SizeRequest
from amortized_sr.strength import Dial

ENCODING = ("model", "denoise", "dejpeg")
"""Parameters of a picture that becomes a function."""

UPSCALING = (
    *("scale", "size", "width", "height", "longest", "format", "quality", "compression", "background"),
    *("strip_metadata", "tta", *ENCODING),
)
"""Parameters of a picture that is upscaled."""

_WHOLE = re.compile(r"\d{1,6}", re.ASCII)
_NUMBER = re.compile(r"\d{1,6}(\.\d{1,12})?", re.ASCII)
_SIZE = re.compile(r"(\d{1,6})x(\d{1,6})", re.ASCII)
_COLOUR = re.compile(r"[#\w(),.% ]{1,40}", re.ASCII)


def read_parameters(given: Iterable[tuple[str, str]], known: tuple[str, ...]) -> dict[str, str]:
    """Return the parameters of a request.

    Raises:
        RequestError: If one is unknown or given twice.
    """
    result: dict[str, str] = {}
    for name, value in given:
        if name not in known:
            raise RequestError(
                400, f"there is no parameter {shortened(name)}; there are {', '.join(known)}", unread=True
            )
        if name in result:
            raise _wrong(f"{name} is given twice; give it once")
        result[name] = value
    return result


def upscale_options(parameters: Mapping[str, str], limits: Limits) -> PictureOptions:
    """Return how a picture is upscaled.

    Raises:
        RequestError: If a parameter makes no sense.
    """
    sides = {name: _whole(parameters, name, 1, 999_999) for name in ("width", "height", "longest")}
    size = parameters.get("size")
    match = None if size is None else _SIZE.fullmatch(size)
    if size is not None and match is None:
        raise _wrong(f"size must be WIDTHxHEIGHT in pixels, such as 1024x768, got {shortened(size)}")
    noise, jpeg = strengths(parameters)
    compression = _whole(parameters, "compression", 0, 9)
    try:
        return PictureOptions(
            SizeRequest(
                scale=None if "scale" not in parameters else _number(parameters["scale"], "scale"),
                size=None if match is None else (int(match[2]), int(match[1])),
                **sides,
            ),
            format=_format(parameters.get("format")),
            quality=_whole(parameters, "quality", 1, 100),
            compression=1 if compression is None else compression,
            background=_colour(parameters.get("background", "white")),
            # What is sent to a server is often published next.
            strip_metadata=_flag(parameters, "strip_metadata", default=True),
            max_pixels=limits.pixels,
            tta=_flag(parameters, "tta", default=False),
            noise=noise,
            jpeg=jpeg,
        )
    except ValueError as error:
        raise _wrong(refusal_of(error).sentence) from None


def strengths(parameters: Mapping[str, str]) -> tuple[Dial, Dial]:
    """Return the strengths of noise and compression to remove.

    Raises:
        RequestError: If one is malformed.
    """
    return _dial(parameters, "denoise"), _dial(parameters, "dejpeg")


def _dial(parameters: Mapping[str, str], name: str) -> Dial:
    text = parameters.get(name, "auto")
    if text == "auto" or text == "off":
        return text
    if _NUMBER.fullmatch(text) is None:
        raise _wrong(f"{name} must be auto, off or a number, got {shortened(text)}")
    number = float(text)
    return int(number) if number.is_integer() else number


def _whole(parameters: Mapping[str, str], name: str, low: int, high: int) -> int | None:
    text = parameters.get(name)
    if text is None:
        return None
    if _WHOLE.fullmatch(text) is None or not low <= int(text) <= high:
        raise _wrong(f"{name} must be a whole number from {low:,} to {high:,}, got {shortened(text)}")
    return int(text)


def _number(text: str, name: str) -> float:
    if _NUMBER.fullmatch(text) is None:
        raise _wrong(f"{name} must be a number such as 4 or 3.7, got {shortened(text)}")
    return float(text)


def _flag(parameters: Mapping[str, str], name: str, default: bool) -> bool:
    text = parameters.get(name)
    if text not in (None, "true", "false"):
        raise _wrong(f"{name} must be true or false, got {shortened(text)}")
    return default if text is None else text == "true"


def _format(text: str | None) -> FormatName | None:
    for name in get_args(FormatName):
        if text == name:
            return name
    if text is None:
        return None
    raise _wrong(f"format must be one of {', '.join(get_args(FormatName))}, got {shortened(text)}")


def _colour(text: str) -> tuple[int, int, int]:
    try:
        if _COLOUR.fullmatch(text):
            red, green, blue = ImageColor.getrgb(text)[:3]
            return red, green, blue
    except ValueError:
        pass
    raise _wrong(f"background must be a colour such as white or #808080, got {shortened(text)}")


def _wrong(sentence: str) -> RequestError:
    return RequestError(400, sentence, unread=True)
