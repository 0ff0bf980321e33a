"""The page as fixed addresses, held in memory: no request names a file of the disk."""

import hashlib
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
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    policy = f"{SITE_POLICY}; frame-ancestors 'none'"
    headers = {"ETag": tag, "Cache-Control": "no-cache", "Content-Security-Policy": policy}
    media = _MEDIA[suffix or PurePosixPath(path).suffix]

    async def answer(request: Request) -> Response:
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(content, headers=headers, media_type=media)

    return Route(path, answer)
