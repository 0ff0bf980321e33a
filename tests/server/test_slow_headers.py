"""Connections that do not finish a request, or an answer, in time are closed."""

import asyncio
import contextlib
import socket
import threading
import time

import pytest
import uvicorn
from serving import encoded, noise, service

from amortized_sr.server.addresses import open_socket
from amortized_sr.server.answers import FileResponse
from amortized_sr.server.held_bytes import HeldBytes
from amortized_sr.server.listening import uvicorn_config


@pytest.fixture
def port(weights):
    served = service(weights, header_seconds=0.5)
    listening = open_socket("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn_config(served))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield listening.getsockname()[1]
    server.should_exit = True
    thread.join()


def seconds_until_closed(port, texts):
    start = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.settimeout(0.1)
        answer = b""
        for text in texts:
            with contextlib.suppress(OSError):
                connection.sendall(text)
            try:
                part = connection.recv(65536)
            except TimeoutError:
                continue
            except OSError:
                break
            answer += part
            if not part:
                break
        return time.perf_counter() - start, answer


def test_headers_that_come_slowly_are_given_up(port):
    # A letter every tenth of a second, for half a minute.
    seconds, answer = seconds_until_closed(port, [b"GET / HTTP/1.1\r\nA: ", *[b"a"] * 300])
    assert (seconds < 15, answer) == (True, b"")


def test_a_client_that_says_nothing_is_given_up(port):
    seconds, answer = seconds_until_closed(port, [b""] * 300)
    assert (seconds < 15, answer) == (True, b"")


def test_the_second_request_of_a_connection_has_as_little_time(port):
    first = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    seconds, answer = seconds_until_closed(port, [first, *[b"G"] * 300])
    assert seconds < 15
    assert answer.count(b"HTTP/1.1") == 1


def test_a_request_that_takes_longer_than_its_headers_is_answered(port):
    content = encoded(noise())
    head = f"POST /v1/images HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: {len(content)}\r\n\r\n"
    pieces = [content[place : place + 100] for place in range(0, len(content), 100)]
    seconds, answer = seconds_until_closed(port, [head.encode(), *pieces, *[b""] * 200])
    assert seconds > 0.5
    assert answer.startswith(b"HTTP/1.1 201")


def test_an_answer_that_nobody_reads_is_given_up_and_its_memory_given_back():
    held = HeldBytes(10**9)

    async def run() -> list[dict]:
        sent: list[dict] = []

        async def send(message: dict) -> None:
            sent.append(message)
            assert held.count == 10**6
            if len(sent) > 3:
                await asyncio.sleep(3600)

        response = FileResponse(bytes(10**6), "image/png", {}, held, 0.2)
        await asyncio.wait_for(response({"type": "http"}, None, send), 20)  # pyright: ignore[reportArgumentType]
        return sent

    sent = asyncio.run(run())
    assert held.count == 0
    assert all(message.get("more_body", True) for message in sent)


def test_an_answer_that_is_read_is_whole():
    held, content = HeldBytes(1), bytes(range(256)) * 1000

    async def run() -> bytes:
        parts: list[bytes] = []

        async def send(message: dict) -> None:
            parts.append(message.get("body", b""))

        await FileResponse(content, "image/png", {}, held, 20)({"type": "http"}, None, send)  # pyright: ignore[reportArgumentType]
        return b"".join(parts)

    assert asyncio.run(run()) == content
    assert held.count == 0
