"""What was asked and answered, kept line by line for tests of the contract."""

import json
import threading
from collections.abc import Mapping
from pathlib import Path

from sandbox.api import Answer

KEPT_HEADERS = ("idempotency-key", "stripe-version", "content-type")


class Recorder:
    """Appends each exchange to a file as one JSON object a line: method, path, form, headers, status, body."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")
        self._lock = threading.Lock()

    def __call__(self, method: str, path: str, form: str, headers: Mapping[str, str], answer: Answer) -> None:
        kept = {name: headers[name] for name in KEPT_HEADERS if name in headers}
        exchange = {"method": method, "path": path, "form": form, "headers": kept}
        line = json.dumps(exchange | {"status": answer.status, "body": answer.body})
        with self._lock:
            self._file.write(f"{line}\n")
            self._file.flush()
