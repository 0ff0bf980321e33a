"""The application: addresses -> what they do."""

import contextlib
import functools
import hashlib
import json
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar, final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from amortized_sr import __version__
from amortized_sr.compute import is_out_of_memory
from amortized_sr.server.answers import FileResponse, error_response, json_response
from amortized_sr.server.body import read_body
from amortized_sr.server.drawing import draw_view, encode_file, upscale_content
from amortized_sr.server.guard import DRAWINGS, Access, Guard
from amortized_sr.server.held_bytes import HeldBytes
from amortized_sr.server.image_address import View, declared_size, parse_identifier, parse_view
from amortized_sr.server.image_info import CONTEXT, image_info
from amortized_sr.server.limits import Limits
from amortized_sr.server.media import MEDIA
from amortized_sr.server.models import ServedModels
from amortized_sr.server.openapi import openapi
from amortized_sr.server.page_routes import page_routes
from amortized_sr.server.picture_store import PictureStore, StoredPicture, forgotten
from amortized_sr.server.refusal import RequestError, refusal_of
from amortized_sr.server.upscale_query import ENCODING, UPSCALING, read_parameters, strengths, upscale_options
from amortized_sr.server.work_queue import ClientLeftError, WorkQueue, unless_left

_T = TypeVar("_T")
_JSON_LD = "application/ld+json"
# Of notices in a header; clients refuse long ones.
_NOTICES_BYTES = 4000


