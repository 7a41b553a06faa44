"""The orders' part of a copy and of an erasure: what the books must keep, and for how long."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from accounts.models import User
from shop.privacy import Part

from .models import Order, Return
from .schemas import OrderAnswer, ReturnAnswer

Status = Order.Status
REFUNDED = Order.PaymentStatus.REFUNDED
OPEN = (Status.PENDING, Status.CONFIRMED, Status.PROCESSING, Status.SHIPPED)
# Says nothing about a person, and tax law asks which rate was right.
KEPT_OF_AN_ADDRESS = ("country", "region", "postal_code")
BATCH = 500


def export(user: User) -> list[dict[str, Any]]:
    return [
        OrderAnswer.of(order).model_dump(by_alias=True)
        | {
            "email": order.email,
            "phone": order.phone,
            "events": [{"type": event.type, "at": event.created_at} for event in order.events.all()],
            "returns": [ReturnAnswer.of(each).model_dump(by_alias=True) for each in order.returns.all()],
        }
        for order in user.orders.with_details().prefetch_related("returns__lines__order_line")
    ]


def objection(user: User) -> str:
    # What was lost and refunded never arrives.
    waiting = user.orders.filter(status__in=OPEN).exclude(status=Status.SHIPPED, payment_status=REFUNDED)
    number = waiting.values_list("number", flat=True).first()
    return f"Order {number} is not finished. Cancel it or wait until it has arrived." if number else ""


def redact_old(now: datetime) -> None:
    """Takes the person out of orders that the books no longer need by name: sums, lines and tax country stay.

    Locks: orders, a batch at a time.
    """
    before = years_earlier(now, settings.SHOP_KEEP_ORDER_DATA_YEARS)
    due = Order.objects.filter(placed_at__lt=before, redacted_at=None).exclude(status__in=OPEN).order_by("placed_at")
    while True:
        with transaction.atomic():
            batch = list(due.select_for_update(skip_locked=True, no_key=True)[:BATCH])
            for order in batch:
                _redact(order, now)
            Return.objects.filter(order__in=batch).update(note="")
            Order.objects.bulk_update(batch, ["email", "phone", "shipping_address", "billing_address", "redacted_at"])
        if len(batch) < BATCH:
            return


def _redact(order: Order, now: datetime) -> None:
    order.email, order.phone = f"erased-{order.public_id}@invalid".lower(), ""
    order.shipping_address = _place_of(order.shipping_address)
    order.billing_address = _place_of(order.billing_address)
    order.redacted_at = now


def _place_of(address: dict[str, Any]) -> dict[str, Any]:
    return {name: address[name] for name in KEPT_OF_AN_ADDRESS if name in address}


def years_earlier(now: datetime, years: int) -> datetime:
    try:
        return now.replace(year=now.year - years)
    except ValueError:  # the 29th of February
        return now.replace(year=now.year - years, day=28)


PART = Part("orders", export, objection=objection, expire=redact_old)
