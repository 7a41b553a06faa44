"""What every verb does: lock the order, move its state, write down what happened, tell the others."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from orders.errors import InvalidTransition
from orders.models import Order, OrderEvent
from shop import outbox

Status, PaymentStatus, FulfillmentStatus = Order.Status, Order.PaymentStatus, Order.FulfillmentStatus

ALLOWED: Mapping[str, frozenset[str]] = {
    Status.PENDING: frozenset({Status.CONFIRMED, Status.CANCELLED}),
    Status.CONFIRMED: frozenset({Status.PROCESSING, Status.SHIPPED, Status.CANCELLED}),
    Status.PROCESSING: frozenset({Status.SHIPPED, Status.CANCELLED}),
    Status.SHIPPED: frozenset({Status.DELIVERED}),
    Status.DELIVERED: frozenset(),
    Status.CANCELLED: frozenset(),
}
SYSTEM = "system"


def locked(order: Order) -> Order:
    rows: QuerySet[Order] = Order.objects.select_for_update(no_key=True)
    return rows.get(pk=order.pk)


def quantities(order: Order) -> dict[str, int]:
    """What the order wants of each article; units that were taken off it are not wanted."""
    total: Counter[str] = Counter()
    for line in order.lines.all():
        total[line.sku] += line.wanted
    return dict(total)


def transition(order: Order, to: str, *, actor: str, now: datetime, payload: dict[str, Any] | None = None) -> None:
    if to not in ALLOWED[order.status]:
        raise InvalidTransition(order.status, to, ALLOWED[order.status])
    record(order, to, actor=actor, now=now, from_status=order.status, to_status=to, payload=payload)
    order.status = to
    if to == Status.CONFIRMED:
        tell("order.confirmed", order, priority=outbox.MONEY)


def record(
    order: Order,
    type: str,
    *,
    actor: str,
    now: datetime,
    from_status: str = "",
    to_status: str = "",
    payload: dict[str, Any] | None = None,
) -> None:
    OrderEvent.objects.create(
        order=order,
        type=type,
        from_status=from_status,
        to_status=to_status,
        actor=actor,
        payload=payload or {},
        created_at=now,
    )


def save(order: Order, now: datetime) -> None:
    order.updated_at = now
    order.save(update_fields=["status", "payment_status", "fulfillment_status", "payment_due_at", "updated_at"])


def tell(topic: str, order: Order, *, of: str = "", priority: int = outbox.NORMAL, **payload: Any) -> None:
    """`of` names what the event is of, where one order may have several of the topic."""
    key = f"{topic}:{order.public_id}" + (f":{of}" if of else "")
    outbox.publish(topic, key=key, payload={"order_id": order.public_id, **payload}, priority=priority)
