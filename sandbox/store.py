"""What the sandbox knows: an append-only journal of JSON lines, and in memory only where each object stands in it.

One transaction is one line, appended at once. After kill -9 the line is there whole or it is cut and dropped at the
next start: an object can never exist without its events, nor an answer without its object.
"""

import fcntl
import json
import os
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Object = dict[str, Any]


class StoreError(Exception):
    """The journal cannot be used: another process has it, or a line in its middle is damaged."""


@dataclass
class Transaction:
    """One consistent read and change of the store. `now` is in Unix seconds; `request` names the API call, if any."""

    store: "Store"
    now: int
    request: dict[str, str | None]
    objects: dict[str, Object] = field(default_factory=dict)
    webhooks: dict[str, Object] = field(default_factory=dict)
    answers: dict[str, Object] = field(default_factory=dict)

    def get(self, ident: str) -> Object | None:
        """A private copy of the object, with this transaction's own changes; None when there is none."""
        return deepcopy(self.objects[ident]) if ident in self.objects else self.store.read(ident)

    def put(self, obj: Object) -> Object:
        self.objects[obj["id"]] = obj
        return obj

    def set_webhook(
        self, event_id: str, *, state: str, attempts: int, next_at: float, duplicated: bool = False
    ) -> None:
        """Where an event's delivery stands: pending, delivered, dropped (by a fault) or abandoned (too many tries)."""
        self.webhooks[event_id] = {
            "state": state, "attempts": attempts, "next_at": next_at, "duplicated": duplicated,
        }  # fmt: skip

    def remember(self, key: str, *, fingerprint: str, status: int, body: Object) -> None:
        self.answers[key] = {"fingerprint": fingerprint, "status": status, "body": body}

    def line(self) -> Object:
        parts = {"put": list(self.objects.values()), "webhooks": self.webhooks, "answers": self.answers}
        return {name: part for name, part in parts.items() if part}


class Store:
    def __init__(self, directory: Path) -> None:
        """Open or create the journal. Raises StoreError when another process holds it or it is damaged."""
        directory.mkdir(parents=True, exist_ok=True)
        self._path = directory / "journal.jsonl"
        self._file = self._path.open("a+b", buffering=0)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreError(f"{self._path} is in use by another process") from error
        self._reader = self._path.open("rb")
        self._lock = threading.RLock()
        self._index: dict[str, tuple[int, str]] = {}  # id -> (offset of its newest line, status)
        self._answers: dict[str, int] = {}
        self._claimed: set[str] = set()
        self.ids: dict[str, list[str]] = defaultdict(list)  # by kind, in the order of arrival
        self.tally: Counter[tuple[str, str]] = Counter()  # (kind, status)
        self.open_sessions: dict[str, int] = {}  # id -> expires_at
        self.owed: dict[str, tuple[int, float]] = {}  # event id -> (attempts so far, time of the next)
        self.undelivered: set[str] = set()  # event ids, those given up among them
        self.outcomes: Counter[str] = Counter()
        self.on_owed: Callable[[str, float], None] = lambda event_id, at: None
        self._end = self._replay()

    def close(self) -> None:
        self._file.close()
        self._reader.close()

    @contextmanager
    def transaction(self, *, now: float, request: dict[str, str | None] | None = None) -> Iterator[Transaction]:
        """Everything inside happens at once or, on an exception, not at all. Locks: the whole store."""
        with self._lock:
            change = Transaction(self, int(now), request or {"id": None, "idempotency_key": None})
            yield change
            line = change.line()
            if line:
                self._append(line)
        for event_id, webhook in change.webhooks.items():
            if webhook["state"] == "pending":
                self.on_owed(event_id, webhook["next_at"])

    @contextmanager
    def claim(self, key: str) -> Iterator[bool]:
        """False while another request with this idempotency key is being answered. Locks: the key."""
        with self._lock:
            free = key not in self._claimed
            self._claimed.add(key)
        try:
            yield free
        finally:
            if free:
                with self._lock:
                    self._claimed.discard(key)

    def read(self, ident: str) -> Object | None:
        with self._lock:
            if ident not in self._index:
                return None
            objects: list[Object] = self._line(self._index[ident][0])["put"]
        return next(obj for obj in objects if obj["id"] == ident)

    def answer(self, key: str) -> Object | None:
        with self._lock:
            return self._line(self._answers[key])["answers"][key] if key in self._answers else None

    def _line(self, offset: int) -> Object:
        self._reader.seek(offset)
        line: Object = json.loads(self._reader.readline())
        return line

    def _append(self, line: Object) -> None:
        # No fsync: what write() handed over survives kill -9, and this is no place for money to survive a power cut.
        data = json.dumps(line, separators=(",", ":")).encode() + b"\n"
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError:
            # A full disk must not leave half a line in the middle: the next start would refuse the journal.
            os.ftruncate(self._file.fileno(), self._end)
            raise
        self._apply(line, self._end)
        self._end += len(data)

    def _replay(self) -> int:
        end = 0
        with self._path.open("rb") as lines:
            for raw in lines:
                if not raw.endswith(b"\n"):
                    os.ftruncate(self._file.fileno(), end)
                    break
                try:
                    self._apply(json.loads(raw), end)
                except (ValueError, KeyError, TypeError) as error:
                    raise StoreError(f"{self._path} is damaged at byte {end}: {error}") from error
                end += len(raw)
        return end

    def _apply(self, line: Object, offset: int) -> None:
        for obj in line.get("put", ()):
            self._index_object(obj, offset)
        for event_id, webhook in line.get("webhooks", {}).items():
            self._index_webhook(event_id, webhook)
        for key in line.get("answers", ()):
            self._answers[key] = offset

    def _index_object(self, obj: Object, offset: int) -> None:
        ident, kind, status = obj["id"], obj["object"], obj.get("status") or ""
        if ident in self._index:
            self.tally[kind, self._index[ident][1]] -= 1
        else:
            self.ids[kind].append(ident)
        self._index[ident] = (offset, status)
        self.tally[kind, status] += 1
        if kind == "checkout.session":
            if status == "open":
                self.open_sessions[ident] = obj["expires_at"]
            else:
                self.open_sessions.pop(ident, None)

    def _index_webhook(self, event_id: str, webhook: Object) -> None:
        if webhook["state"] == "delivered":
            self.undelivered.discard(event_id)
        else:
            self.undelivered.add(event_id)
        if webhook["state"] == "pending":
            self.owed[event_id] = (webhook["attempts"], webhook["next_at"])
            self.outcomes["failed_attempts"] += webhook["attempts"] > 0
            return
        self.owed.pop(event_id, None)
        self.outcomes[webhook["state"]] += 1
        self.outcomes["duplicated"] += webhook["duplicated"]
