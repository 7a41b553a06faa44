"""An edit meets a cancellation, a parcel, another edit: each in a race that its guard decides, and without it."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from checkout import edits
from checkout.edits import Wish
from inventory import operations as inventory
from inventory.models import StockItem
from orders import operations as orders
from orders.models import Order
from orders.operations import parcels
from payments import operations as payments
from shop.errors import DomainError
from tests.races.pairs import Pair, Race, assert_kept, assert_lost, replaced, together

from .factories import make_variant, place_order

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 12


def unlocked(order: Order) -> Order:
    return Order.objects.get(pk=order.pk)


def ordered(number: int, *, is_paid: bool = False) -> Order:
    """Two mugs by bank transfer."""
    order = place_order(make_variant(sku=f"MUG-{number}"), payment_method="invoice")
    if is_paid:
        payments.start(order, now=timezone.now())
        payments.record_manual_payment(order, actor="test", now=timezone.now())
    order.refresh_from_db()
    return order


def to(order: Order, quantity: int) -> Callable[[], object]:
    """What `edit` does once it has shown the difference and closed the open payment: the part that meets others."""
    wish = Wish({order.lines.get().sku: quantity}, None, "guest")

    @transaction.atomic
    def act() -> object:
        return edits._edit(order, wish, now=timezone.now(), is_final=True)

    return act


def against_cancel(number: int) -> Race:
    order = ordered(number)
    sku = order.lines.get().sku

    def violation(answers: list[Any]) -> str:
        if isinstance(answers[1], Exception):
            return ""
        order.refresh_from_db()
        reserved = StockItem.objects.get(sku=sku).reserved
        return f"{reserved} promised to a cancelled order" if reserved else ""

    def cancel() -> Order:
        return orders.cancel_order(order, actor="test", reason="test", now=timezone.now())

    return Race([to(order, 3), cancel], violation)


def against_ship(number: int) -> Race:
    order = ordered(number, is_paid=True)

    def violation(_: list[Any]) -> str:
        sent = sum(line.quantity for parcel in order.shipments.all() for line in parcel.lines.all())
        taken_off = order.lines.get().cancelled_quantity
        return f"{sent} sent and {taken_off} taken off of 2" if sent + taken_off > 2 else ""

    def ship() -> Order:
        # The edit looks twice: each round the parcel comes a little later, so that one comes in between.
        time.sleep(number * 0.006)
        return orders.ship(order, actor="test", now=timezone.now())

    return Race([to(order, 1), ship], violation)


CANCEL = Pair(
    "edit against cancel",
    against_cancel,
    lambda: replaced(edits, "_locked", unlocked),
    "3 promised to a cancelled order",
    pause_after='FROM "orders_order" WHERE',
)
SHIP = Pair(
    "edit against ship",
    against_ship,
    # Stock is a guard of its own behind the lock: it gives back no unit that has left.
    lambda: together(
        replaced(edits, "_locked", unlocked),
        replaced(parcels, "locked", unlocked),
        replaced(inventory, "release", lambda *_: None),
    ),
    "2 sent and 1 taken off of 2",
    pause_after='FROM "orders_order(line)?" ',
)


@pytest.mark.parametrize("pair", [CANCEL, SHIP], ids=lambda pair: pair.name)
def test_the_order_s_lock_keeps(sound: None, pair: Pair) -> None:
    assert_kept(pair, rounds=ROUNDS)


@pytest.mark.parametrize("pair", [CANCEL, SHIP], ids=lambda pair: pair.name)
def test_without_the_order_s_lock(pair: Pair) -> None:
    assert_lost(pair, rounds=ROUNDS)


def test_of_two_edits_at_once_each_is_whole_or_refused(sound: None) -> None:
    def schedule(number: int) -> Race:
        order = ordered(100 + number)
        order_line = order.lines.get()

        def violation(answers: list[Any]) -> str:
            made = [answer for answer in answers if not isinstance(answer, DomainError)]
            order_line.refresh_from_db()
            return "" if made and order_line.quantity in {1, 3} else "no edit, or half of one"

        return Race([to(order, 1), to(order, 3)], violation)

    assert_kept(Pair("two edits", schedule, lambda: together(), ""), rounds=ROUNDS)
