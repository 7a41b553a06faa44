"""Real threads against PostgreSQL, each race with a twin that proves that it would be lost without its guard."""

from collections import Counter
from collections.abc import Iterator

import pytest
from django.db import connection
from django.utils import timezone

from inventory import operations
from inventory.errors import InsufficientStock
from inventory.models import Reservation, StockItem, StockMovement
from inventory.operations import counters as counters_

from .factories import allocate, broken, counters, hold, release, ship, stocked, together

pytestmark = pytest.mark.django_db(transaction=True)
BUYERS = 32


def test_ten_units_are_promised_ten_times() -> None:
    stocked("MUG", 10)
    results = together(BUYERS, lambda number: hold(f"bag:{number}", MUG=1))
    assert Counter(type(result) for result in results) == {type(None): 10, InsufficientStock: BUYERS - 10}
    assert counters() == (10, 10, 0, 0)
    assert broken() == {}


@pytest.fixture
def unguarded(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    constraint = next(each for each in StockItem._meta.constraints if each.name == "stock_never_oversold")
    monkeypatch.setattr(counters_, "GUARD", "")
    with connection.schema_editor() as editor:
        editor.remove_constraint(StockItem, constraint)
    yield
    StockItem.objects.all().delete()
    with connection.schema_editor() as editor:
        editor.add_constraint(StockItem, constraint)


@pytest.mark.usefixtures("unguarded")
def test_without_the_guard_and_the_check_they_are_oversold() -> None:
    stocked("MUG", 10)
    together(BUYERS, lambda number: hold(f"bag:{number}", MUG=1))
    assert counters()[1] > 10
    assert set(broken()) >= {"I1"}


def test_the_last_units_go_to_one_of_two_sizes() -> None:
    stocked("MUG", 10)
    together(16, lambda number: hold(f"bag:{number}", MUG=3))
    assert counters() == (10, 9, 0, 1)
    assert broken() == {}


def test_crossing_carts_do_not_wait_in_a_circle() -> None:
    for sku in ("BOWL", "CUP", "MUG"):
        stocked(sku, 1000)

    def shop(number: int) -> None:
        skus = ["BOWL", "CUP", "MUG"]
        for turn in range(10):
            order = skus if (number + turn) % 2 else skus[::-1]
            hold(f"bag:{number}", **dict.fromkeys(order, turn + 1))

    assert together(8, shop) == [None] * 8
    assert counters("MUG")[1] == counters("BOWL")[1] == 80
    assert broken() == {}


def test_one_hold_released_by_many_comes_back_once() -> None:
    stocked("MUG", 10)
    hold("bag:a", minutes=-1, MUG=4)
    together(12, lambda number: release("bag:a") if number % 2 else operations.release_expired(timezone.now()))
    assert counters() == (10, 0, 0, 10)
    assert broken() == {}


def test_a_hold_is_either_ordered_or_swept() -> None:
    stocked("MUG", 40)
    for number in range(8):
        hold(f"bag:{number}", minutes=-1 if number % 2 else 15, MUG=5)

    def job(number: int) -> None:
        if number < 8:
            allocate(f"bag:{number}", f"sale:{number}", MUG=5)
        else:
            operations.release_expired(timezone.now())

    assert together(12, job) == [None] * 12
    assert counters() == (40, 40, 0, 0)
    assert Reservation.objects.open().allocations().count() == 8
    assert broken() == {}


def test_one_order_shipped_by_many_leaves_once() -> None:
    stocked("MUG", 10)
    allocate("bag:a", "sale:a", MUG=4)
    assert together(8, lambda number: ship("sale:a")) == [None] * 8
    assert counters() == (6, 0, 0, 6)
    assert StockMovement.objects.filter(kind="shipment").count() == 1
    assert broken() == {}
