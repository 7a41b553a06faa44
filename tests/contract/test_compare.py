"""The comparer sees what a client in another language would see."""

from typing import Any

import pytest

from .compare import differences

PRODUCT, OTHER = "prod_" + "a" * 22, "prod_" + "b" * 22


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ({"total": 1.0}, {"total": 1.0}),
        ({"id": "<prod>", "again": "<prod>", "other": "<prod 2>"}, {"id": PRODUCT, "again": PRODUCT, "other": OTHER}),
        (["<time>", "<time>"], ["2026-01-15T10:30:00Z", "2026-01-15T10:30:00.123Z"]),
        ({"a": None, "b": [{}]}, {"b": [{}], "a": None}),
    ],
)
def test_agreement(expected: Any, actual: Any) -> None:
    assert differences(expected, actual) == []


@pytest.mark.parametrize(
    ("expected", "actual", "line"),
    [
        (1, 1.0, "answer: expected 1 (integer), got 1.0 (decimal)"),
        (1, True, "answer: expected 1 (integer), got true (true/false)"),
        ({"price": 199.99}, {"price": "199.99"}, 'price: expected 199.99 (decimal), got "199.99" (text)'),
        ({"a": {"b": [1, 2]}}, {"a": {"b": [1, 3]}}, "a.b[1]: expected 2 (integer), got 3 (integer)"),
        ({"a": []}, {"a": [1]}, "a: expected 0 entries, got 1: [1] (array)"),
        ({"a": 1}, {}, "a: missing, expected 1 (integer)"),
        ({}, {"a": 1}, "a: not in the contract, got 1 (integer)"),
        ({"a": ""}, {"a": None}, 'a: expected "" (text), got null (null)'),
        ({"a": "<time>"}, {"a": "2026-01-15T10:30:00+01:00"}, "a: expected <time>"),
        ({"a": "<time>"}, {"a": "2026-01-15T10:30:00.123456Z"}, "a: expected <time>"),
        ({"a": "<prod>"}, {"a": 7}, "a: expected <prod>"),
        (["<prod>", "<prod>"], [PRODUCT, OTHER], "[1]: expected <prod> as before"),
        (["<prod>", "<prod 2>"], [PRODUCT, PRODUCT], "[1]: expected <prod 2> to differ from <prod>"),
    ],
)
def test_difference(expected: Any, actual: Any, line: str) -> None:
    [found] = differences(expected, actual)
    assert found.startswith(line)


def test_further_keys_are_permitted_where_said() -> None:
    assert differences([{"a": 1}], [{"a": 1, "b": 2}], may_add=True) == []
