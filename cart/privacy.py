"""The carts' part of a copy and of an erasure."""

from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.models import User
from inventory import operations as inventory
from shop.privacy import Part

from . import store
from .models import CartSnapshot


def export(user: User) -> list[dict[str, Any]]:
    return [
        {
            "cartId": cart.public_id,
            "state": cart.state,
            "items": [{name: line.get(name) for name in ("sku", "quantity", "addedAt")} for line in cart.lines],
            "createdAt": cart.created_at,
            "updatedAt": cart.updated_at,
        }
        for cart in user.carts.order_by("id")
    ]


def erase(user: User, now: datetime) -> None:
    """Deletes the carts and gives back what they hold. Locks: the carts by id, then stock."""
    carts = list(CartSnapshot.objects.filter(user=user).select_for_update(no_key=True).order_by("pk"))
    CartSnapshot.objects.filter(pk__in=[cart.pk for cart in carts]).delete()
    transaction.on_commit(lambda: store.forget([cart.public_id for cart in carts]))
    for cart in carts:
        inventory.release(cart.reference)


PART = Part("carts", export, erase)
