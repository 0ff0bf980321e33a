"""`amortized-sr serve`: the page and the image server."""

import importlib.util
import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from amortized_sr.choices import DeviceName
from amortized_sr.cli.exit_codes import Terminated, ended_at_once, ended_in_order
from amortized_sr.cli.sizes_in_bytes import parse_bytes

if TYPE_CHECKING:
    from amortized_sr.server.guard import Access
    from amortized_sr.server.limits import Limits

# Shorter ones can be guessed.
_LEAST_SECRET = 16


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; others than loopback need a token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8000,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            metavar="MODEL",
            help="Bundled name or weights file; repeat it, the default first; default: photo-tiny, photo, mnist-morph.",
        ),
    ] = None,
    device: Annotated[DeviceName, typer.Option(help="Where to compute.")] = "auto",
    token_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Holds the token that sending pictures needs: Authorization: Bearer TOKEN."),
    ] = None,
    link_key_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Holds the key that links to drawings must be signed with.")
    ] = None,
    public_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="How others reach the server, such as https://pictures.example.org."),
    ] = None,
    max_body: Annotated[str, typer.Option(metavar="BYTES", help="Most bytes of a picture that is sent.")] = "16M",
    max_pixels: Annotated[int, typer.Option(min=1, help="Most pixels of a picture that is upscaled.")] = 2**20,
    max_area: Annotated[int, typer.Option(min=1, help="Most pixels of a drawing.")] = 2**23,
    cache: Annotated[str, typer.Option(metavar="BYTES", help="Memory for encoded pictures.")] = "256M",
    lifetime: Annotated[int, typer.Option(min=1, metavar="SECONDS", help="How long a picture is kept.")] = 3600,
    body_seconds: Annotated[int, typer.Option(min=1, help="How long sending a picture may take.")] = 30,
    workers: Annotated[int, typer.Option(min=1, max=64, help="How many requests are computed at once.")] = 2,
    waiting: Annotated[int, typer.Option(min=1, help="How many requests may wait; others get 503.")] = 64,
) -> None:
    """Serve the page, and pictures as functions by IIIF addresses (needs the extra `web`).

    Pictures that are sent stay in memory, and are forgotten after --lifetime.
    """
    from amortized_sr.server.addresses import open_socket
    from amortized_sr.server.limits import Limits
    from amortized_sr.weights_header import PAGE_MODELS

    limits = Limits(
        body_bytes=parse_bytes("--max-body", max_body, 1), body_seconds=body_seconds, pixels=max_pixels, area=max_area,
        cache_bytes=parse_bytes("--cache", cache, 2**20), lifetime=lifetime, workers=workers, waiting=waiting,
    )  # fmt: skip
    access = _access(host, token_file, link_key_file, public_url)
    try:
        listening = open_socket(host, port)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "no such address"
        remedy = "choose another --port or --host"
        raise typer.BadParameter(f"cannot listen on {host} port {port} ({reason}); {remedy}") from None
    shown = f"[{host}]" if ":" in host else host
    address = access.public_url or f"http://{shown}:{listening.getsockname()[1]}"
    with listening:
        _serve(listening, model or PAGE_MODELS, device, limits, access, address)


def _serve(
    listening: socket.socket, names: list[str], device: DeviceName, limits: "Limits", access: "Access", address: str
) -> None:
    """Load the models and serve until a signal comes."""
    # Loading libraries costs seconds.
    with ended_at_once():
        from amortized_sr.compute import Compute
        from amortized_sr.server.app import Service
        from amortized_sr.server.listening import serve as run
        from amortized_sr.server.models import ServedModels
        from amortized_sr.server.page_routes import page_models

        try:
            # Of the memory of a process that holds torch and the cache, a picture that is encoded takes little.
            models = ServedModels.load(names, Compute(device, 2**28))
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None
    drawn = ", ".join(page_models(names))
    typer.echo(f"models: {', '.join(names)} on {models.find(None).device}; the page draws with {drawn}")
    try:
        with ended_in_order():
            run(Service(models, limits, access, lambda: typer.echo(f"ready: {address}/  Ctrl-C ends it")), listening)
    except KeyboardInterrupt as interruption:
        terminated = isinstance(interruption, Terminated)
        typer.echo("terminated" if terminated else "interrupted", err=True)
        raise typer.Exit(143 if terminated else 130) from None


def _access(host: str, token_file: Path | None, link_key_file: Path | None, public_url: str | None) -> "Access":
    from amortized_sr.server.addresses import LOOPBACK_NAMES, is_loopback, is_unspecified

    if any(importlib.util.find_spec(name) is None for name in ("starlette", "uvicorn")):
        raise typer.BadParameter("the server needs the extra web: pip install 'amortized-sr[web]'")
    from amortized_sr.server.guard import Access

    token, link_key = _secret("--token-file", token_file), _secret("--link-key-file", link_key_file)
    if not is_loopback(host) and token is None:
        raise typer.BadParameter(f"on {host} others can reach the server; give it a token with --token-file")
    names = set(LOOPBACK_NAMES)
    if not is_unspecified(host):
        names.add(host.lower())
    elif public_url is None:
        raise typer.BadParameter(f"{host} stands for every address; say with --public-url how others reach the server")
    if public_url is not None:
        names.add(_public_name(public_url))
    return Access(frozenset(names), token, link_key, None if public_url is None else public_url.rstrip("/"))


def _public_name(url: str) -> str:
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and not (parts.path.strip("/") or parts.query):
            return parts.hostname.lower()
    except ValueError:
        pass
    raise typer.BadParameter(f"--public-url must be a scheme and a name, such as https://example.org, got {url!r}")


def _secret(option: str, path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        content = path.read_bytes().strip()
    except OSError as error:
        raise typer.BadParameter(f"{option} {path}: cannot be read ({error.strerror}); check the path") from None
    if len(content) < _LEAST_SECRET or re.search(rb"[^!-~]", content):
        need = f"one line of at least {_LEAST_SECRET} visible ASCII characters"
        raise typer.BadParameter(f"{option} {path} must hold {need}; for example: openssl rand -hex 16 > {path}")
    return content
