"""A sandbox in a process of its own, and a shop's webhook endpoint that keeps what it is sent."""

import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import stripe

SECRET = "whsec_a_secret_for_tests"
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Receiver:
    """The shop's side of the webhooks. `refusals` counts down: so many deliveries are answered 500 first."""

    port: int = 0
    refusals: int = 0
    received: list[tuple[bytes, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/webhooks/stripe"

    def events(self) -> list[stripe.Event]:
        """What arrived, each checked by the official SDK: a bad signature raises."""
        # What came at the beginning of the session is asked for until its end.
        kept = list(self.received)
        return [stripe.Webhook.construct_event(body, signature, SECRET, tolerance=7200) for body, signature in kept]

    def types(self, about: str) -> list[str]:
        return [event.type for event in self.events() if about in str(event.data.object)]


@dataclass
class Sandbox:
    port: int  # 0 until it has started: then the free one it took, kept across restarts
    directory: Path
    webhook_url: str
    process: subprocess.Popen[str] | None = None
    past: Path | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, key: str = "sk_test_sandbox", *, retries: int = 0) -> stripe.StripeClient:
        return stripe.StripeClient(key, base_addresses={"api": self.url}, max_network_retries=retries)

    def start(self) -> None:
        self.process = subprocess.Popen(
            command(self.port, self.directory, self.webhook_url) + (["--past", str(self.past)] if self.past else []),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        match = re.search(r"127\.0\.0\.1:(\d+)", line)
        assert match, f"the sandbox did not start: {line!r}"
        self.port = int(match[1])

    def kill(self) -> None:
        """kill -9: nothing is flushed, nothing is said."""
        if self.process:
            self.process.kill()
            self.process.communicate()
            self.process = None

    def request(self, method: str, path: str, body: str = "", **headers: str) -> tuple[HTTPResponse, str]:
        connection = HTTPConnection(urlsplit(self.url).netloc, timeout=10)
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        return response, text

    def submit(self, path: str, **fields: str) -> tuple[HTTPResponse, str]:
        return self.request("POST", path, urlencode(fields))

    def pay(self, session: stripe.checkout.Session, number: str, *, exp: str = "12 / 34", cvc: str = "123") -> Any:
        return self.submit(f"/c/pay/{session.id}", number=number, exp=exp, cvc=cvc)


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            refused = kept.refusals > 0
            if refused:
                kept.refusals -= 1
            else:
                kept.received.append((body, self.headers["Stripe-Signature"]))
            self.send_response(500 if refused else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.port = server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield kept
    server.shutdown()
    server.server_close()


def command(port: int, directory: Path, webhook_url: str) -> list[str]:
    options = {"--port": port, "--data-dir": directory, "--webhook-url": webhook_url, "--webhook-secret": SECRET}
    return [sys.executable, "-m", "sandbox", *(str(part) for option in options.items() for part in option)]


def run(receiver: Receiver) -> Iterator[Sandbox]:
    directory = Path(tempfile.mkdtemp(prefix="sandbox-test-"))
    running = Sandbox(0, directory, receiver.url)
    running.start()
    yield running
    running.kill()
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def sandbox(receiver: Receiver) -> Iterator[Sandbox]:
    """One process for all tests that only add to it."""
    yield from run(receiver)


@pytest.fixture
def own_sandbox(receiver: Receiver) -> Iterator[Sandbox]:
    """A process for one test that kills it, turns its knobs or counts what it holds."""
    yield from run(receiver)


@pytest.fixture
def new_session(sandbox: Sandbox) -> Callable[..., stripe.checkout.Session]:
    return lambda **params: create_session(sandbox.client(), **params)


def create_session(
    client: stripe.StripeClient, options: dict[str, Any] | None = None, **params: Any
) -> stripe.checkout.Session:  # fmt: skip
    line = {
        "price_data": {"currency": "eur", "unit_amount": 1250, "product_data": {"name": "Oak stool"}},
        "quantity": 2,
    }
    defaults: dict[str, Any] = {
        "mode": "payment",
        "line_items": [line],
        "success_url": "http://shop.test/thanks?session={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://shop.test/cart",
        "customer_email": "ann@example.com",
    }
    return client.v1.checkout.sessions.create(defaults | params, options or {})  # type: ignore[arg-type]


def eventually(condition: Callable[[], Any], *, within: float = 5) -> Any:
    """Wait for what happens in another process; the value when it is true, else the test fails."""
    end = time.monotonic() + within
    while not (value := condition()):
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.02)
    return value
