"""Waits for what another process does: a browser, a server."""

import time


def wait(condition, limit: float = 120):
    """Return what a condition gives once it is true."""
    stop = time.monotonic() + limit
    while time.monotonic() < stop:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError("nothing happened")
