"""What a file says about its colours besides an ICC profile, and the profile that says the same.

Such statements are kept as PNG chunks whichever format they come from: a PNG can keep them, other formats get the
profile. Codes are those of ITU-T H.273.
"""

import struct

import numpy as np

from amortized_sr.image_io.opening import DAMAGE
from amortized_sr.image_io.profile import profile_problem, srgb_profile

# x and y of white, red, green and blue: sRGB, BT.2020, P3.
_PRIMARIES = {
    1: (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06),
    9: (0.3127, 0.329, 0.708, 0.292, 0.17, 0.797, 0.131, 0.046),
    12: (0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
}
# sRGB's curve, and those of cameras (BT.709 and its like), which programs take for it.
_SRGB_CURVES = (1, 6, 13, 14, 15)
_HDR = {16: "PQ", 18: "HLG"}
_USUAL_GAMMA = 1 / 2.2

_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_D50 = np.array([0.9642, 1.0, 0.8249])


def avif_colours(content: bytes) -> dict[bytes, bytes]:
    """Return what an AVIF says about its colours in numbers (nclx): primaries and transfer function."""
    start = content.find(b"colrnclx", 0, 4096)
    found = 0 < start < len(content) - 12 and b"colrprof" not in content[:4096]
    codes = struct.unpack_from(">HH", content, start + 8) if found else (2, 2)
    # 2 is "unspecified". The decoder makes RGB of full range.
    return {} if 2 in codes or max(codes) > 255 else {b"cICP": bytes((*codes, 0, 1))}


def usable_profile(icc: object, mode: str, notices: list[str], chunks: dict[bytes, bytes]) -> bytes | None:
    """Return the profile of a picture, or None for sRGB.

    `icc` is the profile in the file, or None. `mode` is the mode that a profile must describe.
    """
    code = chunks.get(b"cICP", b"")
    if code and code[1] in _HDR:
        notices.append(f"the tones are those of HDR ({_HDR[code[1]]}); they are processed as if they were of sRGB")
    if mode == "RGB" and (has_profile(code) or (icc is None and b"sRGB" not in chunks)):
        icc = _profile_of_chunks(chunks)
    elif icc is None and b"gAMA" in chunks and b"sRGB" not in chunks and not _is_usual(_gamma(chunks)):
        notices.append(f"the gamma of {_gamma(chunks):g} is not applied; the tones are taken as those of sRGB")
    if not isinstance(icc, bytes):
        return None
    problem = profile_problem(icc, mode)
    if problem is not None:
        notices.append(f"the colour profile {problem}; the colours are taken as sRGB")
    return None if problem else icc


def lost_colours(chunks: dict[bytes, bytes]) -> list[str]:
    """Return a sentence for colours that only a PNG can describe."""
    code = chunks.get(b"cICP", b"")
    if not code or has_profile(code):
        return []
    name = _HDR.get(code[1], f"{code[0]}/{code[1]}")
    return [f"the colour space {name} (cICP) is left out; choose PNG to keep it"]


def has_profile(code: bytes) -> bool:
    """Return whether a profile can say the same as cICP: known primaries and curve, RGB, full range."""
    return len(code) == 4 and code[0] in _PRIMARIES and code[1] in _SRGB_CURVES and code[2:] == b"\0\1"


def _profile_of_chunks(chunks: dict[bytes, bytes]) -> bytes | None:
    """Return a profile, None for sRGB, or nothing usable if the numbers are no colour space."""
    code, chromaticities, gamma = chunks.get(b"cICP", b""), chunks.get(b"cHRM"), _gamma(chunks)
    numbers: tuple[float, ...] = _PRIMARIES[1]
    if has_profile(code):
        numbers, gamma = _PRIMARIES[code[0]], _USUAL_GAMMA
    elif chromaticities:
        numbers = tuple(n / 100_000 for n in struct.unpack(">8I", chromaticities[:32]))
    if np.allclose(numbers, _PRIMARIES[1], rtol=0, atol=0.002) and _is_usual(gamma):
        return None
    try:
        return _matrix_profile(numbers, None if _is_usual(gamma) else 1 / gamma)
    except DAMAGE:
        return b""


def _gamma(chunks: dict[bytes, bytes]) -> float:
    return struct.unpack(">I", chunks[b"gAMA"][:4])[0] / 100_000 if b"gAMA" in chunks else _USUAL_GAMMA


def _is_usual(gamma: float) -> bool:
    return abs(gamma - _USUAL_GAMMA) <= 0.01


def _matrix_profile(numbers: tuple[float, ...], power: float | None) -> bytes:
    """Return sRGB's profile with other primaries and, if it is named, a power as its curve."""
    points = np.array(numbers).reshape(4, 2)
    white, *primaries = (np.array([x / y, 1, (1 - x - y) / y]) for x, y in points.tolist())
    adapted = np.linalg.inv(_BRADFORD) @ np.diag(_BRADFORD @ _D50 / (_BRADFORD @ white)) @ _BRADFORD
    columns = np.stack(primaries, axis=1)
    colorants = adapted @ (columns * np.linalg.solve(columns, white))
    patches = {f"{c}XYZ".encode(): (8, _fixed(colorants[:, i])) for i, c in enumerate("rgb")}
    patches |= {b"chad": (8, _fixed(adapted)), b"chrm": (12, _fixed(points[1:]))}
    patches[b"desc"] = (28, "from numbers".ljust(13).encode("utf-16-be"))
    if power is not None:
        if not 0.1 < power < 10:
            raise ValueError("no display has such a gamma")
        patches |= {f"{c}TRC".encode(): (0, b"para".ljust(12, b"\0") + _fixed(np.array([power]))) for c in "rgb"}
    profile = bytearray(srgb_profile())
    for entry in range(132, 132 + 12 * profile[131], 12):
        name, start = struct.unpack_from(">4sI", profile, entry)
        offset, content = patches.get(name, (0, b""))
        profile[start + offset : start + offset + len(content)] = content
    return bytes(profile)


def _fixed(numbers: np.ndarray) -> bytes:
    return np.rint(numbers * 65536).astype(">i4").tobytes()
