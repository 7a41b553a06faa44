"""A planted bad row is seen, by exactly the invariant that forbids it."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from inventory.models import Reservation, StockItem, StockMovement

from .factories import allocate, broken, hold, release, ship

pytestmark = pytest.mark.django_db


def without(table: str, *constraints: str) -> None:
    """Takes constraints off until the test's transaction is rolled back."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for constraint in constraints:
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}")


def without_trigger(table: str, trigger: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")


def oversold(item: StockItem) -> None:
    """Promised beyond the shelf, by a reservation that is really there."""
    without("inventory_stockitem", "stock_never_oversold", "stock_shortfall_is_exact")
    Reservation.objects.create(
        reference="bag:a",
        sku="MUG",
        warehouse=item.warehouse,
        quantity=11,
        kind="hold",
        expires_at=timezone.now() + timedelta(minutes=5),
    )
    StockItem.objects.update(reserved=11)


def wrong_shelf(item: StockItem) -> None:
    StockItem.objects.update(on_hand=9)


def deleted_item(item: StockItem) -> None:
    StockItem.objects.all().delete()


def changed_movement(item: StockItem) -> None:
    without_trigger("inventory_stockmovement", "append_only")
    StockMovement.objects.update(quantity=12)


def wrong_promise(item: StockItem) -> None:
    StockItem.objects.update(reserved=1)


def promise_of_nothing(item: StockItem) -> None:
    Reservation.objects.create(reference="sale:a", sku="NONE", warehouse=item.warehouse, quantity=1, kind="allocation")


def forgotten_hold(item: StockItem) -> None:
    hold("bag:a", minutes=-3, MUG=1)


def fulfilled_hold(item: StockItem) -> None:
    hold("bag:a", MUG=1)
    release("bag:a")
    without_trigger("inventory_reservation", "leaves_open_once")
    Reservation.objects.update(kind="allocation", state="expired")


def endless_hold(item: StockItem) -> None:
    hold("bag:a", MUG=1)
    Reservation.objects.update(expires_at=None)


def shipped_without_promise(item: StockItem) -> None:
    allocate("bag:a", "sale:a", MUG=2)
    ship("sale:a")
    without_trigger("inventory_reservation", "leaves_open_once")
    Reservation.objects.update(state="released")


def fulfilled_without_shipment(item: StockItem) -> None:
    Reservation.objects.create(
        reference="sale:a", sku="MUG", warehouse=item.warehouse, quantity=1, kind="allocation", state="fulfilled"
    )


PLANTS = [
    ("I1", oversold),
    ("I2", wrong_shelf),
    ("I2", deleted_item),
    ("I2", changed_movement),
    ("I3", wrong_promise),
    ("I3", promise_of_nothing),
    ("I5", forgotten_hold),
    ("I7", fulfilled_hold),
    ("I7", endless_hold),
    ("I8", shipped_without_promise),
    ("I8", fulfilled_without_shipment),
]


@pytest.mark.parametrize(("code", "plant"), PLANTS, ids=lambda value: getattr(value, "__name__", value))
def test_one_bad_row_is_one_finding(code: str, plant: Callable[[StockItem], None], item: StockItem) -> None:
    assert broken() == {}
    plant(item)
    found = broken()
    assert found.keys() == {code}
    assert len(found[code]) == 1
