"""Each guard of stock in the race that it decides, and the same race without it (`tests/races/pairs.py`)."""

import random
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.db.models import Sum
from django.utils import timezone

from inventory import operations
from inventory.models import Reservation, StockItem, StockMovement, Warehouse
from inventory.operations import counters, promises, shelf, spread
from tests.races.pairs import (
    Pair,
    Race,
    assert_kept,
    assert_lost,
    replaced,
    together,
    without_constraint,
    without_unique,
)

from .factories import allocate, hold, release, stocked

pytestmark = pytest.mark.django_db(transaction=True)

READS_STOCK = r'SELECT .* FROM "inventory_stockitem"'
READS_PROMISES = r'SELECT .* FROM "inventory_reservation"'
READS_LEDGER = r'SELECT .* FROM "inventory_stockmovement"'
Removal = AbstractContextManager[object]


# --- Guards, taken away


def without_condition() -> Removal:
    """Neither the statement's condition nor the CHECK behind it."""
    return together(replaced(counters, "GUARD", ""), without_constraint(StockItem, "stock_never_oversold"))


def without_reservation_lock() -> Removal:
    def unlocked(reservations: Any) -> list[Reservation]:
        return list(reservations.order_by("sku", "warehouse__priority", "warehouse_id"))

    return replaced(promises, "_locked", unlocked)


def without_reservation_lock_and_checks() -> Removal:
    """A part of a reservation can't be more than it: the database says so too."""
    return together(
        without_reservation_lock(),
        without_constraint(Reservation, "reservation_of_something"),
        without_constraint(Reservation, "inventory_reservation_quantity_check"),
    )


def without_sweepers_lock() -> Removal:
    return together(without_reservation_lock(), replaced(promises, "_idle", list))


def without_stock_lock(module: Any) -> Callable[[], Removal]:
    return lambda: replaced(module, "_locked", lambda items: list(items.order_by("sku", "warehouse_id")))


def locked_in_no_order() -> Removal:
    """Rows locked as chance has it, and not by SKU and warehouse."""
    chance = random.Random(1)

    def locked(items: Any) -> list[StockItem]:
        keys = sorted(items.values_list("pk", flat=True))
        return [items.select_for_update(no_key=True).get(pk=key) for key in chance.sample(keys, len(keys))]

    return replaced(spread, "_locked", locked)


# --- Schedules


def outlet() -> Warehouse:
    return Warehouse.objects.get_or_create(code="outlet", defaults={"name": "Outlet", "priority": 200})[0]


def shared(sku: str, first: int, second: int) -> None:
    """Units in two warehouses."""
    stocked(sku, first)
    shelf.ensure_item(sku, outlet())
    StockItem.objects.filter(sku=sku).update(low_stock_threshold=0)
    with transaction.atomic():
        operations.receive(sku, second, reason="delivery", actor="user_staff", warehouse=outlet())


def promised(sku: str, **of: Any) -> int:
    rows = Reservation.objects.filter(sku=sku, **({"state": "open"} | of))
    return rows.aggregate(units=Sum("quantity"))["units"] or 0


def reserved(sku: str) -> int:
    return StockItem.objects.filter(sku=sku).aggregate(units=Sum("reserved"))["units"]


def miscounted(sku: str) -> str:
    if reserved(sku) != promised(sku):
        return f"reserved {reserved(sku)} for {promised(sku)} promised"
    return ""


def buy(sku: str, buyer: int, quantity: int = 1) -> Callable[[], None]:
    return lambda: hold(f"bag:{sku}:{buyer}", **{sku: quantity})


def the_last_unit(number: int) -> Race:
    sku = f"LAST-{number}"
    stocked(sku, 1)

    def violation(_: list[Any]) -> str:
        sold = promised(sku)
        return f"sold {sold} of 1" if sold != 1 else ""

    return Race([buy(sku, buyer) for buyer in range(2)], violation)


def one_unit_in_each_of_two_warehouses(number: int) -> Race:
    """Both buyers would take the first warehouse's; who comes second has to be sent to the other one."""
    sku = f"SPLIT-{number}"
    shared(sku, 1, 1)

    def violation(_: list[Any]) -> str:
        sold = promised(sku)
        return f"sold {sold} of 2" if sold != 2 else ""

    return Race([buy(sku, buyer) for buyer in range(2)], violation)


def two_staff_ship_two_of_three(number: int) -> Race:
    sku, order = f"PART-{number}", f"sale:part-{number}"
    with_a_neighbour(sku, order, 3)

    @transaction.atomic
    def part() -> None:
        operations.ship(order, actor="user_staff", quantities={sku: 2})

    def violation(_: list[Any]) -> str:
        left = promised(sku, state="fulfilled", reference=order)
        return f"shipped {left} of 3" if left > 3 else miscounted(sku)

    return Race([part, part], violation)


def with_a_neighbour(sku: str, order: str, quantity: int) -> None:
    """An order's units, on a shelf with those of another order: else a counter below zero would give the race away."""
    stocked(sku, quantity + 5)
    allocate("bag:none", order, **{sku: quantity})
    allocate("bag:none", f"{order}-neighbour", **{sku: 5})


def cancelled_while_shipped(number: int) -> Race:
    sku, order = f"BOTH-{number}", f"sale:both-{number}"
    with_a_neighbour(sku, order, 3)

    @transaction.atomic
    def leave() -> None:
        operations.ship(order, actor="user_staff")

    return Race([leave, lambda: release(order)], lambda _: miscounted(sku))


