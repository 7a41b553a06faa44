"""Request parameters: Stripe's form encoding with nested brackets, checked against a declared shape."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from sandbox.errors import ApiError

Check = Callable[[Any, str], Any]


class Required:
    def __init__(self, check: Check) -> None:
        self.check = check


def parse(encoded: str) -> dict[str, Any]:
    """`a[b][0][c]=1` as {"a": {"b": {"0": {"c": "1"}}}}; `a[]=` counts up from 0. Raises ApiError on a broken name."""
    tree: dict[str, Any] = {}
    for name, value in parse_qsl(encoded, keep_blank_values=True):
        match = re.fullmatch(r"([^\[\]]+)((?:\[[^\[\]]*\])*)", name)
        if not match:
            raise ApiError(f"Invalid parameter name: {name}", param=name)
        path = [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])]
        node = tree
        for step in path[:-1]:
            node = node.setdefault(step or str(len(node)), {})
            if not isinstance(node, dict):
                raise ApiError(f"Invalid parameter name: {name}", param=name)
        node[path[-1] or str(len(node))] = value
    return tree


def read(tree: dict[str, Any], shape: Check) -> dict[str, Any]:
    """The parameters as typed values. Raises ApiError (400) naming the first parameter that is wrong."""
    values: dict[str, Any] = shape(tree, "")
    return values


def group(fields: dict[str, Check | Required]) -> Check:
    def check(value: Any, param: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ApiError("Invalid object", param=param)
        for name in value:
            if name not in fields:
                raise _unknown(_inside(param, name))
        return {
            name: result for name, field in fields.items() if (result := _member(value, name, field, param)) is not None
        }

    return check


def _member(value: dict[str, Any], name: str, field: Check | Required, param: str) -> Any:
    path = _inside(param, name)
    if name in value:
        return (field.check if isinstance(field, Required) else field)(value[name], path)
    if isinstance(field, Required):
        raise ApiError(f"Missing required param: {path}.", code="parameter_missing", param=path)
    return None


def _unknown(path: str) -> ApiError:
    return ApiError(
        f"Received unknown parameter: {path} (the sandbox builds what the shop uses: sandbox/api.py)",
        code="parameter_unknown",
        param=path,
    )


def _inside(param: str, name: str) -> str:
    return f"{param}[{name}]" if param else name


def items(check_one: Check, *, at_most: int = 100) -> Check:
    def check(value: Any, param: str) -> list[Any]:
        if not isinstance(value, dict) or not all(key.isdecimal() for key in value):
            raise ApiError("Invalid array", param=param)
        if len(value) > at_most:
            raise ApiError(f"Array {param} may hold {at_most} entries at most.", param=param)
        return [check_one(value[key], f"{param}[{key}]") for key in sorted(value, key=int)]

    return check


def text(value: Any, param: str, *, at_most: int = 5000) -> str:
    if not isinstance(value, str):
        raise ApiError(f"Invalid string: {param}", param=param)
    if not value:
        raise ApiError(
            f"You passed an empty string for '{param}'. You should remove '{param}' from your request or supply "
            "a non-empty value.",
            code="parameter_invalid_empty",
            param=param,
        )
    if len(value) > at_most:
        raise ApiError(f"Invalid string: {param} must be at most {at_most} characters", param=param)
    return value


def short_text(at_most: int) -> Check:
    return lambda value, param: text(value, param, at_most=at_most)


def integer(at_least: int, at_most: int | None = None) -> Check:
    def check(value: Any, param: str) -> int:
        content = text(value, param)
        if not re.fullmatch(r"-?[0-9]{1,18}", content):
            raise ApiError(f"Invalid integer: {content}", code="parameter_invalid_integer", param=param)
        number = int(content)
        if number < at_least:
            bound = f"greater than or equal to {at_least}"
        elif at_most is not None and number > at_most:
            bound = f"less than or equal to {at_most}"
        else:
            return number
        raise ApiError(f"This value must be {bound}.", code="parameter_invalid_integer", param=param)

    return check


def choice(*allowed: str) -> Check:
    def check(value: Any, param: str) -> str:
        content = text(value, param)
        if content not in allowed:
            raise ApiError(f"Invalid {param}: must be one of {', '.join(allowed)}", param=param)
        return content

    return check


def currency(value: Any, param: str) -> str:
    content = text(value, param).lower()
    if not re.fullmatch(r"[a-z]{3}", content):
        raise ApiError(f"Invalid currency: {content}", param=param)
    return content


def url(value: Any, param: str) -> str:
    content = text(value, param)
    parts = urlsplit(content)
    # Visible ASCII only: it becomes a Location header, which a line break or an umlaut would break.
    if parts.scheme not in ("http", "https") or not parts.netloc or not re.fullmatch(r"[!-~]+", content):
        raise ApiError("Not a valid URL", code="url_invalid", param=param)
    return content


def email(value: Any, param: str) -> str:
    content = text(value, param, at_most=800)
    if not is_email(content):
        raise ApiError(f"Invalid email address: {content}", code="email_invalid", param=param)
    return content


def is_email(content: str) -> bool:
    return re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", content) is not None


def metadata(value: Any, param: str) -> dict[str, str]:
    """At most 50 keys of 40 characters with values of 500; an empty value unsets the key."""
    if not isinstance(value, dict) or not all(isinstance(entry, str) for entry in value.values()):
        raise ApiError("Invalid hash: metadata values must be strings", param=param)
    if len(value) > 50:
        raise ApiError("Metadata may hold 50 keys at most.", param=param)
    for key, entry in value.items():
        if len(key) > 40:
            raise ApiError(f"Metadata key is longer than 40 characters: {key}", param=param)
        if len(entry) > 500:
            raise ApiError("Metadata values can have up to 500 characters.", param=_inside(param, key))
    return {key: entry for key, entry in value.items() if entry}


def boolean(value: Any, param: str) -> bool:
    return choice("true", "false")(value, param) == "true"


def moment(value: Any, param: str) -> dict[str, int]:
    """A range of seconds, or one second by itself."""
    if isinstance(value, dict):
        bounds: dict[str, int] = TIME_RANGE(value, param)
        return bounds
    at = integer(0)(value, param)
    return {"gte": at, "lte": at}


def no_longer_supported(value: Any, param: str) -> Any:
    """Since API version 2026-09-30: a shop that still sends it is refused by Stripe, and so it must be here."""
    raise ApiError(
        f"The parameter {param} is no longer supported. Use allowed_{param}.", code=f"{param}_no_longer_supported",
        param=param,
    )  # fmt: skip


EXPAND = items(text, at_most=20)
ONE = group({"expand": EXPAND})
CAPTURE_METHOD = choice("automatic", "automatic_async", "manual")
TIME_RANGE = group(dict.fromkeys(("gt", "gte", "lt", "lte"), integer(0)))
PAGE: dict[str, Check | Required] = {
    "limit": integer(1, 100),
    "starting_after": text,
    "ending_before": text,
    "expand": EXPAND,
    "created": moment,
}
