"""What goes wrong with image files, as sentences."""


class ImageError(ValueError):
    """An image file that cannot be read or written; the message says why and what to do."""


class DamagedError(ImageError):
    """An image file whose content breaks the rules of its format."""


def reason(error: OSError | ValueError) -> str:
    """Return why something cannot be written, in the system's words."""
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)
