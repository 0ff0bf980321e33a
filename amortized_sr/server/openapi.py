"""The server's addresses in OpenAPI 3.1, for programs that write or test clients. Loads nothing."""

from typing import Any, get_args

from amortized_sr.choices import FormatName
from amortized_sr.server.image_address import FORMATS, QUALITIES
from amortized_sr.server.media import MEDIA

_Json = dict[str, Any]

_TEXT: _Json = {"type": "string"}
_FLAG: _Json = {"type": "boolean"}
_BINARY: _Json = {"schema": {"type": "string", "format": "binary"}}
_DIAL: _Json = {"type": "string", "pattern": r"^(auto|off|\d{1,3})$"}
_ID = "[0-9a-f]{32}"
_TOKEN: list[_Json] = [{"token": []}, {}]

_REFUSALS = {
    "400": "A parameter or a part of the address makes no sense, or asks for too much.",
    "401": "The token is missing or wrong.",
    "403": "The link is not signed, or a page of another site sent this.",
    "404": "There is no such picture, or its time is over.",
    "408": "The body came too slowly.",
    "413": "The body, its picture or the picture as a function is too large.",
    "415": "The body is no image file by its headers.",
    "421": "The server is not called so.",
    "422": "The body is no image file, is damaged, or is of a kind that cannot be kept.",
    "503": "Too many wait; Retry-After says when to try again.",
}
_SENDING = ("400", "401", "403", "408", "413", "415", "421", "422", "503")
_READING = ("400", "403", "404", "421")


def openapi(version: str) -> _Json:
    """Return the description of the server."""
    identifier = _path("identifier", {"type": "string", "pattern": f"^{_ID}(@[1-9]\\d{{0,3}})?$"}, "Id, or id@k.")
    drawing = "/iiif/3/{identifier}"
    encoding = [
        _query("model", {"type": "string", "pattern": r"^[\w.-]{1,80}$"}, "A name of /v1/models; default: the first."),
        _query("denoise", _DIAL, "auto, off, or the noise to remove, 0 to 75 of 255, by models that read it."),
        _query("dejpeg", _DIAL, "auto, off, or the JPEG quality to repair, 1 to 100, by models that read it."),
    ]
    receive = _operation(
        "Send a picture, which becomes a function",
        {"201": _answer("The picture's id.", _schema("Received"))},
        _SENDING,
        encoding,
        requestBody=_body(),
        security=_TOKEN,
    )
    return {
        "openapi": "3.1.0",
        "info": {"title": "amortized-sr", "version": version, "description": "Small pictures, drawn at any size."},
        "paths": {
            "/v1/images": {
                "post": {**receive, "operationId": "sendImage"},
                "put": {**receive, "operationId": "putImage"},
            },
            "/v1/images/{identifier}": {
                "delete": _operation(
                    "Forget a picture",
                    {"204": {"description": "It is forgotten."}},
                    ("401", "403", "404", "421"),
                    [_path("identifier", {"type": "string", "pattern": f"^{_ID}$"}, "Id of a picture.")],
                    security=_TOKEN,
                )
            },
            "/v1/upscale": {
                "post": _operation(
                    "Make a larger file, as amortized-sr upscale does; give one of scale, size, width, height, longest",
                    {"200": _file("The file; X-Notices says what is not kept.", [*MEDIA.values()], "X-Notices")},
                    _SENDING,
                    [*_upscaling(), *encoding],
                    requestBody=_body(),
                    security=_TOKEN,
                )
            },
            "/v1/models": {
                "get": _operation(
                    "The models", {"200": _answer("The default first.", _schema("Models"))}, ("401", "421"),
                    security=_TOKEN,
                )
            },
            drawing: {
                "get": _operation("To info.json", {"303": {"description": "Its address."}}, _READING, [identifier])
            },
            f"{drawing}/info.json": {
                "get": _operation(
                    "What can be drawn of a picture: IIIF image information",
                    {"200": _answer("It.", {"type": "object"}, "application/json", "application/ld+json")},
                    _READING,
                    [identifier],
                )
            },
            drawing + "/{region}/{size}/{rotation}/{quality}.{format}": {
                "get": _operation(
                    "Draw a part of a picture at any size",
                    {
                        "200": _file("The drawing.", [MEDIA[name] for name in FORMATS.values()], "ETag"),
                        "304": {"description": "The drawing is that of the ETag in If-None-Match."},
                    },
                    (*_READING, "503"),
                    [identifier, *_view()],
                )
            },
            "/healthz": {
                "get": _operation(
                    "Whether the server answers",
                    {"200": _answer("It does.", {"type": "object", "properties": {"status": {"const": "ok"}}})},
                )
            },
            "/openapi.json": {
                "get": _operation("This description", {"200": _answer("It.", {"type": "object"})}, ("421",))
            },
        },
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}, "schemas": _schemas()},
    }  # fmt: skip


