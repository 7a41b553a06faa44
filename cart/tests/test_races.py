"""Real threads against PostgreSQL."""

import time
from collections import Counter
from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from accounts.models import User
from cart import operations
from cart.models import CartSnapshot
from catalog.models import Variant
from catalog.tests.factories import VariantFactory
from checkout.tests.books import broken
from inventory.models import Reservation, StockItem
from inventory.tests.factories import together

from .factories import add, cart_of, contents, holds

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sound")]


@pytest.fixture
def many(settings: Any) -> Variant:
    settings.SHOP_MAX_QUANTITY = 100
    return VariantFactory.create(sku="MUG", stock=200)


def post(path: str) -> Callable[[int], int]:
    return lambda number: (
        Client().post(path, {"sku": "MUG", "quantity": 1}, content_type="application/json").status_code
    )


def test_adds_at_once_sum_exactly(many: Variant) -> None:
    cart = cart_of(MUG=1)
    answers = together(32, post(f"/api/cart/{cart.public_id}/items"))
    assert Counter(answers) == {200: 32}
    assert contents(cart) == holds(cart) == {"MUG": 33}


def test_without_the_lock_on_the_cart_adds_are_lost(many: Variant, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: the same adds, reading the cart without its lock."""

    def unlocked(*carts: CartSnapshot) -> dict[int, CartSnapshot]:
        rows = {cart.pk: cart for cart in CartSnapshot.objects.filter(pk__in=[cart.pk for cart in carts])}
        time.sleep(0.05)
        return rows

    monkeypatch.setattr(operations, "_locked_by_id", unlocked)
    cart = cart_of(MUG=1)
    together(8, post(f"/api/cart/{cart.public_id}/items"))
    assert contents(cart)["MUG"] < 9
    Reservation.objects.all().delete()
    StockItem.objects.update(reserved=0)


def test_the_last_one_is_in_one_cart() -> None:
    VariantFactory.create(sku="MUG", stock=1)
    assert Counter(together(16, post("/api/cart/me/items"))) == {200: 1, 409: 15}
    assert CartSnapshot.objects.count() == 1


def test_a_persons_first_adds_at_once_make_one_cart(many: Variant, customer: User) -> None:
    def job(number: int) -> object:
        with transaction.atomic():
            add(operations.open_cart(customer), "MUG", 1)
        return None

    assert together(8, job) == [None] * 8
    assert contents(CartSnapshot.objects.get()) == {"MUG": 8}


def test_adding_and_clearing_at_once_leaves_no_hold_behind(many: Variant) -> None:
    cart = cart_of(MUG=1)

    def job(number: int) -> object:
        return add(cart, "MUG", 1) if number % 2 else operations.clear(cart, now=timezone.now())

    together(12, job)
    assert contents(cart) == holds(cart)


def test_two_sign_ins_at_once_lose_nothing(many: Variant, customer: User) -> None:
    guests = [cart_of(MUG=number + 1) for number in range(4)]
    results = together(4, lambda number: operations.merge(guests[number], customer, now=timezone.now()))
    assert all(isinstance(result, CartSnapshot) for result in results), results
    own = CartSnapshot.objects.open().get()
    assert own.user == customer
    assert contents(own) == holds(own) == {"MUG": 10}


def test_merging_and_sweeping_do_not_wait_in_a_circle(many: Variant, customer: User) -> None:
    """The sweeper locks a reservation, then its stock; merging comes to the own hold after the guest's stock."""
    own, guest = cart_of(customer, MUG=2), cart_of(MUG=3)
    results: list[object] = []

    def merge() -> None:
        try:
            results.append(operations.merge(guest, customer, now=timezone.now()))
        except Exception as error:  # noqa: BLE001 - the test looks at it
            results.append(error)
        finally:
            connection.close()

    with transaction.atomic():
        Reservation.objects.select_for_update(no_key=True).get(reference=own.reference)
        thread = Thread(target=merge)
        thread.start()
        wait_until_somebody_waits()
        StockItem.objects.select_for_update(no_key=True).get(sku="MUG")
    thread.join()
    assert isinstance(results[0], CartSnapshot), results
    assert contents(own) == holds(own) == {"MUG": 5}
    assert broken() == {}


def wait_until_somebody_waits() -> None:
    with connection.cursor() as cursor:
        for _ in range(200):
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
            time.sleep(0.02)
    raise AssertionError("nobody came to wait")
