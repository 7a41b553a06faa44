"""Compares a whole JSON answer with its golden file: every key, type and value; only ids, secrets and times may vary.

A golden file writes what varies as a name in angle brackets. `<prod>` is any product id, but the same one wherever it
stands in the file; `<prod 2>` is another one. The other names bind nothing.
"""

import json
import re
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).parent / "golden"
ID = r"[0-9A-Za-z]{22}"
IDS = {"prod", "var", "cat", "cart", "item", "order", "ship", "user", "req", "review"}
VARYING = {
    "day": r"\d{4}-\d\d-\d\d",
    "time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z",
    "token": r"[\w-]{32,}",
    "number": r"[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}",
    "url": r"https?://\S+",
}
PLACEHOLDER = re.compile(r"<(\w+)( \d+)?>")
TYPES = {dict: "object", list: "array", str: "text", bool: "true/false", int: "integer", float: "decimal"}


def golden(name: str) -> Any:
    return json.loads((GOLDEN / f"{name}.json").read_text())


def parse(content: bytes) -> Any:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(content, parse_constant=refuse)


def differences(expected: Any, actual: Any, *, may_add: bool = False) -> list[str]:
    """One line for each place where they differ; none when they agree. `may_add` permits further keys."""
    return list(_Comparison(may_add).of(expected, actual, ""))


class _Comparison:
    def __init__(self, may_add: bool) -> None:
        self.may_add = may_add
        self.bound: dict[str, str] = {}

    def of(self, expected: Any, actual: Any, path: str) -> list[str]:
        if isinstance(expected, str) and (placeholder := PLACEHOLDER.fullmatch(expected)):
            return self.varying(placeholder, actual, path)
        # Not `isinstance`: to Python, true is the integer 1 and 1 equals 1.0; to a client in another language not.
        if type(expected) is not type(actual):
            return [f"{path or 'answer'}: expected {_shown(expected)}, got {_shown(actual)}"]
        if isinstance(expected, dict):
            return self.objects(expected, actual, path)
        if isinstance(expected, list):
            return self.arrays(expected, actual, path)
        return [] if expected == actual else [f"{path}: expected {_shown(expected)}, got {_shown(actual)}"]

    def objects(self, expected: dict[str, Any], actual: dict[str, Any], path: str) -> list[str]:
        found = []
        for name in expected | actual:
            here = f"{path}.{name}".lstrip(".")
            if name not in actual:
                found.append(f"{here}: missing, expected {_shown(expected[name])}")
            elif name in expected:
                found += self.of(expected[name], actual[name], here)
            elif not self.may_add:
                found.append(f"{here}: not in the contract, got {_shown(actual[name])}")
        return found

    def arrays(self, expected: list[Any], actual: list[Any], path: str) -> list[str]:
        if len(expected) != len(actual):
            return [f"{path}: expected {len(expected)} entries, got {len(actual)}: {_shown(actual)}"]
        pairs = zip(expected, actual, strict=True)
        return [line for index, pair in enumerate(pairs) for line in self.of(*pair, f"{path}[{index}]")]

    def varying(self, placeholder: re.Match[str], actual: Any, path: str) -> list[str]:
        name, label = placeholder[1], placeholder[0]
        pattern = rf"{name}_{ID}" if name in IDS else VARYING[name]
        if not isinstance(actual, str) or not re.fullmatch(pattern, actual):
            return [f"{path}: expected {label} ({pattern}), got {_shown(actual)}"]
        if name in VARYING:
            return []
        known = self.bound.setdefault(label, actual)
        if known != actual:
            return [f"{path}: expected {label} as before ({known}), got {actual}"]
        twin = next((other for other, value in self.bound.items() if value == actual and other != label), None)
        return [f"{path}: expected {label} to differ from {twin}, both are {actual}"] if twin else []


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    kind = "null" if value is None else TYPES[type(value)]
    return f"{text if len(text) <= 120 else text[:117] + '...'} ({kind})"
