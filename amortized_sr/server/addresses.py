"""Where the server listens. Loads neither torch nor the web framework."""

import contextlib
import ipaddress
import socket

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
"""Names under which a machine reaches itself."""


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address or a name.

    Example:
        >>> is_loopback("127.0.0.2"), is_loopback("0.0.0.0")
        (True, False)
    """
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def is_unspecified(host: str) -> bool:
    """Return whether an address means all addresses of the machine, and so is no name of the server."""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_unspecified
    return False


def open_socket(host: str, port: int) -> socket.socket:
    """Return a socket that listens; 0 takes a free port.

    Raises:
        OSError: If the address is not one of this machine, or the port is in use.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=128)
