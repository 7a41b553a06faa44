"""JSON without what `json.loads` lets pass: duplicate names, NaN, NUL, half characters. Decimals stay exact."""

import json
from decimal import Decimal
from typing import Any, NoReturn


def loads(text: str) -> Any:
    """Raises ValueError, or RecursionError for what is nested without end."""
    value = decoder().decode(text)
    refuse_broken_text(value)
    return value


def decoder() -> json.JSONDecoder:
    """For reading piece by piece; the caller then checks each piece with `refuse_broken_text`."""
    return json.JSONDecoder(parse_float=Decimal, parse_constant=_refuse, object_pairs_hook=_unique)


def refuse_broken_text(value: Any) -> None:
    """Raises ValueError: NUL can't be stored in PostgreSQL and a lone surrogate can't be encoded."""
    if isinstance(value, str):
        if "\x00" in value:
            raise ValueError("Contains a NUL character.")
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise ValueError("Not valid UTF-8.") from error
    elif isinstance(value, dict):
        for name, item in value.items():
            refuse_broken_text(name)
            refuse_broken_text(item)
    elif isinstance(value, list):
        for item in value:
            refuse_broken_text(item)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    body = dict(pairs)
    if len(body) != len(pairs):
        raise ValueError("duplicate name")
    return body
