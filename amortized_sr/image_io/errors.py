"""Errors about image files, as sentences in words of the domain."""

from pathlib import Path


class ImageError(ValueError):
    """An image file that cannot be read or written: which one, what is wrong, and what to do.

    Args:
        path: The file.
        problem: What is wrong with it.
        remedy: What to do about it.
        setting: Name of the setting that the remedy speaks of; a door may add how it calls it.
    """

    def __init__(self, path: Path | str, problem: str, remedy: str, setting: str | None = None) -> None:
        super().__init__(path, problem, remedy, setting)
        self.path = path
        self.problem = problem
        self.remedy = remedy
        self.setting = setting

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}; {self.remedy}"


class DamagedError(ImageError):
    """An image file whose content breaks the rules of its format."""


def reason(error: Exception) -> str:
    """Return why something cannot be written, in the system's words."""
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)
