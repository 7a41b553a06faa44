"""The append-only record of a payment, and the figures that are projected from it."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, ParamSpec, TypeVar

from django.db import connection

from orders import operations as orders
from orders.models import Order
from payments.models import Payment, PaymentEvent
from shop import outbox
from shop.models import OutboxEvent

log = logging.getLogger(__name__)
P = ParamSpec("P")
R = TypeVar("R")
Kind, Phase = PaymentEvent.Kind, PaymentEvent.Phase


FIRST_QUESTION = timedelta(minutes=1)
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

    def total(kind: PaymentEvent.Kind, phase: PaymentEvent.Phase) -> int:
        return sum(event.amount_minor for event in events if (event.kind, event.phase) == (kind, phase))

    bounced = sum(event.amount_minor for event in events if event.kind == Kind.REFUND and event.payload.get("bounced"))
    payment.captured_minor = total(Kind.CAPTURE, Phase.SUCCESS)
    payment.refunded_minor = total(Kind.REFUND, Phase.SUCCESS) - bounced
    payment.disputed_minor = total(Kind.DISPUTE, Phase.REQUEST) - total(Kind.DISPUTE, Phase.FAILURE)
    payment.status = _status(payment, events)
    payment.updated_at = now
    payment.save(update_fields=["captured_minor", "refunded_minor", "disputed_minor", "status", "updated_at"])


def _status(payment: Payment, events: list[PaymentEvent]) -> Payment.Status:
    if payment.captured_minor:
        full = payment.captured_minor >= payment.amount_minor
        return Payment.Status.CAPTURED if full else Payment.Status.PARTIALLY_CAPTURED
    # A capture that the provider refused, of money that is still authorised, names its request and ends nothing.
    if any((e.kind, e.phase) == (Kind.CAPTURE, Phase.FAILURE) and "request" not in e.payload for e in events):
        return Payment.Status.FAILED
    if end := next((e for e in events if (e.kind, e.phase) == (Kind.VOID, Phase.SUCCESS)), None):
        return Payment.Status(end.payload["status"])
    accepted = [e for e in events if (e.kind, e.phase) == (Kind.AUTHORIZE, Phase.SUCCESS)]
    if any(event.payload.get("status") == Payment.Status.AUTHORIZED for event in accepted):
        return Payment.Status.AUTHORIZED
    return Payment.Status.PROCESSING if accepted else Payment.Status.PENDING


def payment_status_of(order: Order) -> Order.PaymentStatus:
    """What all payments of an order say of it, from their events alone. Money outranks everything else."""
    status = Order.PaymentStatus
    payments = list(order.payments.order_by("id"))
    captured = sum(payment.captured_minor for payment in payments)
    if captured:
        lost = PaymentEvent.objects.filter(payment__in=payments, kind=Kind.DISPUTE, phase=Phase.SUCCESS)
        gone = sum(payment.refunded_minor for payment in payments) + sum(event.amount_minor for event in lost)
        if captured - gone >= order.total_minor:
            return status.PAID
        if captured <= gone:
            return status.REFUNDED
        return status.PARTIALLY_REFUNDED if gone else status.PARTIALLY_PAID
    states = [payment.status for payment in payments]
    if Payment.Status.AUTHORIZED in states:
        return status.AUTHORIZED
    promised = PaymentEvent.objects.filter(
        payment__in=payments, kind=Kind.AUTHORIZE, phase=Phase.SUCCESS, payload__status=Payment.Status.AUTHORIZED
    )
    if order.status == Order.Status.CANCELLED or promised.exists():
        return status.VOIDED
    return status.FAILED if states and states[-1] in {Payment.Status.FAILED, Payment.Status.EXPIRED} else status.PENDING


def tell_order(order: Order, *, now: datetime) -> None:
    """Sets the order's payment status to what its payments say. Locks: the order."""
    order = Order.objects.select_for_update(no_key=True).get(pk=order.pk)
    orders.record_payment_status(order, payment_status_of(order), now=now)


def alert(payment: Payment, problem: str) -> None:
    """Tells staff, once for each problem, that the provider and our books differ. Runs inside the transaction."""
    payload = {"order_id": payment.order.public_id, "payment_id": payment.public_id, "problem": problem}
    key = f"payment.mismatch:{payment.public_id}:{problem}"
    # What asks every minute would otherwise fill the log with one and the same problem.
    if not OutboxEvent.objects.filter(dedupe_key=key).exists():
        log.error("%s: %s", payment, problem)
    outbox.publish("payment.mismatch", key=key, payload=payload, priority=outbox.MONEY)
