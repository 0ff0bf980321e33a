"""How large images may be."""

MAX_INPUT_PIXELS = 2**24
"""Most pixels of one image as a function: 16 megapixels, whose latent takes about 10 GB of memory."""

MAX_OUTPUT_PIXELS = 2**28
"""Most pixels of one rendering in memory: 268 megapixels."""

MAX_FILE_PIXELS = 2**32
"""Most pixels of one rendering that is written strip by strip: 4.3 gigapixels, 13 GB of 8-bit colour."""

DEFAULT_MAX_PIXELS = 89_478_485
"""Most pixels that a file's header may announce, if nothing else is said; Pillow's limit, 256 MiB of 8-bit colour."""
