"""Delivery of events to the shop: signed, retried with back-off, owed across a restart."""

import hashlib
import heapq
import hmac
import http.client
import json
import sys
import threading
import time
from urllib.parse import urlsplit

from sandbox.faults import Faults
from sandbox.store import Store

ATTEMPTS = 10
TIMEOUT = 10
WORKERS = 4


def sign(payload: bytes, secret: str, *, now: int) -> str:
    """The Stripe-Signature header: HMAC-SHA256 over "timestamp.payload"."""
    digest = hmac.new(secret.encode(), f"{now}.".encode() + payload, hashlib.sha256).hexdigest()
    return f"t={now},v1={digest}"


class Deliverer:
    def __init__(self, store: Store, faults: Faults, *, url: str, secret: str) -> None:
        self._store, self._faults, self._url, self._secret = store, faults, url, secret
        self._due: list[tuple[float, str]] = []
        self._late: set[str] = set()  # delayed or held back once already
        self._held: list[str] = []  # until another one has been sent
        self._wake = threading.Condition()

    def start(self) -> None:
        """Take up what was owed before the restart and start the workers."""
        for event_id, (_, next_at) in list(self._store.owed.items()):
            self.schedule(event_id, next_at)
        self._store.on_owed = self.schedule
        for number in range(WORKERS):
            threading.Thread(target=self._work, name=f"webhooks-{number}", daemon=True).start()

    def schedule(self, event_id: str, at: float) -> None:
        with self._wake:
            heapq.heappush(self._due, (at, event_id))
            self._wake.notify()

    def _work(self) -> None:
        while True:
            event_id = self._next()
            try:
                self._deliver(event_id)
            except Exception as error:  # noqa: BLE001 - a dead worker would stop webhooks in silence
                print(f"sandbox: webhook {event_id}: {error!r}", file=sys.stderr, flush=True)
                self.schedule(event_id, time.time() + 5)

    def _next(self) -> str:
        with self._wake:
            while True:
                wait = self._due[0][0] - time.time() if self._due else None
                if wait is not None and wait <= 0:
                    return heapq.heappop(self._due)[1]
                self._wake.wait(wait)

    def _deliver(self, event_id: str) -> None:
        if event_id not in self._store.owed:  # it was scheduled twice, and sent
            return
        event = self._store.read(event_id)
        assert event is not None
        kind, payload = event["type"], json.dumps(event, indent=2).encode()
        if self._faults.webhooks != "drop" and self._wait_by_fault(event_id, kind):
            return
        attempts = self._store.owed[event_id][0] + 1
        copies = 0
        if self._faults.webhooks == "drop" or self._faults.strike_webhook("webhook_missing", kind):
            state, delay = "dropped", 0
        elif self._send(event_id, payload, secret=self._secret_for(event_id, kind)):
            state, delay = "delivered", 0
            copies = self._copies(kind)
            for _ in range(copies):
                self._send(event_id, payload, secret=self._secret)
        else:
            state, delay = ("pending", 2 ** (attempts - 1)) if attempts < ATTEMPTS else ("abandoned", 0)
        now = time.time()
        with self._store.transaction(now=now) as tx:
            tx.set_webhook(event_id, state=state, attempts=attempts, next_at=now + delay, duplicated=copies > 0)
        self._release_held(now)

    def _copies(self, kind: str) -> int:
        knob = self._faults.strike_webhook("webhook_duplicated", kind)
        return knob.times if knob else int(self._faults.webhooks == "duplicate")

    def _secret_for(self, event_id: str, kind: str) -> str:
        is_first = self._store.owed[event_id][0] == 0
        return "whsec_forged" if is_first and self._faults.strike_webhook("webhook_forged", kind) else self._secret

    def _wait_by_fault(self, event_id: str, kind: str) -> bool:
        """Whether a fault keeps the message back for now; once each, so that it does arrive."""
        with self._wake:
            if event_id in self._late:
                return False
        if knob := self._faults.strike_webhook("webhook_delayed", kind):
            with self._wake:
                self._late.add(event_id)
        elif knob := self._faults.strike_webhook("webhook_reordered", kind):
            with self._wake:
                self._late.add(event_id)
                self._held.append(event_id)
        else:
            return False
        self.schedule(event_id, time.time() + knob.seconds)
        return True

    def _release_held(self, now: float) -> None:
        with self._wake:
            held, self._held = self._held, []
        for event_id in held:
            self.schedule(event_id, now)

    def _send(self, event_id: str, payload: bytes, *, secret: str) -> bool:
        """One POST; True when the shop took the event (2xx). A redirect is no acceptance."""
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": sign(payload, secret, now=int(time.time())),
            "User-Agent": "Stripe/1.0 (sandbox)",
            "Connection": "close",
        }
        parts = urlsplit(self._url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.netloc, timeout=TIMEOUT)
        try:
            connection.request("POST", parts.path + (f"?{parts.query}" if parts.query else ""), payload, headers)
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            print(f"sandbox: webhook {event_id} to {self._url}: {error}", file=sys.stderr, flush=True)
            return False
        finally:
            connection.close()
        if not 200 <= status < 300:
            print(f"sandbox: webhook {event_id} to {self._url}: answered {status}", file=sys.stderr, flush=True)
        return 200 <= status < 300
