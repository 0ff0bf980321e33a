"""The page as fixed addresses, held in memory: no request names a file of the disk."""

import gzip
import hashlib
import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from amortized_sr.web.page import SITE_POLICY, is_autoencoder, is_drawable, site_files
from amortized_sr.weights_header import DEFAULT_MODEL

_MEDIA = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".wasm": "application/wasm",
    ".png": "image/png",
    ".safetensors": "application/octet-stream",
}

_PACKED = (".html", ".js", ".css", ".wasm")


def page_models(models: Sequence[str]) -> list[str]:
    """Return the models that the page draws with: those of the server that it can.

    Without an upscaler among them it takes the default one; it morphs with the first autoencoder.
    """
    drawable = [model for model in models if is_drawable(model)]
    autoencoders = [model for model in drawable if is_autoencoder(model)]
    upscalers = [model for model in drawable if model not in autoencoders]
    return [*(upscalers or [DEFAULT_MODEL]), *autoencoders[:1]]


def page_routes(models: Sequence[str]) -> list[Route]:
    """Return an address for each file of the page; see `web.page.site_files`."""
    routes: list[Route] = []
    for name, content in site_files(page_models(models)).items():
        routes.append(_route(f"/{name}", content))
        if name == "index.html":
            routes.append(_route("/", content, ".html"))
    return routes


def _route(path: str, content: bytes, suffix: str | None = None) -> Route:
    suffix = suffix or PurePosixPath(path).suffix
    whole = small = _headers(content, _MEDIA[suffix]), content
    # Pictures and weights hardly shrink. These files hold no secret that their compressed size could tell.
    if suffix in _PACKED:
        packed = gzip.compress(content, mtime=0)
        whole[0]["Vary"] = "Accept-Encoding"
        small = {**whole[0], **_headers(packed, _MEDIA[suffix]), "Content-Encoding": "gzip"}, packed

    async def answer(request: Request) -> Response:
        headers, body = small if _takes_gzip(request.headers.get("accept-encoding", "")) else whole
        if headers["ETag"] in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers)

    return Route(path, answer)


def _headers(body: bytes, media: str) -> dict[str, str]:
    return {
        "Content-Type": media,
        "ETag": f'"{hashlib.sha256(body).hexdigest()[:32]}"',
        "Cache-Control": "no-cache",
        "Content-Security-Policy": f"{SITE_POLICY}; frame-ancestors 'none'",
    }


def _takes_gzip(accepted: str) -> bool:
    parts = {
        name.strip().lower(): quality.strip() for name, _, quality in (p.partition(";") for p in accepted.split(","))
    }
    return re.fullmatch(r"q=0(\.0*)?", parts.get("gzip", parts.get("*", "q=0"))) is None
