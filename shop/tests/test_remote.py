"""The guard before each request to an address that somebody else chose; more of it in catalog/tests/test_images.py."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from shop import remote
from shop.remote import Unreachable, is_public, require_public

PRIVATE = ["127.0.0.1", "127.8.8.8", "0.0.0.0",
           "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
           "192.0.2.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "::", "::1", "::ffff:127.0.0.1",
           "::127.0.0.1", "fe80::1", "fe80::1%eth0", "fc00::1", "fec0::1", "64:ff9b::7f00:1", "2002:7f00:1::",
           "2001::1",
           "ff02::1", "2001:db8::1"]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_inside_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111"])
def test_addresses_outside_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("addresses", [[], ["127.0.0.1"], ["1.1.1.1", "127.0.0.1"], ["::1", "2606:4700::1111"]])
def test_one_address_inside_refuses_the_host(addresses: list[str]) -> None:
    with pytest.raises(Unreachable):
        require_public(addresses)
    assert require_public(["1.1.1.1", "2606:4700::1111"]) == ["1.1.1.1", "2606:4700::1111"]


@contextmanager
def server_at(address: str, port: int = 0) -> Iterator[tuple[int, list[str]]]:
    """A server that keeps the paths it was asked for, and sends everybody on to itself."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(302)
            self.send_header("Location", "/elsewhere")
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(b"x" * 5000)

        def log_message(self, *arguments: object) -> None: ...

    server = ThreadingHTTPServer((address, port), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server.server_port, asked
    server.shutdown()
    server.server_close()


def ask(url: str, **options: object) -> remote.RemoteAnswer:
    given = {"method": "POST", "body": b"{}", "headers": {}, "seconds": 3.0, "max_bytes": 1024} | options
    return remote.ask(url, **given)  # type: ignore[arg-type]


def test_the_connection_goes_to_the_address_that_was_checked_though_the_name_means_another_by_then() -> None:
    """DNS rebinding: the name's first answer passes the guard, every later one leads inside."""
    answers = iter(["127.0.0.1", "127.0.0.2", "127.0.0.2"])
    with server_at("127.0.0.1") as (port, asked), server_at("127.0.0.2", port) as (_, inside):
        answer = ask(f"http://rebinding.test:{port}/hook", resolve=lambda host, port: [next(answers)])
    assert (answer.status, asked, inside) == (302, ["/hook"], [])
    assert next(answers) == "127.0.0.2", "looked up once"


def test_a_name_that_leads_inside_gets_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    with server_at("127.0.0.1") as (port, asked):
        entry = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [entry])
        with pytest.raises(Unreachable, match="not a public one"):
            ask(f"http://looks-public.example:{port}/")
        assert asked == []
        ask(f"http://looks-public.example:{port}/", resolve=remote.public_or_loopback)
        assert asked == ["/"]


@pytest.mark.parametrize("address", ["10.0.0.1", "169.254.169.254", "::ffff:10.0.0.1"])
def test_a_development_shop_opens_loopback_and_nothing_else(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    entries = [(0, 0, 0, "", (each, 80)) for each in ("127.0.0.1", address)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: entries)
    with pytest.raises(Unreachable):
        remote.public_or_loopback("mixed.example", 80)


def test_a_redirect_is_not_followed_and_an_answer_is_read_to_its_bound() -> None:
    with server_at("127.0.0.1") as (port, asked):
        answer = ask(f"http://127.0.0.1:{port}/", resolve=remote.public_or_loopback)
    assert (answer.status, len(answer.body), asked) == (302, 1025, ["/"])


def test_a_server_that_is_not_there_is_told_in_plain_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Unreachable, match="refused the connection"):
        ask(f"http://127.0.0.1:{port}/", resolve=remote.public_or_loopback)
