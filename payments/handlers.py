from typing import Any

from django.utils import timezone

from orders.models import Order

from . import operations


def close_cancelled_order(event: dict[str, Any]) -> None:
    operations.close_order(Order.objects.get(public_id=event["order_id"]), now=timezone.now())
