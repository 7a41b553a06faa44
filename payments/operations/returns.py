"""Units that go back for money, with or without having come back."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from orders import operations as orders
from orders.models import Order, Return
from orders.operations import ReturnItem
from payments.models import Refund
from shop import failpoints

from .refunds import refund_left, refund_lines


def refund_units(
    order: Order,
    quantities: Mapping[str, int],
    *,
    shipping_minor: int = 0,
    is_restocked: bool,
    reason: str,
    key: str,
    actor: str,
    now: datetime,
) -> list[Refund]:
    """As `refund_lines`; with `is_restocked` the units are booked as a return that came, and are sold again.

    Raises besides what `orders.request_return` raises: only what was delivered can come back.
    """
    if not (is_restocked and quantities):
        return refund_lines(order, quantities, shipping_minor=shipping_minor, reason=reason, key=key, now=now)
    with transaction.atomic():
        items = [ReturnItem(line, quantity, "other") for line, quantity in quantities.items()]
        made = orders.request_return(order, items, note=reason, is_late_allowed=True, key=key, actor=actor, now=now)
        if made.status == Return.Status.REQUESTED:
            orders.approve_return(made, actor=actor, now=now)
            orders.receive_return(made, dict.fromkeys(quantities, "restock"), actor=actor, now=now)
    refunds = finish_return(made, now=now)
    if shipping_minor:
        refunds += refund_lines(order, {}, shipping_minor=shipping_minor, reason=reason, key=key, now=now)
    return refunds


def finish_return(received: Return, *, now: datetime) -> list[Refund]:
    """Gives back the units that came back, and lets the return know by which refund. Once, however often called."""
    quantities = {line.order_line.public_id: line.quantity for line in received.lines.select_related("order_line")}
    key = f"return:{received.public_id}"
    made = refund_left(received.order, quantities, reason="returned", key=key, now=now)
    failpoints.reach("returns.refunded")
    if made is not None:
        orders.mark_return_refunded(received.public_id, made[0].public_id if made else "", now=now)
    return made or []


def refund_cancelled_units(order: Order, *, now: datetime) -> None:
    """Gives back what staff took off the order before it left. Once for each time; what is not paid yet, when it is."""
    for event in order.events.filter(type="units_cancelled", payload__is_refunded=True):
        key = f"{order.public_id}:units:{event.pk}"
        refund_left(order, event.payload["units"], reason="not sent", key=key, now=now)
