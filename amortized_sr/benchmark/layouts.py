"""Folders of published test sets that hold degraded copies beside the originals."""

from pathlib import Path

# The first one that is there counts. CBSD68 may hold its originals twice, the second ones as JPEG files.
_ORIGINALS = ("original_png", "original", "refimgs")


def originals(folder: Path) -> Path:
    """Return the folder that holds the originals of a test set: the folder itself, or a known one in it.

    CBSD68 comes as `CBSD68/original_png` beside `noisy5` to `noisy50`, LIVE as `refimgs` beside a folder for each
    distortion; both also as one folder of originals. A folder that holds such a set alone will do.
    """
    places = (place for name in _ORIGINALS for place in (folder / name, *sorted(folder.glob(f"*/{name}"))))
    return next((place for place in places if place.is_dir()), folder)
