"""Each guard of stock in the race that it decides, and the same race without it (`tests/races/pairs.py`)."""

from collections.abc import Callable
from typing import Any

import pytest

from inventory.models import Reservation, StockItem
from inventory.operations import counters
from tests.races.pairs import Pair, Race, assert_kept, assert_lost, replaced, together, without_constraint

from .factories import hold, stocked

pytestmark = pytest.mark.django_db(transaction=True)
OVERSOLD = "stock_never_oversold"


def unguarded() -> Any:
    """Neither the statement's condition nor the look before it nor the CHECK behind it."""
    return together(replaced(counters, "GUARD", ""), without_constraint(StockItem, OVERSOLD))


def promised(sku: str) -> int:
    return sum(Reservation.objects.open().filter(sku=sku).values_list("quantity", flat=True))


def last_unit(number: int) -> Race:
    sku = f"LAST-{number}"
    stocked(sku, 1)

    def violation(_: list[Any]) -> str:
        sold = promised(sku)
        return f"sold {sold} of 1" if sold != 1 else ""

    return Race([buy(sku, buyer) for buyer in range(2)], violation)


def buy(sku: str, buyer: int, quantity: int = 1) -> Callable[[], None]:
    return lambda: hold(f"bag:{sku}:{buyer}", **{sku: quantity})


PAIRS = [
    Pair("reserve the last unit", last_unit, unguarded, "sold 2 of 1", pause_after='FROM "inventory_stockitem"'),
]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_the_guard_keeps(pair: Pair) -> None:
    assert_kept(pair)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_without_its_guard_it_is_lost(pair: Pair) -> None:
    assert_lost(pair)
