"""Two who act on one order at the same moment: each race with its twin, in which the order is not locked."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import count
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from cart import operations as carts
from checkout.tests.books import broken
from checkout.tests.factories import make_cart, make_variant, order_in, place_order
from inventory import operations as inventory
from inventory.models import Reservation
from orders import operations
from orders.models import Order, OrderLine, Shipment
from orders.operations import ReturnItem, parcels, payment, returns, status
from pricing.models import PromotionUse
from pricing.tests.factories import coupon
from shop.models import OutboxEvent
from tests.races.pairs import Pair, Race, assert_kept, assert_lost, replaced, together, without_unique

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 12
_numbers = count(1)
SELECT = 'FROM "orders_order"'
Cancel = Callable[[], Order]


def unlocked(order: Order) -> Order:
    return Order.objects.get(pk=order.pk)


def without_lock() -> AbstractContextManager[object]:
    """The one guard of an order: its row, locked before it is looked at."""
    return together(*(replaced(module, "locked", unlocked) for module in (parcels, payment, returns, status)))


def order_of_three(state: str) -> tuple[Order, OrderLine]:
    order = order_in(state, make_variant(stock=30), quantity=3)
    return order, order.lines.get()


def cancel_of(order: Order) -> Cancel:
    return lambda: operations.cancel_order(order, actor="test", reason="test", now=timezone.now())


def ship_of(order: Order, line: OrderLine, quantity: int) -> Callable[[], object]:
    return lambda: operations.ship(order, quantities={line.public_id: quantity}, actor="test", now=timezone.now())


def events(order: Order, *types: str) -> int:
    return order.events.filter(type__in=types).count()


# --- Two of staff send the same units


def two_pack(_number: int) -> Race:
    order, line = order_of_three("confirmed")

    def pack() -> object:
        return operations.prepare(order, quantities={line.public_id: 2}, actor="test", now=timezone.now())

    return Race([pack, pack], lambda answers: beyond(line, "packed"))


def two_ship(_number: int) -> Race:
    order, line = order_of_three("confirmed")
    return Race([ship_of(order, line, 2)] * 2, lambda answers: beyond(line, "sent"))


def beyond(line: OrderLine, word: str) -> str:
    units = OrderLine.objects.with_units().get(pk=line.pk).units_parceled
    return f"{word} {units} of {line.quantity}" if units > line.quantity else ""


def ship_without_looking(*args: Any, **more: Any) -> None:
    """The stock would refuse the second parcel too: in this twin it does not look either."""


# --- A lost parcel is replaced by two


def two_replace(_number: int) -> Race:
    order, _ = order_of_three("shipped")
    lost = operations.lose(order.shipments.get(), actor="test", now=timezone.now())

    def replace() -> object:
        return operations.replace(lost, actor="test", now=timezone.now())

    def violation(answers: list[Any]) -> str:
        made = Shipment.objects.filter(order=order, replaces__isnull=False).count()
        return f"replaced {made} times" if made > 1 else ""

    return Race([replace, replace], violation)


# --- More comes back than arrived


def two_returns(_number: int) -> Race:
    order, line = order_of_three("delivered")

    def ask() -> object:
        item = ReturnItem(line.public_id, 2, "other")
        return operations.request_return(order, [item], actor="guest", now=timezone.now())

    def violation(answers: list[Any]) -> str:
        claimed = OrderLine.objects.with_units().get(pk=line.pk).units_claimed
        return f"returned {claimed} of 3" if claimed > 3 else ""

    return Race([ask, ask], violation)


def two_receive(_number: int) -> Race:
    """And a rejection between them."""
    order, line = order_of_three("delivered")
    item, now = ReturnItem(line.public_id, 2, "other"), timezone.now()
    made = operations.request_return(order, [item], actor="guest", now=now)
    made = operations.approve_return(made, actor="test", now=now)

    def receive() -> object:
        return operations.receive_return(made, {line.public_id: "restock"}, actor="test", now=now)

    def reject() -> object:
        return operations.reject_return(made, reason="worn", actor="test", now=now)

    def violation(answers: list[Any]) -> str:
        return "decided twice" if events(order, "return_received", "return_rejected") > 1 else ""

    return Race([receive, reject, receive], violation)


# --- Cancelling


def twenty_cancels(number: int) -> Race:
    code = coupon(f"RACE{number}-{next(_numbers)}").code
    order = place_order(cart=carts.add_coupon(make_cart(make_variant(stock=30)), code, now=timezone.now()))
    assert PromotionUse.objects.filter(reference=order.reference, state="claimed").count() == 1

    def violation(answers: list[Any]) -> str:
        if events(order, "cancelled") > 1:
            return "cancelled more than once"
        if PromotionUse.objects.filter(reference=order.reference, state="claimed").exists():
            return "kept the coupon"
        if Reservation.objects.open().filter(reference=order.reference).exists():
            return "kept the stock"
        told = OutboxEvent.objects.filter(topic="order.cancelled", payload__order_id=order.public_id).count()
        return "" if told == 1 else f"told {told} times"

    return Race([cancel_of(order)] * 20, violation)


def hesitating(execute: Any, sql: str, *rest: Any) -> Any:
    """Long enough after the look for the other to come and go, if nothing holds them up."""
    result = execute(sql, *rest)
    if SELECT in sql:
        time.sleep(0.15)
    return result


def cancel_against_ship(number: int) -> Race:
    """In every other round a part of the order leaves."""
    order, line = order_of_three("confirmed")

    def cancel() -> object:
        with connection.execute_wrapper(hesitating):
            return cancel_of(order)()

    def violation(answers: list[Any]) -> str:
        order.refresh_from_db()
        has_left = order.shipments.filter(status__in=Shipment.LEFT).exists()
        return "a parcel of a cancelled order" if events(order, "cancelled") and has_left else ""

    return Race([cancel, ship_of(order, line, 3 - number % 2)], violation)


def cancel_against_capture(_number: int) -> Race:
    order = place_order(make_variant(stock=30), quantity=3, payment_method="stripe")

    def capture() -> object:
        return operations.mark_paid(order, payment_reference="pay_1", now=timezone.now())

    def violation(answers: list[Any]) -> str:
        order.refresh_from_db()
        is_paid = not isinstance(answers[1], Exception)
        if order.status != "cancelled" or (is_paid and order.payment_status != "paid"):
            return "money without an order"
        return ""

    return Race([cancel_of(order), capture], violation)


PAIRS = [
    Pair("two pack the same units", two_pack, without_lock, "packed 4 of 3", SELECT),
    Pair(
        "two send the same units",
        two_ship,
        lambda: together(without_lock(), replaced(inventory, "ship", ship_without_looking)),
        "sent 4 of 3",
        SELECT,
    ),
    Pair(
        "two replace a lost parcel",
        two_replace,
        lambda: together(without_lock(), without_unique(Shipment, "replaces_id")),
        "replaced 2 times",
        SELECT,
    ),
    Pair("two ask for the same return", two_returns, without_lock, "returned 4 of 3", SELECT),
    Pair("a return is received and rejected", two_receive, without_lock, "decided twice", SELECT),
    Pair("cancel against ship", cancel_against_ship, without_lock, "a parcel of a cancelled order", SELECT),
    Pair("cancel against capture", cancel_against_capture, without_lock, "money without an order", SELECT),
]
TWENTY = Pair("twenty cancels", twenty_cancels, without_lock, "cancelled more than once", SELECT)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_with_the_lock_nothing_is_wrong(pair: Pair) -> None:
    assert_kept(pair, rounds=ROUNDS)
    assert broken() == {}


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_without_it_the_named_violation_happens(pair: Pair) -> None:
    assert_lost(pair, rounds=ROUNDS)


def test_twenty_cancels_are_one() -> None:
    assert_kept(TWENTY, rounds=4)
    assert broken() == {}


def test_without_the_lock_they_are_many() -> None:
    assert_lost(TWENTY, rounds=4)
