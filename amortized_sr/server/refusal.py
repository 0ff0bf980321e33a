"""What the server refuses: a status, one sentence, and the parameter to change. Loads no torch."""

from collections.abc import Mapping
from typing import final

from amortized_sr.image_io import ImageError

_PARAMETERS = {"noise": "denoise", "jpeg": "dejpeg", "scale": "scale", "format": "format"}


@final
class RequestError(Exception):
    """A request that is refused.

    Args:
        status: The HTTP status.
        sentence: What is wrong, and what to do.
        headers: Further headers of the answer.
        unread: Whether the rest of the request's body is not read.
    """

    def __init__(
        self, status: int, sentence: str, headers: Mapping[str, str] | None = None, unread: bool = False
    ) -> None:
        super().__init__(status, sentence)
        self.status = status
        self.sentence = sentence
        self.headers = dict(headers or {})
        self.unread = unread


def busy(what: str) -> RequestError:
    """Return the refusal of a server that has too much to do already."""
    return RequestError(503, f"{what}; try again in a second", {"Retry-After": "1"}, unread=True)


def refusal_of(error: ValueError) -> RequestError:
    """Return a failure of the package as the refusal of a request."""
    setting = getattr(error, "setting", None)
    if not isinstance(error, ImageError):
        status, sentence = 400, str(error)
    elif setting == "max_pixels":
        return RequestError(413, f"{error.problem}; crop the picture first")
    else:
        status = 400 if setting in _PARAMETERS else 422
        sentence = f"{error.problem}; {error.remedy}"
    name = _PARAMETERS.get(setting or "")
    return RequestError(status, f"{sentence} (parameter {name})" if name else sentence)


def shortened(text: str) -> str:
    """Return what a client sent as ASCII in quotation marks, cut after 40 letters.

    Example:
        >>> shortened("x" * 99)[-7:]
        "xxx...'"
    """
    return ascii(text if len(text) <= 40 else f"{text[:40]}...")
