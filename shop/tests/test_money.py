from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop.money import MAX_MINOR, Money, allocate, half_up, to_decimal, to_minor, to_number


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [("199.99", "EUR", 19999), ("0", "EUR", 0), ("5", "JPY", 5), ("1.234", "KWD", 1234), ("1E+2", "EUR", 10000)],
)
def test_an_amount_has_the_currencys_decimals(amount: str, currency: str, minor: int) -> None:
    assert to_minor(Decimal(amount), currency) == minor
    assert to_decimal(minor, currency) == Decimal(amount)
    assert Decimal(str(to_number(minor, currency))) == Decimal(amount)


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        ("0.001", "EUR"),
        ("0.1", "JPY"),
        ("0.0001", "KWD"),
        ("1.00000000000000000000000000000000000001", "EUR"),
        ("1E-400", "EUR"),
        ("NaN", "EUR"),
        ("Infinity", "EUR"),
        ("1E+400", "EUR"),
        ("99999999999999", "JPY"),
        ("100000000000", "EUR"),
    ],
)
def test_an_amount_that_can_not_be_kept_exactly_is_refused(amount: str, currency: str) -> None:
    with pytest.raises(ValueError):
        to_minor(Decimal(amount), currency)


@given(st.integers(0, MAX_MINOR - 1), st.sampled_from(["EUR", "JPY", "KWD"]))
def test_the_json_number_is_exact_for_every_amount(minor: int, currency: str) -> None:
    assert to_minor(Decimal(str(to_number(minor, currency))), currency) == minor


@given(st.integers(-(10**9), 10**9), st.lists(st.integers(0, 10**6), min_size=1))
def test_parts_sum_to_the_whole_and_no_part_is_a_unit_off(total: int, weights: list[int]) -> None:
    parts = allocate(total, weights)
    assert sum(parts) == total
    if whole := sum(weights):
        assert all(abs(part * whole - total * weight) < whole for part, weight in zip(parts, weights, strict=True))


def test_the_largest_remainders_get_the_odd_units() -> None:
    assert allocate(100, [1, 1, 1]) == [34, 33, 33]
    assert allocate(10, [15, 25, 60]) == [2, 2, 6]
    assert allocate(5, [0, 0]) == [3, 2]


def test_nothing_is_lost_for_want_of_weights() -> None:
    with pytest.raises(ValueError):
        allocate(5, [])


def test_halves_go_up() -> None:
    assert [half_up(Decimal(amount)) for amount in ("0.5", "1.5", "2.5", "0.49")] == [1, 2, 3, 0]


def test_money_reads_as_the_locale_writes_it(settings: object) -> None:
    assert str(Money(123456, "EUR")) == "€1,234.56"
    assert str(Money(500, "JPY")).endswith("500")
