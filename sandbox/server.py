"""HTTP: one thread per connection, kept alive; hands each request to the API, the pages or the controls."""

import json
import select
import socket
import socketserver
import struct
import sys
import threading
import time
import traceback
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from sandbox import disputes
from sandbox.api import BROKEN, Api, Request
from sandbox.errors import ApiError
from sandbox.faults import KNOBS, Faults, Knob
from sandbox.pages import Pages
from sandbox.recording import Recorder
from sandbox.store import Store

MAX_BODY = 1_000_000


@dataclass(frozen=True)
class Response:
    status: int
    body: bytes
    type: str
    headers: dict[str, str] = field(default_factory=dict)


def json_response(status: int, body: object, headers: dict[str, str] | None = None) -> Response:
    return Response(status, json.dumps(body, indent=2).encode() + b"\n", "application/json", headers or {})


class Silenced(Exception):
    """The connection ends without an answer."""


BEFORE = ("timeout_before", "error_before", "rate_limited", "reset_before")
AFTER = ("timeout_after", "reset_after")


class Server(ThreadingHTTPServer):
    request_queue_size = 1024  # a rush of shoppers must wait in the backlog, not be refused
    daemon_threads = True

    def __init__(
        self,
        address: tuple[str, int],
        *,
        store: Store,
        faults: Faults,
        public_url: str | None,
        record: Recorder | None = None,
    ) -> None:
        threading.stack_size(512 * 1024)  # hundreds of connections, each a thread
        super().__init__(address, Handler)
        self.address = f"http://{address[0]}:{self.server_address[1]}"
        self.store, self.faults, self.pages, self.record = store, faults, Pages(store), record
        self.api = Api(store, public_url=(public_url or self.address).rstrip("/"))

    def server_bind(self) -> None:
        # HTTPServer would look up the host's name here, which can hang for seconds without a name server.
        socketserver.TCPServer.server_bind(self)

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):  # a browser went away: no news
            traceback.print_exc()


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "sandbox"
    timeout = 75
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024  # headers and body leave in one packet

    def do_GET(self) -> None:
        self._respond()

    def do_POST(self) -> None:
        self._respond()

    def do_DELETE(self) -> None:
        self._respond()

    def _respond(self) -> None:
        path = urlsplit(self.path).path
        try:
            response = self._dispatch(path)
        except Silenced:
            self.close_connection = True
            return
        except ApiError as error:
            response = json_response(error.status, error.body())
        except Exception:  # noqa: BLE001 - as Stripe: a failure is an answer, not a dropped connection
            traceback.print_exc()
            body = {"error": {"type": "api_error", "message": "The sandbox failed; its log says why."}}
            response = json_response(500, body)
        self.send_response(response.status)
        self.send_header("Content-Type", response.type)
        self.send_header("Content-Length", str(len(response.body)))
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(response.body)

    def _dispatch(self, path: str) -> Response:
        form = self._read_body()
        if path.startswith("/v1/"):
            return self._call_api(path, form)
        if path.startswith("/_sandbox/"):
            return self._control(path, form)
        page = self.server.pages.respond(self.command, path, form, now=time.time())
        return Response(page.status, page.body.encode(), page.type, page.headers)

    def _read_body(self) -> str:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            raise ApiError("Send a Content-Length.", status=411)
        if int(length) > MAX_BODY:
            self.close_connection = True
            raise ApiError("The request is too large.", status=413)
        return self.rfile.read(int(length)).decode("utf-8", "replace")

    def _call_api(self, path: str, form: str) -> Response:
        encoded = form if self.command == "POST" else urlsplit(self.path).query
        headers = {name.lower(): value for name, value in self.headers.items()}
        fault, knob = self.server.faults.strike_call(f"{self.command} {path}") or ("", Knob())
        if fault in BEFORE:
            return self._break(fault, knob)
        answer = self.server.api.answer(
            Request(self.command, path, encoded, headers, time.time(), breaks=fault == "error_after")
        )
        if self.server.record:
            self.server.record(self.command, path, encoded, headers, answer)
        if answer.status >= 400:
            print(f"sandbox: {self.command} {path}: {answer.body['error']['message']}", file=sys.stderr, flush=True)
        response = json_response(answer.status, answer.body, answer.headers)
        if fault == "bad_json":
            return replace(response, body=response.body[: len(response.body) // 2])
        return self._break(fault, knob) if fault in AFTER else response

    def _break(self, fault: str, knob: Knob) -> Response:
        """What the caller sees instead of an answer."""
        if fault == "rate_limited":
            body = {"error": {"type": "invalid_request_error", "code": "rate_limit", "message": "Too many requests."}}
            return json_response(429, body, {"Retry-After": str(max(1, round(knob.seconds)))})
        if fault == "error_before":
            return json_response(500, BROKEN)
        if fault.startswith("reset"):
            # With this option a close sends RST: the caller's read fails instead of ending.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            self._keep_silent(knob.seconds)
        raise Silenced

    def _keep_silent(self, seconds: float) -> None:
        """Until the caller hangs up, but no longer than that."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            readable, _, _ = select.select([self.connection], [], [], left)
            if readable:
                return

    def _control(self, path: str, form: str) -> Response:
        is_post = self.command == "POST"
        if path == "/_sandbox/state" and not is_post:
            return json_response(200, state(self.server.store, self.server.faults))
        if path == "/_sandbox/faults":
            if is_post:
                self.server.faults.update(_json_object(form))
            return json_response(200, self.server.faults.body())
        if path.startswith("/_sandbox/disputes") and is_post:
            with self.server.store.transaction(now=time.time()) as tx:
                return json_response(200, disputes.by_hand(tx, path.split("/")[3:], _json_object(form)))
        raise ApiError(f"No such control: {path}", status=404)

    def log_message(self, format: str, *args: object) -> None:
        """Silence: refusals and failures are printed where they happen, the rest is noise in a developer's terminal."""


def _json_object(text: str) -> dict[str, Any]:
    try:
        values = json.loads(text or "{}")
    except ValueError as error:
        raise ApiError(f"Send a JSON object: {error}") from error
    if not isinstance(values, dict):
        raise ApiError("Send a JSON object.")
    return values


def state(store: Store, faults: Faults) -> dict[str, object]:
    """Counts since the journal began, so that a test can show that a fault struck."""
    tally, outcomes = store.tally, store.outcomes

    def by_status(kind: str, *statuses: str) -> dict[str, int]:
        return {"total": len(store.ids[kind])} | {status: tally[kind, status] for status in statuses}

    return {
        "sessions": by_status("checkout.session", "open", "complete", "expired"),
        "payment_intents": by_status(
            "payment_intent",
            "requires_payment_method",
            "requires_action",
            "requires_capture",
            "succeeded",
            "canceled",
        ),
        "charges": by_status("charge", "succeeded", "failed"),
        "refunds": by_status("refund", "succeeded", "pending", "failed"),
        "disputes": by_status("dispute", "needs_response", "under_review", "won", "lost"),
        "events": len(store.ids["event"]),
        "webhooks": {"pending": len(store.owed)}
        | {name: outcomes[name] for name in ("delivered", "duplicated", "dropped", "failed_attempts", "abandoned")},
        "faults": faults.body(),
        "calls": faults.calls,
        "struck": {name: faults.struck[name] for name in KNOBS},
    }