def swept_while_ordered(number: int) -> Race:
    """The sweeper's clock is ahead: the hold has run out for it and not for the buyer."""
    sku, cart, order = f"SWEPT-{number}", f"bag:swept-{number}", f"sale:swept-{number}"
    stocked(sku, 9)
    hold(cart, **{sku: 2})

    def violation(_: list[Any]) -> str:
        kept = promised(sku, reference=order)
        return f"the order keeps {kept} of 2" if kept != 2 else miscounted(sku)

    def sweep() -> None:
        operations.release_expired(timezone.now() + timedelta(hours=1))

    return Race([lambda: allocate(cart, order, **{sku: 2}), sweep], violation)


def one_return_booked_twice(number: int) -> Race:
    sku = f"BACK-{number}"
    stocked(sku, 5)

    @transaction.atomic
    def book() -> None:
        operations.restock(
            sku, 2, disposition="restock", warehouse=None, reference="sale:a", actor="user_staff", key=f"return:{sku}"
        )

    def violation(_: list[Any]) -> str:
        came = StockMovement.objects.filter(sku=sku, kind="return").aggregate(units=Sum("quantity"))["units"]
        return f"{came} came back of 2" if came != 2 else ""

    return Race([book, book], violation)


def moved_while_bought(number: int) -> Race:
    sku = f"MOVED-{number}"
    shared(sku, 3, 1)

    @transaction.atomic
    def move() -> None:
        first = operations.default_warehouse()
        operations.transfer(
            sku, 3, source=first, target=outlet(), reason="season", actor="user_staff", key=f"move:{sku}"
        )

    def violation(_: list[Any]) -> str:
        short = StockItem.objects.filter(sku=sku).aggregate(units=Sum("shortfall"))["units"]
        return f"{short} promised units were moved away" if short else ""

    return Race([move, buy(sku, 1, 2)], violation)


def counted_while_bought(number: int) -> Race:
    """Eight fit what the books say; the count finds five."""
    sku = f"COUNT-{number}"
    item = stocked(sku, 10)

    @transaction.atomic
    def count() -> None:
        operations.set_on_hand(item, 5, reason="stock-take", actor="user_staff")

    def violation(_: list[Any]) -> str:
        now = StockItem.objects.get(pk=item.pk)
        return f"sold {now.reserved} of {now.on_hand}" if now.reserved > now.on_hand + now.shortfall else ""

    return Race([count, buy(sku, 1, 8)], violation)


def edited_while_cancelled(number: int) -> Race:
    sku, order = f"EDIT-{number}", f"sale:edit-{number}"
    with_a_neighbour(sku, order, 2)
    with transaction.atomic():
        operations.receive(sku, 9, reason="delivery", actor="user_staff")

    @transaction.atomic
    def edit() -> None:
        operations.reallocate(order, {sku: 4}, until=None)

    return Race([edit, lambda: release(order)], lambda _: miscounted(sku))


def crossing_baskets(number: int) -> Race:
    """The same two articles, each in two warehouses, named in another order."""
    skus = [f"CROSS-{number}-{end}" for end in "AB"]
    for sku in skus:
        shared(sku, 3, 3)

    def buyer(name: int, order: list[str]) -> Callable[[], None]:
        @transaction.atomic
        def shop() -> None:
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL deadlock_timeout = '50ms'")
            until = timezone.now() + timedelta(minutes=15)
            operations.hold(f"bag:cross:{number}:{name}", dict.fromkeys(order, 2), until=until)

        return shop

    def violation(answers: list[Any]) -> str:
        if any(isinstance(answer, OperationalError) and "deadlock" in str(answer) for answer in answers):
            return "deadlock"
        return "" if all(promised(sku) == 4 for sku in skus) else "a basket is incomplete"

    return Race([buyer(1, skus), buyer(2, skus[::-1])], violation)


PAIRS = [
    Pair("reserve the last unit", the_last_unit, without_condition, "sold 2 of 1", READS_STOCK),
    Pair(
        "split over two warehouses",
        one_unit_in_each_of_two_warehouses,
        without_stock_lock(spread),
        "sold 1 of 2",
        READS_STOCK,
    ),
    Pair(
        "two staff ship two of three",
        two_staff_ship_two_of_three,
        without_reservation_lock_and_checks,
        "shipped 4 of 3",
        READS_PROMISES,
    ),
    Pair(
        "release against ship",
        cancelled_while_shipped,
        without_reservation_lock,
        "reserved 2 for 5 promised",
        READS_PROMISES,
    ),
    Pair(
        "sweep against allocate",
        swept_while_ordered,
        without_sweepers_lock,
        "the order keeps 0 of 2",
        READS_PROMISES,
    ),
    Pair(
        "restock with one key twice",
        one_return_booked_twice,
        lambda: without_unique(StockMovement, "idempotency_key"),
        "4 came back of 2",
        READS_LEDGER,
    ),
    Pair(
        "transfer against reserve",
        moved_while_bought,
        without_stock_lock(shelf),
        "2 promised units were moved away",
        READS_STOCK,
    ),
    Pair("count against reserve", counted_while_bought, without_condition, "sold 8 of 5", READS_STOCK),
    Pair(
        "reallocate against cancel",
        edited_while_cancelled,
        without_reservation_lock,
        "reserved 7 for 5 promised",
        READS_PROMISES,
    ),
    Pair("crossing baskets over two warehouses", crossing_baskets, locked_in_no_order, "deadlock", READS_STOCK),
]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_the_guard_keeps(pair: Pair) -> None:
    assert_kept(pair)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_without_its_guard_it_is_lost(pair: Pair) -> None:
    assert_lost(pair)
