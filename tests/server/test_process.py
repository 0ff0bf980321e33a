"""The server as a process: signals, slow and absent clients, many at once, and what its options refuse."""

import concurrent.futures
import http.client
import json
import signal
import socket
import sys
import time
from pathlib import Path

import pytest
from serving import decoded, encoded, noise, process
from waiting import wait


@pytest.fixture(scope="module")
def port(weights):
    """The port of a server that takes bodies for a second only and lets few wait."""
    options = ("--body-seconds", 1, "--waiting", 4, "--workers", 1, "--max-body", "1M", "--cache", "8M")
    with process(weights, *options) as (_, number):
        yield number


def ask(port, method, path, content=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request(method, path, content, headers or {})
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def send(port, picture):
    status, _, content = ask(port, "POST", "/v1/images", encoded(picture))
    assert status == 201, content
    return f"/iiif/3/{json.loads(content)['id']}"


def connect(port, text):
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    connection.sendall(text)
    return connection


def read_all(connection):
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


def is_well(port):
    start = time.perf_counter()
    status, _, _ = ask(port, "GET", "/healthz")
    return status == 200 and time.perf_counter() - start < 30


def test_a_picture_is_sent_and_drawn(port):
    place = send(port, noise())
    status, headers, content = ask(port, "GET", f"{place}@64/0,0,640,448/512,/0/default.jpg")
    assert (status, headers["content-type"]) == (200, "image/jpeg")
    assert decoded(content).size == (512, 358)
    # The name that Python or a proxy gives a server is nobody's business.
    assert "server" not in {name.lower() for name in headers}


@pytest.mark.parametrize("body", [b"", b"x" * 100])
def test_a_body_that_does_not_come_is_given_up_and_the_connection_closed(port, body):
    head = f"POST /v1/images HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 1000\r\n\r\n".encode()
    with connect(port, head + body) as connection:
        answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"the body took longer than 1 seconds; send it faster or a smaller one" in answer
    assert is_well(port)


def test_a_body_that_is_too_large_is_refused_although_the_client_goes_on_sending(port):
    status, headers, content = ask(port, "POST", "/v1/images", bytes(3_000_000))
    assert status == 413
    assert json.loads(content)["error"] == "the body is larger than 1,048,576 bytes; send a smaller file"
    assert headers["connection"] == "close"


def test_clients_that_leave_do_not_keep_the_server_busy(port):
    place = send(port, noise())
    head = f"GET {place}/full/^2000,/0/default.png HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    for _ in range(4):
        for connection in [connect(port, head) for _ in range(4)]:
            connection.close()
    # Nobody waits for them: one that stays is answered soon.
    wait(lambda: ask(port, "GET", f"{place}/full/^40,/0/default.png")[0] == 200)
    # In the middle of a body, too.
    connect(port, b"PUT /v1/images HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999\r\n\r\nabc").close()
    assert is_well(port)


@pytest.mark.parametrize(
    "text",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET " + b"a" * 100_000,
        b"GET / HTTP/1.1\r\nHost: localhost\r\nA: " + b"a" * 100_000,
        b"POST /v1/images HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /v1/images HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
    ],
)
def test_what_is_no_request_ends_the_connection(port, text):
    with connect(port, text) as connection:
        try:
            answer = read_all(connection)
        except ConnectionResetError:
            answer = b""
    assert answer == b"" or answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 421")), answer
    assert is_well(port)


@pytest.mark.slow
def test_two_hundred_at_once_are_answered_or_refused_and_memory_stays_bounded(weights):
    with process(weights, "--waiting", 8, "--workers", 1, "--cache", "8M") as (started, port):
        place = send(port, noise())
        before = memory(started.pid)

        def draw(number):
            start = time.perf_counter()
            status, headers, content = ask(port, "GET", f"{place}/full/^{700 + number},/0/default.png")
            return status, headers, content, time.perf_counter() - start

        with concurrent.futures.ThreadPoolExecutor(200) as pool:
            answers = list(pool.map(draw, range(200)))
        assert {status for status, *_ in answers} == {200, 503}
        for status, headers, content, _ in answers:
            if status == 503:
                assert headers["retry-after"] == "1"
                assert json.loads(content)["error"].endswith("requests wait already; try again in a second")
        assert memory(started.pid) - before < 300
        assert is_well(port)
        # What was refused is drawn later.
        assert ask(port, "GET", f"{place}/full/^700,/0/default.png")[0] == 200


def memory(pid):
    """Return the largest resident set of a process so far, in MiB."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        pytest.skip("needs /proc")
    return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) / 1024


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_signal_ends_the_server_after_the_answers_that_it_owes(weights, number, code, word):
    with process(weights) as (started, port):
        place = send(port, noise())
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            owed = pool.submit(ask, port, "GET", f"{place}/full/^2000,/0/default.png")
            time.sleep(0.1)
            started.send_signal(number)
            status, _, content = owed.result()
        out, err = started.communicate(timeout=60)
        assert (started.returncode, err, out) == (code, f"{word}\n", "")
        assert status == 200
        assert decoded(content).size == (2000, 1400)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=5)


def test_others_than_this_machine_need_a_token(cli, folder):
    refused = cli("serve", "--host", "0.0.0.0")
    assert refused.code == 2
    assert "on 0.0.0.0 others can reach the server; give it a token with --token-file" in refused.complaint
    (folder / "token").write_text("short")
    refused = cli("serve", "--host", "0.0.0.0", "--token-file", "token")
    assert "must hold one line of at least 16 visible ASCII characters" in refused.complaint
    (folder / "token").write_text("0123456789abcdef\n")
    refused = cli("serve", "--host", "0.0.0.0", "--token-file", "token")
    assert "say with --public-url how others reach the server" in refused.complaint


def test_wrong_options_are_refused_with_a_sentence(cli, folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        assert f"cannot listen on 127.0.0.1 port {number} (" in cli("serve", "--port", number).complaint
    for options, words in [
        (("--model", "missing"), "no weights named 'missing'"),
        (("--model", "mnist", "--model", "mnist"), "two models have the name mnist; rename one file"),
        (("--max-body", "much"), "--max-body must be a number of bytes, such as 500M or 2G, got 'much'"),
        (("--cache", "1K"), "--cache must be at least 1M, got '1K'"),
        (("--public-url", "example.org"), "--public-url must be a scheme and a name, such as https://example.org"),
        (("--public-url", "https://example.org/path"), "--public-url must be a scheme and a name"),
        (
            ("--token-file", "nowhere"),
            "--token-file nowhere: cannot be read (No such file or directory); check the path",
        ),
    ]:
        refused = cli("serve", "--port", 0, *options)
        assert refused.code == 2
        assert words in refused.complaint


def test_without_the_extra_the_command_says_how_to_install_it(cli, monkeypatch):
    # As for the import system, where the package is not installed.
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    refused = cli("serve")
    assert refused.code == 2
    assert "the server needs the extra web: pip install 'amortized-sr[web]'" in refused.complaint
