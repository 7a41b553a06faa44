from collections import Counter
from typing import Any

from django.utils import timezone

from orders import operations as orders
from orders.models import Order, Return

from . import operations


def close_cancelled_order(event: dict[str, Any]) -> None:
    operations.close_order(Order.objects.get(public_id=event["order_id"]), now=timezone.now())


def capture_shipped_order(event: dict[str, Any]) -> None:
    """The first parcel has left: the money that was authorised for the order is taken."""
    operations.capture_order(Order.objects.get(public_id=event["order_id"]), now=timezone.now())


def refund_return(event: dict[str, Any]) -> None:
    """Gives back the units that came back, and lets the return know by which refund."""
    now = timezone.now()
    found = Return.objects.select_related("order").get(public_id=event["return_id"])
    quantities: Counter[str] = Counter()
    for line in found.lines.select_related("order_line"):
        quantities[line.order_line.public_id] += line.quantity
    made = operations.refund_return(found.order, quantities, key=f"return:{found.public_id}", now=now)
    if made is not None:
        orders.mark_return_refunded(found.public_id, made[0].public_id if made else "", now=now)
