"""What goes wrong with image files, as sentences."""


class ImageError(ValueError):
    """An image file that cannot be read or written; the message says why and what to do."""


def reason(error: OSError | ValueError) -> str:
    """Return why something cannot be written, in the system's words."""
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)