@final
@dataclass
class Service:
    """What the server works with, and what it holds while it runs.

    Args:
        models: The models.
        limits: How much one client may ask for.
        access: Who may ask.
        started: Called when the server is ready.
    """

    models: ServedModels
    limits: Limits
    access: Access
    started: Callable[[], None] = lambda: None
    store: PictureStore = field(init=False)
    queue: WorkQueue = field(init=False)
    held: HeldBytes = field(init=False)

    def __post_init__(self) -> None:
        self.store = PictureStore(self.limits.cache_bytes, self.limits.lifetime)
        self.queue = WorkQueue(self.limits.workers, self.limits.waiting)
        self.held = HeldBytes(self.limits.held_bytes)

    def app(self) -> ASGIApp:
        """Return the application."""
        drawing = DRAWINGS + "{identifier}"
        routes = [
            Route("/v1/images", self._receive, methods=["POST", "PUT"]),
            Route("/v1/images/{identifier}", self._forget, methods=["DELETE"]),
            Route("/v1/upscale", self._upscale, methods=["POST"]),
            Route("/v1/models", self._list_models),
            Route(drawing, self._redirect),
            Route(drawing + "/info.json", self._describe),
            Route(drawing + "/{region}/{size}/{rotation}/{name}", self._draw),
            Route("/healthz", self._health),
            Route("/openapi.json", self._openapi),
            *page_routes(self.models.names),
        ]
        handlers = {RequestError: _refuse, HTTPException: _refuse_address, ClientDisconnect: _leave, 500: _fail}
        app = Starlette(routes=routes, exception_handlers=handlers, lifespan=self._lifespan)
        app.router.redirect_slashes = False
        return Guard(app, self.access)

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        self.started()
        yield
        self.queue.close()

    async def _receive(self, request: Request) -> Response:
        parameters = read_parameters(request.query_params.multi_items(), ENCODING)
        upscaler = self.models.find(parameters.get("model"))
        noise, jpeg = strengths(parameters)
        self._check_load()
        async with read_body(request, self.limits, self.held) as content:
            job = functools.partial(encode_file, content, upscaler, self.limits, noise, jpeg)
            encoding = await self._work(request, job)
        name, stored = self.store.add(encoding.picture, encoding.digest)
        height, width = encoding.picture.function.size
        address = f"{self._base(request)}{DRAWINGS}{name}"
        facts = {
            "id": name,
            "expires": datetime.fromtimestamp(stored.expires, UTC).isoformat(timespec="seconds"),
            "width": width,
            "height": height,
            "info": f"{address}/info.json",
            "notices": encoding.notices,
        }
        return json_response(facts, 201, {"Location": f"{address}/info.json", "Cache-Control": "no-store"})

    async def _forget(self, request: Request) -> Response:
        self.store.remove(parse_identifier(request.path_params["identifier"])[0])
        return Response(status_code=204)

    async def _upscale(self, request: Request) -> Response:
        parameters = read_parameters(request.query_params.multi_items(), UPSCALING)
        upscaler = self.models.find(parameters.get("model"))
        options = upscale_options(parameters, self.limits)
        self._check_load()
        async with read_body(request, self.limits, self.held) as content:
            made = await self._work(
                request, functools.partial(upscale_content, content, upscaler, self.limits, options)
            )
        assert made.content is not None
        notices = json.dumps(made.notices)
        if len(notices) > _NOTICES_BYTES:
            notices = json.dumps([f"{len(made.notices)} notices, too long for a header"])
        headers = {"X-Notices": notices, "Cache-Control": "no-store"}
        return self._file(made.content, MEDIA[options.format or "png"], headers)

    async def _list_models(self, request: Request) -> Response:
        return json_response({"models": self.models.facts()})

    async def _redirect(self, request: Request) -> Response:
        self._find(request)
        address = f"{self._base(request)}{DRAWINGS}{request.path_params['identifier']}/info.json"
        return RedirectResponse(address, status_code=303)

    async def _describe(self, request: Request) -> Response:
        stored, factor = self._find(request)
        declared = declared_size(stored.picture.function.size, factor)
        address = f"{self._base(request)}{DRAWINGS}{request.path_params['identifier']}"
        response = json_response(image_info(address, declared, self.limits.area), headers={"Vary": "Accept"})
        if _JSON_LD in request.headers.get("accept", ""):
            response.headers["Content-Type"] = f'{_JSON_LD};profile="{CONTEXT}"'
        return response

    async def _draw(self, request: Request) -> Response:
        stored, factor = self._find(request)
        declared = declared_size(stored.picture.function.size, factor)
        part = request.path_params
        view = parse_view(part["region"], part["size"], part["rotation"], part["name"], declared, self.limits.area)
        tag = f'"{hashlib.sha256(f"{stored.digest} {view}".encode()).hexdigest()[:32]}"'
        headers = {"ETag": tag, "Cache-Control": "private, max-age=600"}
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        self._check_load()
        # A request that waits keeps no picture that is forgotten meanwhile: memory stays that of the cache.
        job = functools.partial(_draw_kept, weakref.ref(stored), view)
        del stored
        content = await self._work(request, job)
        return self._file(content, MEDIA[view.format], headers)

    async def _health(self, request: Request) -> Response:
        self.store.forget_expired()
        return json_response({"status": "ok"})

    async def _openapi(self, request: Request) -> Response:
        return json_response(openapi(__version__))

    def _find(self, request: Request) -> tuple[StoredPicture, int]:
        name, factor = parse_identifier(request.path_params["identifier"])
        return self.store.get(name), factor

    def _check_load(self) -> None:
        """Refuse at once, before a body is read, what would not be computed."""
        self.queue.check()
        self.held.check()

    async def _work(self, request: Request, job: Callable[[], _T]) -> _T:
        """Return what a job returns in another thread; forget it if the client leaves."""
        try:
            return await unless_left(self.queue.run(job), _left(request))
        except ClientLeftError:
            raise ClientDisconnect from None
        except ValueError as error:
            raise refusal_of(error) from None
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            raise RequestError(503, "not enough memory; ask for a smaller drawing", {"Retry-After": "5"}) from None

    def _file(self, content: bytes, media_type: str, headers: dict[str, str]) -> Response:
        return FileResponse(content, media_type, headers, self.held, self.limits.answer_seconds)

    def _base(self, request: Request) -> str:
        """Return the beginning of the server's addresses; the guard knows the name in the request."""
        return self.access.public_url or f"{request.url.scheme}://{request.headers['host']}"


def _draw_kept(stored: "weakref.ref[StoredPicture]", view: View) -> bytes:
    kept = stored()
    if kept is None:
        raise forgotten()
    return draw_view(kept.picture, view)


def _left(request: Request) -> Awaitable[None]:
    async def wait() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    return wait()


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)
    return error_response(error)


async def _refuse_address(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    sentences = {
        404: "there is nothing at this address; /openapi.json lists the addresses",
        405: f"this address does not take {request.method[:10]!a}; /openapi.json says what it takes",
    }
    sentence = sentences.get(error.status_code, error.detail)
    return error_response(RequestError(error.status_code, sentence, error.headers, unread=error.status_code == 405))


async def _leave(request: Request, error: Exception) -> Response:
    # Nobody reads it; it ends the request in order.
    return Response(status_code=499)


async def _fail(request: Request, error: Exception) -> Response:
    return json_response({"error": "the server failed; its log says why"}, 500)
