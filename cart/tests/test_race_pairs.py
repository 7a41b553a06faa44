"""Each guard of carts and their holds in the race that it decides, and the same race without it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from accounts.tests.factories import UserFactory
from cart import operations
from cart.models import CartSnapshot
from catalog.tests.factories import VariantFactory
from inventory import operations as inventory
from inventory.errors import InsufficientStock
from inventory.models import Reservation
from tests.races.pairs import Pair, Race, assert_kept, assert_lost, replaced

from .factories import add, cart_of

pytestmark = pytest.mark.django_db(transaction=True)
Removal = AbstractContextManager[object]


def two_carts_of_one_address(number: int) -> Race:
    """Three units may be set aside there, and both want two."""
    sku, holder = f"MUG-{number}", f"somewhere-{number}"
    VariantFactory.create(sku=sku, stock=50)
    carts = [CartSnapshot.objects.create(holder=holder) for _ in range(2)]

    def violation(_: list[Any]) -> str:
        held = sum(Reservation.objects.open().filter(sku=sku).values_list("quantity", flat=True))
        return f"one address holds {held} of 3" if held != 2 else ""

    def taking(cart: CartSnapshot) -> Callable[[], CartSnapshot]:
        return lambda: add(cart, sku, 2)

    return Race([taking(cart) for cart in carts], violation)


def without_the_holders_lock() -> Removal:
    return replaced(operations, "_lock_holder", lambda holder: None)


def merging_while_others_buy(number: int) -> Race:
    """The guest's first article is held no more, the second is: giving back first would lock that one first."""
    skus = [f"{name}-{number}" for name in ("BOWL", "CUP")]
    for sku in skus:
        VariantFactory.create(sku=sku, stock=50)
    user = UserFactory.create()
    cart_of(user, **{skus[0]: 1})
    guest = cart_of(None, **dict.fromkeys(skus, 1))
    gone = Reservation.objects.filter(reference=guest.reference, sku=skus[0])
    gone.update(expires_at=timezone.now() - timedelta(minutes=1))
    inventory.release_expired(timezone.now())

    @transaction.atomic
    def sign_in() -> None:
        notice_deadlocks_at_once()
        operations.merge(guest, user, now=timezone.now())

    @transaction.atomic
    def buy() -> None:
        notice_deadlocks_at_once()
        inventory.allocate("bag:none", f"order:{number}", dict.fromkeys(skus, 1), until=None)

    def violation(answers: list[Any]) -> str:
        return "deadlock" if any(isinstance(answer, OperationalError) for answer in answers) else ""

    return Race([sign_in, buy], violation)


def notice_deadlocks_at_once() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL deadlock_timeout = '50ms'")


def in_two_passes() -> Removal:
    """What is given back first, then line by line what is held: each in the order of its own SKUs."""

    def take_over(source: str, reference: str, quantities: dict[str, int], *, until: datetime) -> set[str]:
        inventory.release(source)
        refused = set()
        for sku, quantity in quantities.items():
            try:
                with transaction.atomic():
                    inventory.hold(reference, {sku: quantity}, until=until)
            except InsufficientStock:
                refused.add(sku)
        return refused

    return replaced(inventory, "take_over", take_over)


PAIRS = [
    Pair(
        "two carts of one address",
        two_carts_of_one_address,
        without_the_holders_lock,
        "one address holds 4 of 3",
        pause_after=r"SELECT .*SUM.* FROM \"inventory_reservation\"",
    ),
    Pair(
        "merge against order",
        merging_while_others_buy,
        in_two_passes,
        "deadlock",
        pause_after="UPDATE inventory_stockitem",
    ),
]


@pytest.fixture(autouse=True)
def few(settings: Any) -> None:
    settings.SHOP_MAX_HELD_UNITS = 3


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_the_guard_keeps(pair: Pair) -> None:
    assert_kept(pair)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_without_its_guard_it_is_lost(pair: Pair) -> None:
    assert_lost(pair)