def _upscaling() -> list[_Json]:
    number = {"type": "string", "pattern": r"^\d{1,6}(\.\d{1,12})?$"}
    pair = {"type": "string", "pattern": r"^\d{1,6}x\d{1,6}$"}
    side = _whole(1, 999_999)
    return [
        _query("scale", number, "Output size over input size, such as 4 or 3.7."),
        _query("size", pair, "WIDTHxHEIGHT in pixels."),
        _query("width", side, "Width in pixels; keeps proportions."),
        _query("height", side, "Height in pixels; keeps proportions."),
        _query("longest", side, "Longer side in pixels; keeps proportions."),
        _query("format", {"enum": [*get_args(FormatName)]}, "Default: png."),
        _query("quality", _whole(1, 100), "Of jpg, avif and webp; default: 95, webp without loss."),
        _query("compression", _whole(0, 9), "Effort for png and tif: 0 fast, 9 small; default: 1."),
        _query("background", {"type": "string", "maxLength": 40}, "Behind transparency, in formats without it."),
        _query("strip_metadata", _FLAG, "Leave out EXIF, XMP, texts and resolution; default: true."),
        _query("tta", _FLAG, "Average over eight flips; default: false."),
    ]


def _view() -> list[_Json]:
    turns = [mirror + turn for mirror in ("", "!") for turn in ("0", "90", "180", "270")]
    return [
        _path("region", _TEXT, "full, square, x,y,w,h in pixels, or pct:x,y,w,h."),
        _path("size", _TEXT, "max, w, or ,h or w,h or !w,h in pixels, or pct:n, with ^ in front to enlarge."),
        _path("rotation", {"enum": turns}, "Degrees, clockwise; ! mirrors before."),
        _path("quality", {"enum": [*QUALITIES]}, "Colours."),
        _path("format", {"enum": [*FORMATS]}, "Format."),
    ]


def _schemas() -> dict[str, _Json]:
    texts = {"type": "array", "items": _TEXT}
    model = {
        "name": _TEXT, "default": _FLAG, "kind": {"enum": ["upscaler", "autoencoder"]}, "channels": {"enum": [1, 3]},
        "conditions": texts, "sha256": _TEXT,
    }  # fmt: skip
    received = {
        "id": {"type": "string", "pattern": f"^{_ID}$"}, "expires": {"type": "string", "format": "date-time"},
        "width": _whole(1, 2**24), "height": _whole(1, 2**24), "info": _TEXT, "notices": texts,
    }  # fmt: skip
    return {
        "Error": _object({"error": _TEXT}),
        "Models": _object({"models": {"type": "array", "items": _object(model)}}),
        "Received": _object(received),
    }


def _operation(
    summary: str,
    answers: dict[str, _Json],
    refusals: tuple[str, ...] = (),
    parameters: list[_Json] | None = None,
    **more: object,
) -> _Json:
    refused = {status: _answer(_REFUSALS[status], _schema("Error")) for status in refusals}
    return {"summary": summary, "parameters": parameters or [], "responses": {**answers, **refused}, **more}


def _body() -> _Json:
    kinds = ("image/png", "image/jpeg", "application/octet-stream")
    return {"required": True, "description": "An image file.", "content": dict.fromkeys(kinds, _BINARY)}


def _answer(description: str, schema: _Json, *kinds: str) -> _Json:
    content = {kind: {"schema": schema} for kind in kinds or ("application/json",)}
    return {"description": description, "content": content}


def _file(description: str, kinds: list[str], header: str) -> _Json:
    content = dict.fromkeys(kinds, _BINARY)
    return {"description": description, "headers": {header: {"schema": _TEXT}}, "content": content}


def _query(name: str, schema: _Json, description: str) -> _Json:
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _path(name: str, schema: _Json, description: str) -> _Json:
    return {"name": name, "in": "path", "required": True, "description": description, "schema": schema}


def _schema(name: str) -> _Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(properties: _Json) -> _Json:
    return {"type": "object", "required": [*properties], "properties": properties}


def _whole(low: int, high: int) -> _Json:
    return {"type": "integer", "minimum": low, "maximum": high}
