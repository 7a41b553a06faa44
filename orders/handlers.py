from typing import Any

from django.utils import timezone

from accounts.models import User

from . import operations
from .models import Order


def join_orders_of_owner(event: dict[str, Any]) -> None:
    user = User.objects.filter(public_id=event["user_id"]).first()
    if user:
        operations.join_orders(user, now=timezone.now())


def join_order_to_owner(event: dict[str, Any]) -> None:
    """A guest's order joins as well when its address was verified before the order was placed."""
    order = Order.objects.filter(public_id=event["order_id"], user=None).first()
    owner = User.objects.filter(email=order.email, email_verified_at__isnull=False).first() if order else None
    if owner:
        operations.join_orders(owner, now=timezone.now())
