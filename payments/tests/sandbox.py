"""The stand-in for Stripe in a process of its own, and a wire to it that can be cut."""

import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests

from payments.models import Payment

ROOT = Path(__file__).resolve().parents[2]
SECRET = "whsec_a_secret_for_tests"
APPROVED, DECLINED, NEEDS_3DS = "4242424242424242", "4000000000009995", "4000002500003155"


class Sandbox:
    def __init__(self, webhook_url: str, *options: str) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="payments-test-"))
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "sandbox", "--port", "0", "--data-dir", str(self.directory)),
                *("--webhook-url", webhook_url, "--webhook-secret", SECRET),
                *("--record", str(self.calls)),
                *options,
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        match = re.search(r"127\.0\.0\.1:(\d+)", self.process.stdout.readline())
        assert match, "the sandbox did not start"
        self.url = f"http://127.0.0.1:{match[1]}"

    @property
    def calls(self) -> Path:
        """What was asked and answered, a JSON object a line."""
        return self.directory / "calls.jsonl"

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()
        shutil.rmtree(self.directory)

    def set_webhooks(self, mode: str) -> None:
        self.set_faults(webhooks=mode)

    def set_faults(self, **knobs: Any) -> None:
        """As docs/operations/sandbox.md names them; None turns one off."""
        requests.post(f"{self.url}/_sandbox/faults", json=knobs, timeout=10).raise_for_status()

    def state(self) -> dict[str, Any]:
        return requests.get(f"{self.url}/_sandbox/state", timeout=10).json()

    def wait_for_webhooks(self) -> None:
        """Until everything that the shop is owed has been sent."""
        deadline = time.monotonic() + 15
        while self.state()["webhooks"]["pending"]:
            assert time.monotonic() < deadline, "the sandbox could not deliver"
            time.sleep(0.05)

    def pay(self, payment: Payment, number: str = APPROVED) -> requests.Response:
        """Fills in the card form of the hosted page as a buyer does."""
        card = {"number": number, "exp": "12 / 34", "cvc": "123"}
        return requests.post(payment.redirect_url, data=card, allow_redirects=False, timeout=10)

    def authenticate(self, payment: Payment, outcome: str) -> requests.Response:
        url = f"{payment.redirect_url}/authenticate"
        return requests.post(url, data={"outcome": outcome}, allow_redirects=False, timeout=10)


class Wire:
    """Passes requests on to the sandbox; `lose_answers` of them are carried out there and never answered."""

    def __init__(self) -> None:
        self.url = ""
        self.lose_answers = 0
        self.keys: list[str | None] = []


@contextmanager
def wire_to(sandbox: Sandbox) -> Iterator[Wire]:
    wire = Wire()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self._pass_on("POST", body)

        def do_GET(self) -> None:
            self._pass_on("GET", None)

        def _pass_on(self, method: str, body: bytes | None) -> None:
            kept = {"Authorization", "Content-Type", "Idempotency-Key", "Stripe-Version"}
            headers = {name: value for name, value in self.headers.items() if name in kept}
            answer = requests.request(method, sandbox.url + self.path, data=body, headers=headers, timeout=10)
            if method == "POST":
                wire.keys.append(self.headers.get("Idempotency-Key"))
            if wire.lose_answers:
                wire.lose_answers -= 1
                self.close_connection = True
                return
            self.send_response(answer.status_code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    wire.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield wire
    finally:
        server.shutdown()
        server.server_close()
