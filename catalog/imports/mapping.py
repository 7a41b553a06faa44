"""From the names a file uses to the names of `POST /api/products`."""

import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

WHOLE, BROKEN = re.compile(r"-?[0-9]{1,18}"), re.compile(r"-?[0-9]{1,18}\.[0-9]{1,6}")
NUMBERS = {"price", "compareAtPrice", "stock", "weightGrams"}
LISTS = {"images", "imageAlts"}
BOOLEANS = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}


class BadMap(Exception):
    """The text says what is wrong with a map file."""


class FieldMap(BaseModel):
    """`fields`: where each of our fields comes from; a dot nests, a list collects. `defaults`: for what a row lacks.

    `ignore`: names of the file that are not wanted. Every other name keeps its own, so that a misspelt one is an error
    of its row and not silence.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    fields: dict[str, str | list[str]] = {}
    defaults: dict[str, Any] = {}
    ignore: list[str] = []

    @classmethod
    def load(cls, path: Path) -> Self:
        """Raises BadMap."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise BadMap(f"{path} can't be read.") from error
        except ValidationError as error:
            problem = error.errors()[0]
            raise BadMap(f"{path}: {'.'.join(map(str, problem['loc']))} {problem['msg']}") from error

    def apply(self, data: dict[str, Any], *, is_flat: bool) -> dict[str, Any]:
        """The row as a body of the API. Flat rows hold text only and nest by dots in their names."""
        body: dict[str, Any] = {}
        sources_used = {source for sources in self.fields.values() for source in _listed(sources)}
        known = {*self.ignore, *sources_used, *(source.partition(".")[0] for source in sources_used)}
        for name, value in data.items():
            if name not in known:
                _put(body, name.split(".") if is_flat else [name], _typed(name, value) if is_flat else value)
        for target, sources in self.fields.items():
            found = [value for source in _listed(sources) if (value := _find(data, source)) not in (None, "")]
            if found:
                _put(body, target.split("."), found if isinstance(sources, list) else _typed(target, found[0]))
        for target, value in self.defaults.items():
            if _find(body, target) is None:
                _put(body, target.split("."), value)
        if isinstance(body.get("variants"), dict):
            body["variants"] = list(body["variants"].values())
        return body


def _listed(sources: str | list[str]) -> list[str]:
    return sources if isinstance(sources, list) else [sources]


def _find(data: Any, path: str) -> Any:
    if isinstance(data, dict) and path in data:
        return data[path]
    for part in path.split("."):
        data = data.get(part) if isinstance(data, dict) else None
    return data


def _put(body: dict[str, Any], path: list[str], value: Any) -> None:
    *parents, name = path
    for parent in parents:
        inner = body.setdefault(parent, {})
        if not isinstance(inner, dict):
            # The column stands beside its own parent: `attributes` and `attributes.color`. The schema says so.
            inner = body[parent] = {}
        body = inner
    body[name] = value


def _typed(path: str, value: Any) -> Any:
    """Text that stands for a number, a truth or a list becomes one, and an id that is a number becomes text.

    What does not read as its field's type stays as it is, for the schema to refuse with its own words.
    """
    if path.startswith("attributes.") or ".options." in path:
        return value
    name = path.rpartition(".")[2]
    if isinstance(value, str):
        return _from_text(name, value.strip())
    if isinstance(value, int) and not isinstance(value, bool) and name in {"sku", "barcode"}:
        return str(value)
    return value


def _from_text(name: str, text: str) -> Any:
    if name in LISTS:
        return [part.strip() for part in text.split("|") if part.strip()]
    if name in NUMBERS:
        return _number(text)
    if name == "isActive":
        return BOOLEANS.get(text.lower(), text)
    return text


def _number(text: str) -> Any:
    if WHOLE.fullmatch(text):
        return int(text)
    return Decimal(text) if BROKEN.fullmatch(text) else text


def typed_values(values: Any, kinds: Mapping[str, str]) -> Any:
    """Attribute values of a flat row as their attributes' kinds. What can't be stays text, for the schema to refuse."""
    if not isinstance(values, dict):
        return values
    return {code: _of_kind(kinds.get(code, ""), value) for code, value in values.items()}


def _of_kind(kind: str, value: Any) -> Any:
    if kind == "number" and isinstance(value, str):
        return _number(value.strip())
    if kind == "boolean" and isinstance(value, str):
        return BOOLEANS.get(value.strip().lower(), value)
    return value
