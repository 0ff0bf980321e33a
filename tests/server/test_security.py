"""One test for each line of the list of security: what is never accepted, what is bounded, who may ask."""

import asyncio
import gc
import hmac
import struct
import threading
import time
import weakref
import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image
from serving import NAMES, client, decoded, encoded, noise, send, service
from starlette.testclient import TestClient
from waiting import wait

from amortized_sr.server import guard
from amortized_sr.server.guard import Access, signature

TOKEN, KEY = b"a token of some length", b"a key of some length"


@pytest.fixture
def browser(weights):
    with client(weights) as opened:
        yield opened


@pytest.fixture
def guarded(weights):
    with client(weights, Access(NAMES, TOKEN)) as opened:
        yield opened


def refused(answer, status, words):
    assert answer.status_code == status, answer.content[:300]
    assert words in answer.json()["error"], answer.text
    assert len(answer.content) < 600


def bomb(width, height):
    """Return a PNG of a few hundred bytes whose header announces many pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    chunks = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


TRAVERSALS = [
    *("../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "..%252f..%252fetc%252fpasswd"),
    *("/etc/passwd", "%2fetc%2fpasswd", "file:%2f%2f%2fetc%2fpasswd", "http:%2f%2f127.0.0.1%2f", "....//etc/passwd"),
    *("..%5c..%5cetc%5cpasswd", "%00", "a%00.png", "~root", "$(id)", "';--", "%0d%0aSet-Cookie:a=b", "C:%5cboot.ini"),
]  # fmt: skip


@pytest.mark.parametrize("path", TRAVERSALS)
def test_no_part_of_an_address_leads_to_a_file(browser, path):
    place = send(browser, noise())
    for address in (
        f"/{path}",
        f"/weights/{path}",
        f"/examples/{path}",
        f"/iiif/3/{path}/info.json",
        f"/iiif/3/{path}/full/max/0/default.jpg",
        f"{place}@{path}/info.json",
        f"{place}/{path}/max/0/default.jpg",
        f"{place}/full/{path}/0/default.jpg",
        f"{place}/full/max/{path}/default.jpg",
        f"{place}/full/max/0/{path}",
        f"{place}/full/max/0/default.{path}",
    ):
        answer = browser.get(address)
        assert answer.status_code in (400, 404), address
        assert set(answer.json()) == {"error"}
        assert b"root:" not in answer.content
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("value", ["/etc/passwd", "file:///etc/passwd", "http://127.0.0.1/", "../photo-tiny"])
def test_no_address_and_no_path_is_taken_for_a_picture_or_a_model(browser, value):
    for name in ("url", "path", "source", "image", "input", "output"):
        refused(browser.post("/v1/upscale", params={"scale": "2", name: value}, content=b"x"), 400, "no parameter")
    refused(browser.post("/v1/images", params={"model": value}, content=encoded(noise())), 400, "there is no model")
    refused(browser.post("/v1/images", content=value.encode()), 422, "not an image in a known format")


def test_ids_that_nobody_got_are_refused_alike(browser):
    send(browser, noise())
    answers = {browser.get(f"/iiif/3/{number:032x}/info.json").text for number in range(50)}
    assert len(answers) == 1
    refused(browser.get(f"/iiif/3/{0:032x}/full/max/0/default.jpg"), 404, "no picture has this id, or its time is over")


def test_pictures_expire(weights):
    with client(weights, lifetime=0.2) as browser:
        place = send(browser, noise())
        time.sleep(0.25)
        refused(browser.get(f"{place}/info.json"), 404, "its time is over; send it again to /v1/images")
        refused(browser.get(f"{place}/full/max/0/default.png"), 404, "its time is over")


def test_bytes_are_counted_while_they_come_and_before_they_are_read(weights, monkeypatch):
    monkeypatch.setattr("amortized_sr.server.app.encode_file", lambda *_: pytest.fail("it was read"))
    with client(weights, body_bytes=1000) as browser:
        # With a length, and in pieces without one.
        refused(browser.post("/v1/images", content=bytes(1001)), 413, "the body is larger than 1,000 bytes")
        sent = []

        def pieces():
            for number in range(100):
                sent.append(number)
                yield bytes(100)

        refused(browser.post("/v1/images", content=pieces()), 413, "send a smaller file")
        lying = {"Content-Length": "9" * 4000}
        refused(browser.post("/v1/images", content=b"x", headers=lying), 413, "larger")


def test_the_parts_of_a_body_that_is_too_large_are_not_kept(weights):
    """More of it is not asked for than the limit allows, however much could come."""
    asked = []

    async def run() -> list[dict]:
        async def receive() -> dict:
            asked.append(1)
            return {"type": "http.request", "body": bytes(300), "more_body": len(asked) < 5000}

        sent: list[dict] = []

        async def send_(message: dict) -> None:
            sent.append(message)
            if message["type"] == "http.response.start":
                sent.append({"asked": len(asked)})

        scope = {"type": "http", "method": "POST", "path": "/v1/images", "query_string": b"", "scheme": "http"}
        scope |= {"headers": [(b"host", b"testserver")], "http_version": "1.1", "root_path": "", "server": None}
        await service(weights, body_bytes=1000).app()(scope, receive, send_)
        return sent

    sent = asyncio.run(run())
    assert sent[0]["status"] == 413
    assert sent[1] == {"asked": 4}


def test_pixels_are_limited_by_the_header(browser, monkeypatch):
    monkeypatch.setattr(Image.Image, "load", lambda *_: pytest.fail("it was decoded"))
    for size in ((20_000, 20_000), (2**31 - 1, 2**31 - 1), (1, 300_000)):
        refused(browser.post("/v1/images", content=bomb(*size)), 413, "the header announces more than 262,144 pixels")
    refused(browser.post("/v1/upscale?scale=2", content=bomb(2000, 2000)), 413, "more than 1,048,576 pixels")


def test_an_animation_is_no_function_and_its_frames_count_together(browser):
    film = encoded(noise(), "GIF", save_all=True, append_images=[noise(seed=number) for number in range(1, 4)])
    refused(
        browser.post("/v1/images", content=film), 422, "animations are not supported here; extract the pictures first"
    )
    many = [Image.new("P", (600, 600), number) for number in range(4)]
    film = encoded(many[0], "GIF", save_all=True, append_images=many[1:])
    refused(browser.post("/v1/upscale?scale=2", content=film), 413, "more than 1,048,576 pixels")
    four = [noise(100, 100, seed=number) for number in range(4)]
    film = encoded(four[0], "GIF", save_all=True, append_images=four[1:])
    refused(
        browser.post("/v1/upscale?scale=20", content=film), 400, "4 pictures of 2000x2000 pixels are above the limit"
    )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "the body is empty; send the bytes of an image file"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image in a known format"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image in a known format"),
        (b"%PDF-1.4\n", "not an image in a known format"),
        (struct.pack(">I", 24) + b"ftypheic" + bytes(100), "HEIC images cannot be read; convert it to PNG"),
        (encoded(noise(100, 100))[:2000], "damaged"),
        (encoded(noise(), "ICO"), "Windows icon (ICO) images cannot be read"),
        (encoded(noise(), "TGA"), "cannot be read"),
    ],
)  # fmt: skip
def test_only_listed_formats_are_read(browser, content, sentence):
    for address in ("/v1/images", "/v1/upscale?scale=2"):
        answer = browser.post(address, content=content)
        assert answer.status_code in (400, 422)
        assert sentence in answer.json()["error"]


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "text/plain"])
def test_forms_are_no_pictures(browser, kind):
    answer = browser.post("/v1/images", content=encoded(noise()), headers={"Content-Type": kind})
    refused(answer, 415, "send the bytes of an image file as the body")
    compressed = {"Content-Type": "image/png", "Content-Encoding": "gzip"}
    refused(browser.post("/v1/images", content=b"x", headers=compressed), 415, "send the file as it is")


def test_the_area_is_checked_before_anything_is_drawn(browser, monkeypatch):
    place = send(browser, noise())
    monkeypatch.setattr("amortized_sr.server.app.draw_view", lambda *_: pytest.fail("it was drawn"))
    monkeypatch.setattr("amortized_sr.server.drawing.upscale_file", lambda *_: pytest.fail("it was drawn"))
    for size in ("^9999,9999", "^16384,", "^,999999", "^pct:999999"):
        refused(browser.get(f"{place}/full/{size}/0/default.jpg"), 400, "above the limit of 8,388,608 pixels")
    refused(browser.post("/v1/upscale?size=9999x9999", content=encoded(noise())), 400, "above the limit")


def test_numbers_of_thousands_of_digits_and_other_words_are_refused(browser):
    place = send(browser, noise())
    for part in ("9" * 5000, "nan", "inf", "-1", "1e9", "0x10", "%D9%A3"):
        for address in (
            f"{place}@{part}/info.json",
            f"{place}/0,0,{part},5/max/0/default.jpg",
            f"{place}/pct:0,0,{part},5/max/0/default.jpg",
            f"{place}/full/^{part},/0/default.jpg",
            f"{place}/full/^pct:{part}/0/default.jpg",
            f"{place}/full/max/{part}/default.jpg",
        ):
            answer = browser.get(address)
            assert answer.status_code in (400, 404), address
            assert len(answer.content) < 600


def test_only_quarter_turns_so_that_pixels_are_as_many_as_were_checked(browser):
    place = send(browser, noise())
    refused(browser.get(f"{place}/full/max/45/default.jpg"), 400, "rotation must be 0, 90, 180 or 270")
    for angle in ("90", "!270"):
        drawn = decoded(browser.get(f"{place}/full/^61,30/{angle}/default.png").content)
        assert drawn.size == (30, 61)


PROTECTED = [("POST", "/v1/images"), ("PUT", "/v1/images"), ("DELETE", f"/v1/images/{0:032x}")]
PROTECTED += [("POST", "/v1/upscale?scale=2"), ("GET", "/v1/models"), ("GET", "/v1/anything")]


@pytest.mark.parametrize(("method", "address"), PROTECTED)
@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        f"Basic {TOKEN.decode()}",
        f"Bearer {TOKEN.decode()[:-1]}",
        "Bearer é",
    ],
)
def test_without_the_token_nothing_is_done(guarded, method, address, given):
    headers = {} if given is None else {"Authorization": given.encode()}
    answer = guarded.request(method, address, headers=headers, content=b"x")
    refused(answer, 401, "this needs the server's token; send it as Authorization: Bearer TOKEN")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_with_the_token_pictures_are_sent_and_drawings_need_only_their_id(guarded):
    answer = guarded.post("/v1/images", content=encoded(noise()), headers={"Authorization": f"Bearer {TOKEN.decode()}"})
    assert answer.status_code == 201
    assert guarded.get(f"/iiif/3/{answer.json()['id']}/full/max/0/default.jpg").status_code == 200
    assert guarded.get("/healthz").status_code == guarded.get("/").status_code == 200


def test_secrets_are_compared_in_constant_time(weights, monkeypatch):
    compared = []

    def compare(given, expected):
        compared.append((given, expected))
        return hmac.compare_digest(given, expected)

    monkeypatch.setattr(guard, "hmac", type("Spy", (), {"compare_digest": staticmethod(compare), "new": hmac.new}))
    with client(weights, Access(NAMES, TOKEN, KEY)) as browser:
        browser.get("/v1/models", headers={"Authorization": "Bearer wrong"})
        path = f"/iiif/3/{0:032x}/info.json"
        browser.get(f"{path}?signature={'0' * 64}")
    assert (b"wrong", TOKEN) in compared
    assert (b"0" * 64, signature(KEY, path).encode()) in compared


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "testserver.evil.example", "", "127.0.0.1.evil.example", "[::2]"]
)
def test_a_foreign_name_that_leads_here_is_refused(browser, host):
    place = send(browser, noise())
    for address in ("/", "/v1/models", f"{place}/info.json", "/openapi.json"):
        refused(browser.get(address, headers={"Host": host}), 421, "this server is not called")
    assert browser.get("/healthz", headers={"Host": host}).status_code == 200
    assert browser.get("/v1/models", headers={"Host": "TestServer:8000"}).status_code == 200


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://testserver:81", "http://testserver.evil.example"]
)
def test_a_page_of_another_site_cannot_send_pictures(browser, origin):
    for method, address in (("POST", "/v1/images"), ("PUT", "/v1/images"), ("POST", "/v1/upscale?scale=2")):
        answer = browser.request(method, address, content=encoded(noise()), headers={"Origin": origin})
        refused(answer, 403, "a page of another site may not send pictures")
        assert "access-control-allow-origin" not in answer.headers
    asked = {"Origin": origin, "Access-Control-Request-Method": "PUT"}
    assert "access-control-allow-origin" not in browser.options("/v1/images", headers=asked).headers
    own = browser.post("/v1/images", content=encoded(noise()), headers={"Origin": "http://testserver"})
    assert own.status_code == 201


def test_every_answer_forbids_guessing_types_scripts_and_frames(browser):
    place = send(browser, noise())
    for address in ("/", "/app.js", "/nothing", "/v1/models", f"{place}/info.json", f"{place}/full/max/0/default.jpg"):
        headers = browser.get(address).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe-inline" not in headers["content-security-policy"]
    assert browser.get("/nothing", headers={"Host": "evil"}).headers["x-content-type-options"] == "nosniff"


def with_place() -> bytes:
    """Return a JPEG that says where it was taken, by which camera, and more."""
    picture, exif = noise(), Image.Exif()
    exif[0x010F] = "Secret camera"
    exif.get_ifd(0x8825)[2] = (48.0, 51.0, 29.0)
    return encoded(
        picture, "JPEG", exif=exif.tobytes(), comment=b"secret comment", xmp=b"<x:xmpmeta>secret</x:xmpmeta>"
    )


def test_metadata_and_places_are_left_out(browser):
    content = with_place()
    assert content.lower().count(b"secret") == 3
    place = send(browser, content)
    made = [browser.get(f"{place}/full/^50,/0/default.{suffix}").content for suffix in ("jpg", "png", "webp")]
    made += [
        browser.post(f"/v1/upscale?scale=2&format={name}", content=content).content for name in ("jpg", "png", "tif")
    ]
    for file in made:
        assert b"secret" not in file.lower()
        assert not decoded(file).getexif().get_ifd(0x8825)
    kept = browser.post("/v1/upscale?scale=2&format=jpg&strip_metadata=false", content=content).content
    assert decoded(kept).getexif().get_ifd(0x8825)[2] == (48.0, 51.0, 29.0)


def test_a_body_that_comes_too_slowly_is_given_up(weights):
    async def run() -> list[dict]:
        async def receive() -> dict:
            await asyncio.sleep(0.05)
            return {"type": "http.request", "body": b"x", "more_body": True}

        sent: list[dict] = []

        async def send_(message: dict) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/v1/images", "query_string": b"", "scheme": "http"}
        scope |= {"headers": [(b"host", b"testserver")], "http_version": "1.1", "root_path": "", "server": None}
        await asyncio.wait_for(service(weights, body_seconds=0.3).app()(scope, receive, send_), 20)
        return sent

    sent = asyncio.run(run())
    assert sent[0]["status"] == 408
    assert (b"connection", b"close") in sent[0]["headers"]
    assert b"the body took longer than 0.3 seconds" in sent[1]["body"]


def test_with_a_key_only_signed_links_are_drawn(weights):
    with client(weights, Access(NAMES, TOKEN, KEY)) as browser:
        bearer = {"Authorization": f"Bearer {TOKEN.decode()}"}
        name = browser.post("/v1/images", content=encoded(noise()), headers=bearer).json()["id"]
        path = f"/iiif/3/{name}@4/0,0,40,40/^50,/0/default.jpg"
        right = signature(KEY, path)
        assert browser.get(f"{path}?signature={right}").status_code == 200
        assert browser.get(path, headers=bearer).status_code == 200
        # Known from outside: openssl dgst -sha256 -hmac key
        assert signature(b"key", "The quick brown fox jumps over the lazy dog").startswith(
            "f7bc83f430538424b13298e6aa6fb143"
        )
        other = path.replace("40,40", "41,40")
        for address in (
            path,
            f"{other}?signature={right}",
            f"{path}?signature={right[:-1]}",
            f"{path}?signature={right}0",
            f"{path}?signature=",
        ):
            refused(browser.get(address), 403, "this link is not signed")
        refused(browser.get(f"/iiif/3/{name}/info.json"), 403, "this link is not signed")


def test_memory_for_bodies_and_answers_is_bounded_for_all_clients_together(weights):
    served = service(weights, held_bytes=5000)
    with TestClient(served.app()) as browser:
        content = encoded(noise())
        assert browser.post("/v1/images", content=content).status_code == 201
        assert served.held.count == 0
        with served.held.counted(4900):
            answer = browser.post("/v1/images", content=content)
            refused(answer, 503, "the server holds as many pictures of other requests as its memory allows")
            assert answer.headers["retry-after"] == "1"
            assert served.held.count == 4900
        assert browser.post("/v1/images", content=content).status_code == 201


def test_a_picture_whose_function_is_larger_than_the_memory_is_refused(weights):
    with client(weights, cache_bytes=2**17) as browser:
        refused(browser.post("/v1/images", content=encoded(noise(12, 12))), 413, "more than 128 pixels")
        for number in range(30):
            send(browser, noise(11, 11, seed=number))


def test_a_request_that_waits_keeps_no_picture_that_is_forgotten_meanwhile(weights):
    served, gate = service(weights, workers=1), threading.Event()
    with TestClient(served.app()) as browser, ThreadPoolExecutor(1) as pool:
        place = send(browser, noise())
        (stored,) = served.store._pictures.values()
        latent = weakref.ref(stored.picture.latent)
        del stored
        served.queue._pool.submit(gate.wait)
        waiting = pool.submit(browser.get, f"{place}/full/max/0/default.png")
        wait(lambda: len(served.queue))
        assert browser.delete(place.replace("/iiif/3/", "/v1/images/")).status_code == 204
        wait(lambda: gc.collect() >= 0 and latent() is None)
        gate.set()
        refused(waiting.result(), 404, "its time is over")


def test_bodies_that_are_read_are_given_back_when_they_are_refused(weights):
    served = service(weights, body_bytes=50_000)
    with TestClient(served.app()) as browser:
        for content in (b"not a picture", bytes(60_000), b""):
            assert browser.post("/v1/images", content=content).status_code in (400, 413, 422)
            assert served.held.count == 0
