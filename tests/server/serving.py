"""Servers and pictures for the tests of the server."""

import contextlib
import io
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from PIL import Image
from starlette.testclient import TestClient

from amortized_sr.compute import Compute
from amortized_sr.server.addresses import open_socket
from amortized_sr.server.app import Service
from amortized_sr.server.guard import Access
from amortized_sr.server.limits import Limits
from amortized_sr.server.models import ServedModels

NAMES = frozenset({"testserver", "127.0.0.1"})


def service(weights: Path, access: Access | None = None, **limits: int | float) -> Service:
    """Return a server that draws with some weights."""
    models = ServedModels.load([str(weights)], Compute("cpu", 2**28))
    return Service(models, Limits(**limits), access or Access(NAMES))


def client(weights: Path, access: Access | None = None, **limits: int | float) -> TestClient:
    """Return a client of a server in this process; with an `Origin` it could be a browser, without it is none."""
    return TestClient(service(weights, access, **limits).app(), follow_redirects=False)


def encoded(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def decoded(content: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(content))
    picture.load()
    return picture


def noise(width: int = 20, height: int = 14, seed: int = 0) -> Image.Image:
    """Return a picture in which every pixel is another."""
    import numpy as np

    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def send(browser: TestClient, picture: Image.Image | bytes, **parameters: str) -> str:
    """Send a picture and return where its drawings are."""
    content = picture if isinstance(picture, bytes) else encoded(picture)
    answer = browser.post("/v1/images", content=content, params=parameters)
    assert answer.status_code == 201, answer.text
    return f"/iiif/3/{answer.json()['id']}"


@contextlib.contextmanager
def running(served: Service) -> Iterator[str]:
    """Serve in a thread of this process, and yield the address."""
    listening = open_socket("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(served.app(), log_level="error", lifespan="on", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@contextlib.contextmanager
def process(weights: Path, *options: object) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run `amortized-sr serve` and yield the process and its port once it is ready."""
    command = [sys.executable, "-m", "amortized_sr", "serve", "--port", "0", "--device", "cpu"]
    command += ["--model", str(weights), *map(str, options)]
    started = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert started.stdout is not None
        lines = started.stdout.readline(), started.stdout.readline()
        ready = re.fullmatch(r"ready: http://.*:(\d+)/  Ctrl-C ends it\n", lines[1])
        assert ready is not None, (lines, started.communicate())
        yield started, int(ready[1])
    finally:
        started.kill()
        started.communicate()
