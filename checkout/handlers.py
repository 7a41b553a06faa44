from typing import Any

from django.utils import timezone

from orders.models import Order

from . import edits


def refund_edit(event: dict[str, Any]) -> None:
    """Again, where the request that made the edit died before the refund or found the provider away."""
    if event["units"]:
        order = Order.objects.get(public_id=event["order_id"])
        edits.refund(order, event["units"], edit=event["edit"], now=timezone.now())
