"""Carts and orders, made through the shop's own verbs."""

from collections.abc import Sequence
from datetime import datetime
from itertools import count
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from accounts.models import User
from cart import operations as carts
from cart.models import CartSnapshot
from catalog import operations as catalog
from catalog.models import Variant
from catalog.tests.factories import VariantFactory
from checkout import operations
from orders import operations as orders
from orders.models import Order
from orders.operations import Contact

_numbers = count(1)
ADDRESS = {
    "full_name": "Ada Byron", "line1": "Lindenallee 7", "line2": "", "city": "Berlin", "region": "",
    "postal_code": "10115", "country": "DE", "phone": "",
}  # fmt: skip


def make_variant(**values: Any) -> Variant:
    return VariantFactory.create(**values)


def reprice(variant: Variant, price_minor: int) -> None:
    Variant.objects.filter(pk=variant.pk).update(price_minor=price_minor)
    catalog.refresh(variant.product)


def make_cart(
    *variants: Variant, user: User | None = None, quantity: int = 2, now: datetime | None = None
) -> CartSnapshot:
    cart = carts.open_cart(user or AnonymousUser())
    for variant in variants or [make_variant()]:
        cart = carts.add_item(cart, variant=variant, quantity=quantity, now=now or timezone.now())
    return cart


def place_order(
    *variants: Variant,
    user: User | None = None,
    payment_method: str = "cod",
    quantity: int = 2,
    cart: CartSnapshot | None = None,
    **more: Any,
) -> Order:
    """Two mugs at 24.00 and 4.90 of freight unless told otherwise. The payment has not begun."""
    now = more.pop("now", None) or timezone.now()
    values: dict[str, Any] = {
        "contact": Contact(user.email if user else "ada@example.com"),
        "shipping_address": ADDRESS,
        "billing_address": None,
        "shipping_method": "",
        "shown_total_minor": None,
        "key": f"test:{next(_numbers)}",
    }
    cart = cart or make_cart(*variants, user=user, quantity=quantity, now=now)
    return operations.place_order(cart, user=user, payment_method=payment_method, now=now, **values | more)


def order_in(status: str, *variants: Variant, **values: Any) -> Order:
    """An order on delivery payment that has been brought to that status by its own verbs."""
    order, now = place_order(*variants, **values), timezone.now()
    if status == "cancelled":
        return orders.cancel_order(order, actor="test", reason="test", now=now)
    steps: Sequence[str] = ["pending", "confirmed", "processing", "shipped", "delivered"]
    for step in steps[1 : steps.index(status) + 1]:
        if step == "confirmed":
            order = orders.confirm(order, actor="test", now=now)
        else:
            order = orders.set_status(order, step, actor="test", now=now)
    return order
