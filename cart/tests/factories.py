from typing import Any

from django.utils import timezone

from accounts.models import User
from cart import operations
from cart.models import CartSnapshot
from catalog.models import Variant
from inventory.models import Reservation, StockItem


def cart_of(user: User | None = None, **quantities: int) -> CartSnapshot:
    """`cart_of(MUG=2)`: a guest's cart with two mugs."""
    cart = operations.open_cart(user) if user else CartSnapshot.objects.create()
    for sku, quantity in quantities.items():
        cart = add(cart, sku, quantity)
    return cart


def add(cart: CartSnapshot, sku: str, quantity: int) -> CartSnapshot:
    variant = Variant.objects.select_related("product").get(sku=sku)
    return operations.add_item(cart, variant=variant, quantity=quantity, now=timezone.now())


def contents(cart: CartSnapshot) -> dict[str, int]:
    cart = CartSnapshot.objects.get(pk=cart.pk)
    return {line["sku"]: line["quantity"] for line in cart.lines}


def holds(cart: CartSnapshot) -> dict[str, int]:
    rows = Reservation.objects.open().holds().filter(reference=cart.reference)
    return dict(rows.values_list("sku", "quantity"))


def available(sku: str = "MUG") -> int:
    return StockItem.objects.get(sku=sku).available


def item_id(cart: CartSnapshot, sku: str = "MUG") -> str:
    lines: list[dict[str, Any]] = CartSnapshot.objects.get(pk=cart.pk).lines
    return str(next(line["itemId"] for line in lines if line["sku"] == sku))
