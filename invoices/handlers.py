"""Whatever happens to an order, the same question is asked of it: which of its invoices is not written yet?"""

from typing import Any

from django.utils import timezone

from orders.models import Order

from . import operations

TOPICS = (
    "order.placed",
    "order.payment_method",
    "order.paid",
    "order.edited",
    "order.shipped",
    "order.cancelled",
    "order.refunded",
)


def write_what_is_due(event: dict[str, Any]) -> None:
    operations.write_what_is_due(Order.objects.get(public_id=event["order_id"]), now=timezone.now())
