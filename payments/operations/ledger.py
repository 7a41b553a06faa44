"""The append-only record of a payment, and the figures that are projected from it."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, ParamSpec, TypeVar

from django.db import connection
from django.db.models import Sum

from orders import operations as orders
from orders.models import Order
from payments.models import Payment, PaymentEvent
from shop import outbox

log = logging.getLogger(__name__)
P = ParamSpec("P")
R = TypeVar("R")
Kind, Phase = PaymentEvent.Kind, PaymentEvent.Phase


# After the first question, minutes after the payment began; afterwards every hour.
QUESTIONS = (1, 5, 15, 30)


def next_question(payment: Payment, now: datetime) -> dict[str, Any]:
    """When a payment is asked about again. Soon after it can't be paid any more its end is known, whatever the turn."""
    asked = payment.asked + 1
    gap = timedelta(minutes=QUESTIONS[asked] - QUESTIONS[asked - 1]) if asked < len(QUESTIONS) else timedelta(hours=1)
    at = now + gap
    if payment.expires_at and payment.status != Payment.Status.AUTHORIZED:
        at = min(at, max(payment.expires_at, now) + timedelta(minutes=1))
    return {"ask_at": at, "asked": min(asked, 1000)}


def ask(question: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Calls a provider. Refuses inside a transaction: its locks would be held for as long as the provider takes."""
    if connection.in_atomic_block:
        raise RuntimeError("a provider must not be called inside a transaction")
    return question(*args, **kwargs)


def lock(payment: Payment) -> Payment:
    """The payment as it is now, ours until the transaction ends. Locks: the payment."""
    locked = Payment.objects.select_for_update(no_key=True, of=("self",)).select_related("order")
    return locked.get(pk=payment.pk)


def lock_all(order: Order) -> list[Payment]:
    """All payments of an order, the oldest first: what is left of its lines is counted over all of them.

    Locks: the order's payments.
    """
    rows = Payment.objects.select_for_update(no_key=True, of=("self",)).select_related("order")
    return list(rows.filter(order=order).order_by("id"))


def lock_among(payment: Payment) -> Payment:
    """The payment, with the others of its order locked too."""
    return next(each for each in lock_all(payment.order) if each.pk == payment.pk)


def record(
    payment: Payment,
    kind: PaymentEvent.Kind,
    phase: PaymentEvent.Phase,
    *,
    key: str,
    amount_minor: int,
    now: datetime,
    **more: Any,
) -> bool:
    """Writes the event unless `key` was used; says whether it is new. The payment must be locked."""
    values = {"payment": payment, "kind": kind, "phase": phase, "amount_minor": amount_minor, "created_at": now, **more}
    return PaymentEvent.objects.get_or_create(idempotency_key=key, defaults=values)[1]


def project(payment: Payment, *, now: datetime) -> None:
    """Makes status and amounts what the events say. Money outranks an end, so that no late message lowers the state.

    Invariant M1 says the same in SQL, written apart.
    """
    events = list(payment.events.all())
    captured = sum(e.amount_minor for e in events if (e.kind, e.phase) == (Kind.CAPTURE, Phase.SUCCESS))
    refunded = sum(e.amount_minor for e in events if (e.kind, e.phase) == (Kind.REFUND, Phase.SUCCESS))
    bounced = sum(e.amount_minor for e in events if e.kind == Kind.REFUND and e.payload.get("bounced"))
    payment.captured_minor = captured
    payment.refunded_minor = refunded - bounced
    payment.status = _status(payment, events)
    payment.updated_at = now
    payment.save(update_fields=["captured_minor", "refunded_minor", "status", "updated_at"])


def _status(payment: Payment, events: list[PaymentEvent]) -> Payment.Status:
    seen = {(event.kind, event.phase) for event in events}
    if payment.captured_minor:
        full = payment.captured_minor >= payment.amount_minor
        return Payment.Status.CAPTURED if full else Payment.Status.PARTIALLY_CAPTURED
    if (Kind.CAPTURE, Phase.FAILURE) in seen:
        return Payment.Status.FAILED
    if end := next((event for event in events if event.kind == Kind.VOID), None):
        return Payment.Status(end.payload["status"])
    return Payment.Status.PROCESSING if (Kind.AUTHORIZE, Phase.SUCCESS) in seen else Payment.Status.PENDING


def tell_order(order: Order, *, now: datetime) -> None:
    """Sets the order's payment status from all its payments after money went back. Locks: the order."""
    order = Order.objects.select_for_update(no_key=True).get(pk=order.pk)
    sums = order.payments.aggregate(captured=Sum("captured_minor"), refunded=Sum("refunded_minor"))
    kept = sums["captured"] - sums["refunded"]
    if kept >= order.total_minor:
        status = Order.PaymentStatus.PAID
    else:
        status = Order.PaymentStatus.PARTIALLY_REFUNDED if kept else Order.PaymentStatus.REFUNDED
    orders.record_payment_status(order, status, now=now)


def alert(payment: Payment, problem: str) -> None:
    """Tells staff, once for each problem, that the provider and our books differ. Runs inside the transaction."""
    log.error("%s: %s", payment, problem)
    payload = {"order_id": payment.order.public_id, "payment_id": payment.public_id, "problem": problem}
    outbox.publish(
        "payment.mismatch",
        key=f"payment.mismatch:{payment.public_id}:{problem}",
        payload=payload,
        priority=outbox.MONEY,
    )
