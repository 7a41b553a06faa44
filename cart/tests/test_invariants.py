"""A planted bad row is seen, by exactly the invariant that forbids it."""

from collections.abc import Callable

import pytest
from django.db import connection

from accounts.models import User
from cart.models import CartSnapshot
from catalog.models import Variant
from checkout.tests.books import broken
from inventory import operations as inventory

from .factories import cart_of

pytestmark = pytest.mark.django_db


def lines(cart: CartSnapshot, *changed: dict[str, object]) -> None:
    CartSnapshot.objects.filter(pk=cart.pk).update(lines=[cart.lines[0] | change for change in changed])


def an_article_twice(cart: CartSnapshot) -> None:
    lines(cart, {}, {"itemId": "item_other"})
    CartSnapshot.objects.filter(pk=cart.pk).update(state="merged")
    release(cart)


def a_quantity_of_none(cart: CartSnapshot) -> None:
    release(cart)
    lines(cart, {"quantity": 0})


def two_open_carts_of_one_person(cart: CartSnapshot) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("DROP INDEX one_open_cart_per_person")
    CartSnapshot.objects.create(user=cart.user)


def a_hold_of_another_quantity(cart: CartSnapshot) -> None:
    lines(cart, {"quantity": 3})


def a_hold_of_what_is_not_in_the_cart(cart: CartSnapshot) -> None:
    lines(cart)


def a_hold_of_a_closed_cart(cart: CartSnapshot) -> None:
    CartSnapshot.objects.filter(pk=cart.pk).update(state="ordered")


def a_hold_of_a_forgotten_cart(cart: CartSnapshot) -> None:
    CartSnapshot.objects.all().delete()


def release(cart: CartSnapshot) -> None:
    inventory.release(cart.reference)


@pytest.mark.parametrize(
    ("code", "plant"),
    [
        ("C1", an_article_twice),
        ("C1", a_quantity_of_none),
        ("C1", two_open_carts_of_one_person),
        ("C4", a_hold_of_another_quantity),
        ("C4", a_hold_of_what_is_not_in_the_cart),
        ("C4", a_hold_of_a_closed_cart),
        ("C4", a_hold_of_a_forgotten_cart),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_one_bad_row_is_one_finding(
    code: str, plant: Callable[[CartSnapshot], None], customer: User, mug: Variant
) -> None:
    cart = cart_of(customer, MUG=2)
    assert broken() == {}
    plant(cart)
    found = broken()
    assert found.keys() == {code}
    assert len(found[code]) == 1
