from typing import Any

from django.utils import timezone

from orders.models import Order, Return

from . import operations


def close_cancelled_order(event: dict[str, Any]) -> None:
    operations.close_order(Order.objects.get(public_id=event["order_id"]), now=timezone.now())


def capture_shipped_order(event: dict[str, Any]) -> None:
    """The first parcel has left: the money that was authorised for the order is taken."""
    operations.capture_order(Order.objects.get(public_id=event["order_id"]), now=timezone.now())


def refund_cancelled_units(event: dict[str, Any]) -> None:
    operations.refund_cancelled_units(Order.objects.get(public_id=event["order_id"]), now=timezone.now())


def refund_return(event: dict[str, Any]) -> None:
    found = Return.objects.select_related("order").get(public_id=event["return_id"])
    operations.finish_return(found, now=timezone.now())
