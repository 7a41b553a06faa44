"""Asking a server elsewhere at an address that somebody else chose: a picture's, a webhook's.

Such an address may lead inside: to this machine, its network, the cloud's metadata. What a name means is looked up
once, checked, and connected to as it was checked; a redirect is an answer like any other, for the caller to judge.
"""

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.message import Message
from urllib.parse import SplitResult, quote, urlsplit

IN_PATH = "/%:@!$&'()*+,;=?-._~"
Resolve = Callable[[str, int], list[str]]


class Unreachable(Exception):
    """`reason` is for people and never an exception's own text."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class RemoteAnswer:
    """`body` holds at most one byte more than was asked for, which tells that there was more."""

    status: int
    headers: Message
    body: bytes
    ended_early: bool


# --- Addresses


def public_addresses(host: str, port: int) -> list[str]:
    """Every address of the host. Raises Unreachable when one of them is not on the public internet."""
    return require_public(addresses_of(host, port))


def public_or_loopback(host: str, port: int) -> list[str]:
    """The same on a development machine, where the receiver may be another process of its owner's."""
    found = addresses_of(host, port)
    return found if all(is_loopback(address) for address in found) else require_public(found)


def addresses_of(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unreachable("The host has no address.") from error
    return [str(entry[4][0]) for entry in found]


def require_public(addresses: list[str]) -> list[str]:
    """The addresses. One inside is enough to refuse them all: a name with two answers is how a guard is led astray."""
    if not addresses or not all(is_public(address) for address in addresses):
        raise Unreachable("The address is not a public one.")
    return addresses


def is_public(address: str) -> bool:
    """Whether packets to this IP address leave for the public internet; not so for 127.0.0.1, 10.0.0.1, fe80::1."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        # Outside of 2000::/3 lie mapped, translated and site-local addresses, and 6to4 carries any IPv4 address within.
        return ip.is_global and ip in ipaddress.ip_network("2000::/3") and ip.sixtofour is None
    return ip.is_global and not ip.is_multicast


def is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback


# --- Asking


def ask(
    url: str,
    *,
    method: str = "GET",
    body: bytes | None = None,
    headers: Mapping[str, str],
    seconds: float,
    max_bytes: int,
    resolve: Resolve = public_addresses,
) -> RemoteAnswer:
    """One request and its answer, of which at most `max_bytes` count. No redirect is followed.

    It is over after `seconds`, however slowly bytes drip in. Raises Unreachable.
    """
    parts = checked(url)
    connection = _connection(parts, resolve, seconds)
    deadline = threading.Timer(seconds, connection.abort)
    deadline.start()
    try:
        path = quote(parts.path or "/", safe=IN_PATH) + (f"?{quote(parts.query, safe=IN_PATH)}" if parts.query else "")
        connection.request(method, path, body=body, headers=dict(headers))
        answer = connection.getresponse()
        content = answer.read(max_bytes + 1)
        if connection.is_aborted:
            raise Unreachable("The host is too slow.")
        is_cut = bool(answer.length) and len(content) <= max_bytes
        return RemoteAnswer(answer.status, answer.headers, content, ended_early=is_cut)
    except TimeoutError as error:
        raise Unreachable("The host is too slow.") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Unreachable("The host is too slow." if connection.is_aborted else _reason(error)) from error
    finally:
        deadline.cancel()
        connection.close()


def checked(url: str) -> SplitResult:
    """Raises Unreachable for what is no http or https address, or carries a name and password."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise Unreachable("Not an address.") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        raise Unreachable("Not an http or https address.")
    return parts


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return "The host's certificate is not valid."
    if isinstance(error, ConnectionRefusedError):
        return "The host refused the connection."
    return "The host could not be asked."


def _connection(url: SplitResult, resolve: Resolve, seconds: float) -> "_CheckedConnection":
    host, is_tls = url.hostname or "", url.scheme == "https"
    port = url.port or (443 if is_tls else 80)
    return _CheckedConnection(host, port, address=resolve(host, port)[0], is_tls=is_tls, seconds=seconds)


class _CheckedConnection(http.client.HTTPConnection):
    """Connects to the address that was checked, not to what the name means a moment later (DNS rebinding).

    The `Host` header and the certificate's name remain those of the URL.
    """

    def __init__(self, host: str, port: int, *, address: str, is_tls: bool, seconds: float) -> None:
        super().__init__(host, port, timeout=seconds)
        self.default_port = 443 if is_tls else 80
        self.is_aborted = False
        self._address = address
        self._is_tls = is_tls
        self._socket: socket.socket | None = None

    def connect(self) -> None:
        self.sock = self._socket = socket.create_connection((self._address, self.port), self.timeout)
        if self._is_tls:
            context = ssl.create_default_context()
            tls = context.wrap_socket(self.sock, server_hostname=self.host, do_handshake_on_connect=False)
            self.sock = self._socket = tls
            tls.do_handshake()

    def abort(self) -> None:
        """Ends the exchange from another thread: socket timeouts start anew with every byte that drips in."""
        self.is_aborted = True
        # Not `self.sock`, which http.client forgets as soon as the answer's head announces the end of the connection.
        if self._socket:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
