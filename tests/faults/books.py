"""The payment stand-in's own books, read from its journal: what it took and gave back, whatever the shop believes."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any


class Books:
    def __init__(self, data_dir: Path) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        for line in (data_dir / "sandbox" / "journal.jsonl").read_bytes().splitlines(keepends=True):
            if line.endswith(b"\n"):
                self.objects.update({each["id"]: each for each in json.loads(line).get("put", ())})

    def charges(self) -> dict[str, list[int]]:
        """By order: the amounts, in minor units, of every charge that succeeded."""
        found: dict[str, list[int]] = defaultdict(list)
        for each in self._of_kind("charge"):
            if each["status"] == "succeeded":
                found[self._order_of(each["payment_intent"])].append(each["amount"])
        return found

    def refunds(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = defaultdict(list)
        for each in self._of_kind("refund"):
            if each["status"] == "succeeded":
                found[self._order_of(each["payment_intent"])].append(each["amount"])
        return found

    def _of_kind(self, kind: str) -> list[dict[str, Any]]:
        return [each for each in self.objects.values() if each["object"] == kind]

    def _order_of(self, intent: str) -> str:
        return str(self.objects[intent]["metadata"]["order"])
