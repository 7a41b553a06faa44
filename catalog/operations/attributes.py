import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from shop.errors import InvalidInput

from ..models import Attribute

CODE = re.compile(r"[a-z0-9_-]{1,64}\Z")
Scalar = str | int | float | bool


def check_values(groups: Mapping[str, Mapping[str, Any]], *, axes: Iterable[str] = ()) -> dict[str, dict[str, Scalar]]:
    """Values fit for storing, by group: `{"attributes": {...}, "variants.0.options": {...}}` keeps its keys.

    An attribute that nobody knows yet is made, as text. Errors: InvalidInput names `attributes.weight` when a value is
    not of the attribute's kind.
    """
    codes = {code for values in groups.values() for code in values}
    if not codes:
        return {group: {} for group in groups}
    if unfit := [f"{group}.{code}" for group, values in groups.items() for code in values if not CODE.match(code)]:
        raise InvalidInput(fields={name: ["Small letters, digits, - and _ only, at most 64."] for name in unfit})
    known = _known(codes, axes=set(axes))
    checked: dict[str, dict[str, Scalar]] = {}
    wrong: dict[str, list[str]] = {}
    for group, values in groups.items():
        checked[group] = {}
        for code, value in values.items():
            try:
                checked[group][code] = _of_kind(known[code], value)
            except ValueError as error:
                wrong[f"{group}.{code}"] = [str(error)]
    if wrong:
        raise InvalidInput(fields=wrong)
    return checked


def _known(codes: set[str], *, axes: set[str]) -> dict[str, Attribute]:
    known = Attribute.objects.in_bulk(list(codes), field_name="code")
    if missing := sorted(codes - known.keys()):
        Attribute.objects.bulk_create(
            [Attribute(code=code, name=_title(code), is_axis=code in axes) for code in missing], ignore_conflicts=True
        )
        known |= Attribute.objects.in_bulk(missing, field_name="code")
    return known


def _title(code: str) -> str:
    return code.replace("_", " ").replace("-", " ").strip().capitalize() or code


def _of_kind(attribute: Attribute, value: Any) -> Scalar:
    if isinstance(value, Decimal):
        value = int(value) if value == value.to_integral_value() else float(value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if attribute.kind == Attribute.Kind.NUMBER and not is_number:
        raise ValueError("Must be a number.")
    if attribute.kind == Attribute.Kind.BOOLEAN and not isinstance(value, bool):
        raise ValueError("Must be true or false.")
    if attribute.kind == Attribute.Kind.CHOICE:
        allowed = [choice["value"] for choice in attribute.choices]
        if value not in allowed:
            raise ValueError(f"Must be one of: {', '.join(map(str, allowed))}.")
    return value
