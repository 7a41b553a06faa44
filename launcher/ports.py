"""Is this address free to listen on?"""

import errno
import socket

from launcher.terminal import Problem

LOOPBACK = ("127.0.0.1", "localhost", "::1")
WILDCARD = ("0.0.0.0", "::")


def is_free(host: str, port: int) -> bool:
    """Promises that nobody listens there now. Errors: Problem when the address cannot be used at all."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            # Without this a port whose old connections linger in TIME_WAIT would look taken right after a stop.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return False
        if error.errno == errno.EACCES:
            raise Problem(f"Port {port} needs special rights. Take one above 1023: bin/run --port 8001") from None
        raise Problem(f"Cannot listen on {host}:{port}: {error.strerror or error}") from None
    return True


def free_port(host: str, start: int) -> int:
    """The first free port from `start` upwards. Errors: Problem after 100 tries."""
    for port in range(start, min(start + 100, 65536)):
        if is_free(host, port):
            return port
    raise Problem(f"No free port between {start} and {start + 99} on {host}.")


def require_free(host: str, port: int) -> None:
    if is_free(host, port):
        return
    other = free_port(host, port + 1)
    raise Problem(
        f"Port {port} on {host} is taken by another program.\n"
        f"Stop that program, or start the shop on a free port:\n\n    bin/run --port {other}\n"
    )
